//! Connections: from the socket that was accepted, or is to be connected, to the descriptor that is closed.
//!
//! What a connection is and does is decided by its core, `proto::connection`. Here is what drives it: bytes between ring
//! and core, events to services and the hub, one timer, counters, and the way to another shard.

pub(crate) mod accept;
pub(crate) mod close;
mod deliver;
mod drive;
mod flush;
mod hold;
pub(crate) mod members;
pub(crate) mod outbound;
pub(crate) mod table;
mod timer;

use std::{os::fd::OwnedFd, rc::Rc};

use shardcast_proto::{
    Time,
    connection::{self, Limits, RequestShare},
};

use crate::{Connection, shard::timer::TimerKey, transport::Tcp};
use outbound::Owner;

/// One connection. Lives on one shard, in one slot of its table, which is its slot of the ring too.
pub(crate) struct Conn {
    pub(crate) handle: Connection,
    pub(crate) core: connection::Connection,
    /// Those of its listener, or its own if it was made; replaced when they change.
    pub(crate) limits: Rc<Limits>,
    pub(crate) transport: Tcp,
    pub(crate) role: Role,
    /// The shard that it is moving to, once the ring has let go.
    pub(crate) moving: Option<u16>,
    /// The one timer, if it is set.
    pub(crate) timer: TimerKey,
    /// When that goes off: never later than the earliest deadline; [`Time::NEVER`] while it is not set.
    pub(crate) timer_at: Time,
    /// It is in the list of connections to flush this turn.
    pub(crate) dirty: bool,
    /// Its requests in progress, as its shard counts them.
    pub(crate) requests: RequestShare,
    /// Bytes and messages waiting, as last reported to handles and counters.
    pub(crate) published: (usize, usize),
}

/// Who is at our end.
pub(crate) enum Role {
    /// A service, since the first bytes told which protocol of the listener it is.
    Accepted { listener: u32, protocol: Option<u8> },
    /// A client of ours.
    Connecting { owner: Rc<dyn Owner>, is_open: bool },
}

impl Conn {
    pub(crate) fn new(
        handle: Connection,
        core: connection::Connection,
        limits: Rc<Limits>,
        socket: OwnedFd,
        role: Role,
    ) -> Self {
        Self {
            transport: Tcp::new(socket, handle.id().slot),
            handle,
            core,
            limits,
            role,
            moving: None,
            timer: TimerKey::NONE,
            timer_at: Time::NEVER,
            dirty: false,
            requests: RequestShare::default(),
            published: (0, 0),
        }
    }

    pub(crate) const fn listener(&self) -> Option<usize> {
        match self.role {
            Role::Accepted { listener, .. } => Some(listener as usize),
            Role::Connecting { .. } => None,
        }
    }

    /// Which of its listener's protocols it speaks, since that is known.
    pub(crate) fn protocol(&self) -> Option<usize> {
        match self.role {
            Role::Accepted { protocol, .. } => protocol.map(usize::from),
            Role::Connecting { .. } => None,
        }
    }

    pub(crate) fn slot(&self) -> u32 {
        self.handle.id().slot
    }
}
