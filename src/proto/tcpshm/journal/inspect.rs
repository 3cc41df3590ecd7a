//! Journals as they are, for people: what is in a file, what is wrong with it, and what can be kept of it.

use super::{
    error::JournalError,
    head::Head,
    index::{SLOT_COUNT, Slot},
    open::{Found, best, newest},
    record::{self, StoredMessage},
    ring::{Point, Ring},
    store::Source,
};

/// Everything that can be read of a journal, damaged or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inspection {
    /// Bytes of the file.
    pub len: u64,
    /// The head.
    pub head: Result<Head, JournalError>,
    /// The slots: complete, or never written completely (`None`), or damaged. `None` without a valid head.
    pub slots: [Result<Option<Slot>, JournalError>; SLOT_COUNT as usize],
    /// The newest complete slot, and the records from there on.
    pub records: Result<Records, JournalError>,
}

/// The records from the newest slot on.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::{Records, inspect};
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut journal, _) = opening.finish();
/// journal.append(1, b"hello").expect("there is room");
/// let records: Records = inspect(journal.store()).records.expect("there is an index");
/// assert_eq!((records.next, records.bytes, records.error), (1, 16, None));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Records {
    /// The slot from which they were read.
    pub slot: Slot,
    /// The sequence number after the last valid one.
    pub next: u64,
    /// Bytes of the valid ones.
    pub bytes: u64,
    /// What is wrong with their end.
    pub error: Option<JournalError>,
}

/// Reads an image of a journal.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::{Defect, Inspection, RecordDefect, inspect, plan_repair};
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut journal, _) = opening.finish();
/// for body in [b"first ", b"second", b"third "] {
///     journal.append(1, body).expect("there is room");
/// }
/// let mut image = journal.store().clone();
/// let found: Inspection = inspect(&image);
/// assert!(found.faults().is_empty());
///
/// image[4096 + 16 + 8] ^= 1;
/// let found = inspect(&image);
/// assert_eq!(found.faults()[0].what, Defect::Record(RecordDefect::Checksum));
/// let kept = plan_repair(&image).expect("the head is intact");
/// assert_eq!((kept.first, kept.next), (0, 1));
/// ```
pub fn inspect(image: &[u8]) -> Inspection {
    let head = Head::load(image);
    let (slots, records) = match &head {
        Ok(head) => {
            let seed = head.seed();
            let slots = NUMBERS.map(|number| Slot::load(image, number, seed));
            let newest = newest(slots.map(Result::unwrap_or_default));
            (slots, newest.and_then(|slot| Records::read(image, slot, seed)))
        }
        Err(error) => (NUMBERS.map(|_| Ok(None)), Err(*error)),
    };
    Inspection { len: image.len_bytes(), head, slots, records }
}

impl Inspection {
    /// Everything that is wrong. Without an entry, the journal opens in the boot in which it was written.
    pub fn faults(&self) -> Vec<JournalError> {
        let head = self.head.as_ref().err().copied();
        let slots = self.slots.iter().filter_map(|slot| slot.err());
        let records = match &self.records {
            Ok(records) => records.error,
            Err(error) => (head != Some(*error)).then_some(*error),
        };
        head.into_iter().chain(slots).chain(records).collect()
    }
}

impl Records {
    fn read(image: &[u8], slot: Slot, seed: u32) -> Result<Self, JournalError> {
        let found = Found::scan(image, slot, seed, u64::MAX)?;
        let bytes = found.tail.pos - found.head.pos;
        Ok(Self { slot, next: found.tail.sequence, bytes, error: found.end_error(slot.next()) })
    }
}

/// What a repair keeps: a new journal that begins with these numbers gets these messages.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Identity, JournalConfig};
/// use shardcast_proto::tcpshm::journal::{Beginning, Journal, Kept, plan_repair};
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut damaged, _) = opening.finish();
/// # damaged.append(1, b"hello").expect("there is room");
/// # damaged.set_received(4);
/// let kept: Kept<'_> = plan_repair(damaged.store()).expect("the head is intact");
/// let beginning = Beginning { salt: 0x5eed, first: kept.first, received: kept.received };
/// let created = Journal::create(vec![0; 65536], identity, beginning, config).expect("valid names");
/// let (mut repaired, _) = created.finish();
/// for message in kept.messages() {
///     repaired.append(message.msg_type, &message.body).expect("there is room");
/// }
/// assert_eq!((repaired.next(), repaired.received()), (1, 4));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The first message that is kept.
    pub first: u64,
    /// The sequence number after the last one.
    pub next: u64,
    /// How many messages of the peer were received.
    pub received: u64,
    /// Messages after these that are lost, at least.
    pub lost_min: u64,
    image: &'a [u8],
    ring: Ring,
    head: Point,
    seed: u32,
}

/// Finds what a repair keeps of a journal: the valid records of its best slot, up to the first damaged one.
///
/// # Errors
/// Nothing can be kept: the head is damaged, without which no record can be checked, or no slot is complete.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::plan_repair;
///
/// assert_eq!(plan_repair(&[0; 8192]).expect_err("it has no head").code(), "not-a-journal");
/// ```
pub fn plan_repair(image: &[u8]) -> Result<Kept<'_>, JournalError> {
    let seed = Head::load(image)?.seed();
    let slots = NUMBERS.map(|number| Slot::load(image, number, seed).unwrap_or_default());
    let newest = newest(slots)?;
    let found = best(image, slots, newest, seed)?;
    Ok(Kept {
        first: found.head.sequence,
        next: found.tail.sequence,
        received: newest.received,
        lost_min: found.dropped.map_or(0, |it| it.messages_min),
        image,
        ring: Ring::new(found.slot.capacity, found.slot.head_at),
        head: found.head,
        seed,
    })
}

impl Kept<'_> {
    /// The messages, in their order.
    pub fn messages(&self) -> impl Iterator<Item = StoredMessage> {
        let Self { next, image, ring, seed, .. } = *self;
        let mut point = self.head;
        std::iter::from_fn(move || {
            let Point { pos, sequence } = point;
            let mut body = Vec::new();
            let head =
                (sequence < next).then(|| record::read(image, &ring, point, seed, &mut body))?.ok()??;
            body.truncate(head.body_len());
            point = Point { pos: pos + head.len(), sequence: sequence + 1 };
            Some(StoredMessage { sequence, msg_type: head.msg_type, body })
        })
    }
}

const NUMBERS: [u8; SLOT_COUNT as usize] = [0, 1, 2, 3];
