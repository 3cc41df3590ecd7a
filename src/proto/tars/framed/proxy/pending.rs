use bytes::Bytes;

use super::{CallError, ProxyEvent};

/// What is known about a call under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) purpose: Purpose,
    pub(super) one_way: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Call { token: u64 },
    Heartbeat,
}

impl Pending {
    /// The event that ends it.
    pub(super) fn done(self, id: u32, result: Result<Bytes, CallError>) -> ProxyEvent {
        match self.purpose {
            Purpose::Call { token } => ProxyEvent::Done { token, id, result },
            Purpose::Heartbeat => ProxyEvent::Heartbeat { id, result },
        }
    }
}
