use std::fmt;

/// Why a peer is not read from at present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Hold {
    /// Unsent responses fill its outbox to the bound.
    Outbox,
    /// It asked for the history of a topic, and has no response yet.
    History,
    /// It has as many requests in progress as allowed.
    Requests,
    /// It will close after its requests are answered; this hold is never lifted.
    Ending,
    /// The client at this end accepts no more events for now.
    Events,
    /// It has requests in progress, and all connections of its shard together have as many as allowed.
    ShardRequests,
}

impl Hold {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Outbox, Self::History, Self::Requests, Self::Ending, Self::Events, Self::ShardRequests];

    /// Stable short name, as in `/connections`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::History => "history",
            Self::Requests => "requests",
            Self::Ending => "ending",
            Self::Events => "events",
            Self::ShardRequests => "shard-requests",
        }
    }
}

/// The holds on reading from one peer. Each is placed and lifted independently, so that lifting one never
/// lifts another. Reading continues when none is left.
///
/// # Examples
/// ```
/// use shardcast_proto::connection::{Hold, Holds};
///
/// let mut holds = Holds::default();
/// holds.place(Hold::Outbox);
/// holds.place(Hold::History);
/// assert!(!holds.lift(Hold::Outbox));
/// assert!(holds.lift(Hold::History) && holds.is_empty());
/// assert!(!holds.lift(Hold::History), "it was not held by that");
/// ```
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Holds(u8);

impl Holds {
    /// Whether reading continues.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this hold is placed.
    #[inline]
    pub const fn has(self, hold: Hold) -> bool {
        self.0 & 1 << hold as u8 != 0
    }

    /// Places a hold.
    pub const fn place(&mut self, hold: Hold) {
        self.0 |= 1 << hold as u8;
    }

    /// Lifts a hold; true when it was the last one, so that reading continues.
    #[must_use = "when the last one is lifted, reading must continue"]
    pub const fn lift(&mut self, hold: Hold) -> bool {
        let held = self.has(hold);
        self.0 &= !(1 << hold as u8);
        held && self.0 == 0
    }

    /// The placed holds.
    pub fn iter(self) -> impl Iterator<Item = Hold> {
        Hold::ALL.into_iter().filter(move |hold| self.has(*hold))
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
