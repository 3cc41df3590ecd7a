//! Ids of connections, by which streams name their parent and calls name streams.

use std::fmt;

/// A connection, named by the server that accepted it. Clients return ids as they are.
///
/// The low 16 bits are the shard of the server that owns the connection, the others count the connections that the
/// shard accepted, from 1. Ids are not secret: they identify, and authorize nothing.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::ConnectionId;
///
/// let id = ConnectionId::new(0x123, 1);
/// assert_eq!((id.counter(), id.shard(), id.to_string()), (0x123, 1, "1230001".into()));
/// assert!(id.is_valid() && !ConnectionId::INVALID.is_valid());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The id of a connection that cannot have streams. It is never sent.
    pub const INVALID: Self = Self(SHARD_MASK);

    /// The id of connection number `counter` of `shard`. The counter has 48 bits.
    #[inline]
    pub const fn new(counter: u64, shard: u16) -> Self {
        Self(counter << SHARD_BITS | shard as u64)
    }

    /// The shard that owns the connection.
    #[inline]
    pub const fn shard(self) -> u16 {
        (self.0 & SHARD_MASK) as u16
    }

    /// Number of the connection on its shard.
    #[inline]
    pub const fn counter(self) -> u64 {
        self.0 >> SHARD_BITS
    }

    /// Whether it has a shard: `0xffff` means none.
    #[inline]
    pub const fn is_valid(self) -> bool {
        self.0 & SHARD_MASK != SHARD_MASK
    }
}

/// Lower-case hexadecimal digits without a prefix, as Seastar prints it.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

const SHARD_BITS: u32 = 16;
const SHARD_MASK: u64 = 0xffff;
