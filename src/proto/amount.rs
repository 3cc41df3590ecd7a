/// A number of messages, and their bytes together.
///
/// # Examples
/// ```
/// use shardcast_proto::Amount;
///
/// assert_eq!(Amount::one(20), Amount { messages: 1, bytes: 20 });
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
