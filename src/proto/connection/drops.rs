/// Dropped pushes, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Drops {
    /// The outbox policy dropped it.
    pub overflow: u32,
    /// It expired.
    pub expired: u32,
    /// It waited outside the bounds when a response had to come after everything.
    pub blocked: u32,
    /// The connection was cut.
    pub closed: u32,
    /// A response, or a missed message, that the protocol cannot encode: its frame would be too large.
    pub too_large: u32,
}

impl Drops {
    /// All of them.
    pub fn total(&self) -> u64 {
        let all = [self.overflow, self.expired, self.blocked, self.closed, self.too_large];
        all.into_iter().map(u64::from).sum()
    }
}
