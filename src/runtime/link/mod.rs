//! Connections: from the socket that was accepted to the descriptor that is closed.
//!
//! ```text
//!   accepted -> Unidentified -> Open -> Flushing -> Lingering -> Cut -> slot free
//!                    |            \________________________________^
//!                    +-> Moving -> (another shard)
//! ```
//!
//! `Open` is the only state in which the application knows the connection. Leaving it calls
//! `Service::closed`, once; what follows is between us and the peer: sending what was queued, the end of
//! stream, waiting for the peer's own, and giving the kernel time to let go of the slot.

pub(crate) mod accept;
pub(crate) mod close;
mod deliver;
mod drive;
mod flush;
pub(crate) mod members;
pub(crate) mod outbound;
pub(crate) mod table;

use std::{os::fd::OwnedFd, rc::Rc};

use shardcast_proto::{
    Dialect, RequestId, Session, Time, connection::Holds, outbox::Outbox, push::schedule::Pacer,
};

use crate::{CloseReason, Connection, shard::timer::TimerKey};
use outbound::Outbound;

/// One connection. Lives on one shard, in one slot of its table, which is its slot of the ring too.
pub(crate) struct Conn {
    pub(crate) handle: Connection,
    pub(crate) socket: OwnedFd,
    pub(crate) role: Role,
    pub(crate) state: State,
    /// Received bytes that are no whole frame yet, or that wait while reading is held.
    pub(crate) assembly: Vec<u8>,
    /// Since when the assembly has waited for the rest of its frame.
    pub(crate) frame_began: Option<Time>,
    pub(crate) outbox: Outbox,
    /// How fast the outbox may empty, where its listener says so.
    pub(crate) pace: Option<Box<Paced>>,
    /// The one timer, and when it goes off: never later than the earliest deadline.
    pub(crate) timer: Option<(TimerKey, Time)>,
    pub(crate) opened: Time,
    pub(crate) received_at: Time,
    /// It is in the list of connections to flush this turn.
    pub(crate) dirty: bool,
    /// Why nothing is read from the peer at present.
    pub(crate) holds: Holds,
    /// What is to lift [`Hold::History`](shardcast_proto::connection::Hold::History).
    pub(crate) history: History,
    /// The session has events that a hold kept from being taken.
    pub(crate) more: bool,
    /// Why it ends once no request is in progress.
    pub(crate) ending: Option<Ending>,
    /// The peer ended its side.
    pub(crate) peer_ended: bool,
    pub(crate) traffic: Traffic,
    /// Bytes and messages waiting, as last told to handles and counters.
    pub(crate) published: (usize, usize),
}

/// The pace of a connection.
pub(crate) struct Paced {
    pub(crate) pacer: Pacer,
    /// It waits, which was counted.
    pub(crate) waits: bool,
}

/// Who is at our end.
pub(crate) enum Role {
    /// A service, since the first bytes told which protocol of the listener it is.
    Accepted { listener: u32, serving: Option<Serving> },
    /// A client of ours.
    Connecting(Rc<dyn Outbound>),
}

/// The session of an open connection.
pub(crate) struct Serving {
    pub(crate) session: Box<dyn Session>,
    /// Which of the listener's protocols.
    pub(crate) protocol: usize,
    /// In which way it is told of messages.
    pub(crate) dialect: Dialect,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// The first bytes have not told the protocol yet; or, for a client, connecting.
    Unidentified,
    /// On its way to this shard, once the ring has let go.
    Moving(u16),
    Open,
    /// What is queued is sent, until the deadline.
    Flushing(Time),
    /// The end of stream was sent; the peer is to take what was sent before it, and to end its side.
    Lingering(Linger),
    /// Shut down both ways; the slot is freed when the ring is done with it.
    Cut,
}

/// How long a connection lingers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Linger {
    /// Then what the peer has not taken is lost.
    pub(crate) deadline: Time,
    /// Since when the peer's TCP has everything; [`Time::NEVER`] until it has.
    pub(crate) taken: Time,
}

/// The history of a topic that the peer asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    pub(crate) asked: RequestId,
    pub(crate) answered: bool,
}

/// Why a connection ends once its requests are answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    PeerClosed,
    Drained,
}

impl From<Ending> for CloseReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::PeerClosed => Self::PeerClosed,
            Ending::Drained => Self::Drained,
        }
    }
}

/// What went over one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received_messages: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_messages: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) dropped_messages: u64,
}

impl Conn {
    pub(crate) const fn listener(&self) -> Option<usize> {
        match self.role {
            Role::Accepted { listener, .. } => Some(listener as usize),
            Role::Connecting(_) => None,
        }
    }

    pub(crate) fn protocol(&self) -> Option<usize> {
        match &self.role {
            Role::Accepted { serving: Some(serving), .. } => Some(serving.protocol),
            _ => None,
        }
    }
}
