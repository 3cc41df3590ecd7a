use super::{CallError, CallerEvent, OwnedResponse};

/// What is known about a call under way.
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
    /// Its request is to be sent, and nothing waits for the answer.
    Forgotten,
}

impl Pending {
    /// The event that ends it, if anything waits for one.
    pub(super) fn done(self, id: u64, result: Result<OwnedResponse, CallError>) -> Option<CallerEvent> {
        match self.purpose {
            Purpose::Call { token } => Some(CallerEvent::Done { token, id, result }),
            Purpose::Heartbeat => Some(CallerEvent::Heartbeat { id, result }),
            Purpose::Forgotten => None,
        }
    }
}
