/// The kind of an operation; in the top byte of its user data, above the slot or listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Kind {
    Accept,
    Receive,
    Send,
    Connect,
    Alarm,
    Wake,
    Sync,
    Cancel,
}

pub(super) const fn encode(kind: Kind, index: u32) -> u64 {
    (kind as u64) << 56 | index as u64
}

pub(super) const fn decode(user_data: u64) -> (Kind, u32) {
    let kind = match user_data >> 56 {
        0 => Kind::Accept,
        1 => Kind::Receive,
        2 => Kind::Send,
        3 => Kind::Connect,
        4 => Kind::Alarm,
        5 => Kind::Wake,
        6 => Kind::Sync,
        _ => Kind::Cancel,
    };
    (kind, user_data as u32)
}
