use std::fmt;

/// Why nothing is read from a peer at present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Hold {
    /// Answers that it has not taken yet are at the bound of its outbox.
    Outbox,
    /// It asked for the history of a topic, and has not been answered.
    History,
    /// It has as many requests in progress as it may.
    Requests,
    /// It is to end once its requests are answered; this one is never lifted.
    Ending,
    /// The client at this end takes no more for now.
    Events,
    /// It has requests in progress, and all connections of its shard together have as many as they may.
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

/// The reasons that hold reading from one peer. Each is placed and lifted by itself, so that what lifts one never
/// lifts another; reading goes on when none is left.
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
    /// Whether reading goes on.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is one of the reasons.
    #[inline]
    pub const fn has(self, hold: Hold) -> bool {
        self.0 & 1 << hold as u8 != 0
    }

    /// Adds a reason.
    pub const fn place(&mut self, hold: Hold) {
        self.0 |= 1 << hold as u8;
    }

    /// Takes a reason away; true when it was the last one, so that reading goes on.
    #[must_use = "when the last one is lifted, reading must go on"]
    pub const fn lift(&mut self, hold: Hold) -> bool {
        let held = self.has(hold);
        self.0 &= !(1 << hold as u8);
        held && self.0 == 0
    }

    /// The reasons.
    pub fn iter(self) -> impl Iterator<Item = Hold> {
        Hold::ALL.into_iter().filter(move |hold| self.has(*hold))
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
