use std::ops::{AddAssign, SubAssign};

/// A number of messages, and their bytes together.
///
/// # Examples
/// ```
/// use shardcast_proto::Amount;
///
/// let mut held = Amount::one(20);
/// held += Amount::one(3);
/// assert_eq!(held, Amount { messages: 2, bytes: 23 });
/// held -= Amount::one(20);
/// assert_eq!(held, Amount::one(3));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Amount {
    /// The number.
    pub messages: usize,
    /// The bytes of all of them.
    pub bytes: usize,
}

impl Amount {
    /// One message of this length.
    pub const fn one(bytes: usize) -> Self {
        Self { messages: 1, bytes }
    }
}

impl AddAssign for Amount {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Amount {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}
