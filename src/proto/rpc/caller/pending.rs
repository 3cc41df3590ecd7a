use super::{CallError, CallerEvent, OwnedResponse};

/// The data of a call in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) purpose: Purpose,
    pub(super) one_way: bool,
    /// It is in the queue: no session has taken it yet.
    pub(super) waits: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Call {
        token: u64,
    },
    Heartbeat,
    /// Its request will be sent, but its response is ignored.
    Forgotten,
}

impl Pending {
    /// The event of its end, if its response is expected.
    pub(super) fn done(self, id: u64, result: Result<OwnedResponse, CallError>) -> Option<CallerEvent> {
        match self.purpose {
            Purpose::Call { token } => Some(CallerEvent::Done { token, id, result }),
            Purpose::Heartbeat => Some(CallerEvent::Heartbeat { id, result }),
            Purpose::Forgotten => None,
        }
    }
}
