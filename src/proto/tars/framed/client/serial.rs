use std::{collections::VecDeque, fmt, sync::Arc};

use super::{ClientCodec, Decoded, Refusing};
use crate::{
    Command, Error, Event, Opening, Progress, Protocol, Request, RequestId, Response, Route, Session, Sniff,
    Time,
};

/// The connecting end of a protocol without request ids: its peer responds to the requests of a connection in their order.
/// The ids of the codec are ignored. A response to no request is a push.
pub struct SerialProtocol<C> {
    codec: Arc<C>,
}

impl<C: ClientCodec> SerialProtocol<C> {
    /// A client whose frames are those of `codec`.
    pub fn new(codec: C) -> Self {
        Self { codec: Arc::new(codec) }
    }

    /// Opens an unboxed session.
    pub fn session(&self) -> SerialSession<C> {
        SerialSession { codec: Arc::clone(&self.codec), pending: VecDeque::new() }
    }
}

impl<C: ClientCodec + 'static> Protocol for SerialProtocol<C> {
    fn name(&self) -> &'static str {
        "tars-serial"
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    /// Never called for a peer, because [`sniff`](Self::sniff) refuses all.
    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Refusing)
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(self.session()))
    }
}

impl<C> fmt::Debug for SerialProtocol<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialProtocol").finish_non_exhaustive()
    }
}

/// The connecting side of one connection.
pub struct SerialSession<C> {
    codec: Arc<C>,
    /// Requests without a response yet, in their order.
    pending: VecDeque<RequestId>,
}

impl<C: ClientCodec> Session for SerialSession<C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(Decoded { taken, body, .. }) = self.codec.decode_response(input)? else {
            return Ok(Progress::NEED_MORE);
        };
        if taken == 0 || taken > input.len() {
            return Err(Error::Refused);
        }
        let event = match self.pending.pop_front() {
            None => Event::Push { route: Route::Only, head: &[], body },
            Some(id) => Event::Response(Response { id, head: &[], result: Ok(body) }),
        };
        Ok(Progress::event(taken, event))
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        // The wire has no field for anything else.
        let Command::Request(Request { id, route: Route::Only, head: [], body, expects_response, .. }) =
            command
        else {
            return Err(command);
        };
        let before = out.len();
        // An id for codecs that write one.
        if self.codec.encode_request(id.0 as u32, body, out).is_err() {
            out.truncate(before);
            return Err(command);
        }
        if expects_response {
            self.pending.push_back(id);
        }
        Ok(())
    }
}

impl<C> fmt::Debug for SerialSession<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialSession").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}
