//! The connecting end: requests out, responses and pushes in.

mod codec;
mod serial;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use super::frame;
use crate::{
    Command, Error, Event, Opening, Progress, Protocol, Request, RequestId, Response, Route, Session, Sniff,
    Time,
};

pub use codec::{ClientCodec, Decoded, LengthPrefixedCodec};
pub use serial::{SerialProtocol, SerialSession};

/// The connecting end of framed push, as a protocol: its [`ClientCodec`] encodes requests and decodes
/// responses. It does not accept.
pub struct FramedClient<C: ?Sized = LengthPrefixedCodec> {
    codec: Arc<C>,
}

impl<C: ClientCodec> FramedClient<C> {
    /// A client whose frames are those of `codec`.
    pub fn new(codec: C) -> Self {
        Self { codec: Arc::new(codec) }
    }
}

impl<C: ClientCodec + ?Sized> FramedClient<C> {
    /// Opens an unboxed session.
    pub fn session(&self) -> FramedClientSession<C> {
        FramedClientSession { codec: Arc::clone(&self.codec) }
    }
}

impl Default for FramedClient {
    fn default() -> Self {
        Self::new(LengthPrefixedCodec::default())
    }
}

impl<C: ClientCodec + 'static> Protocol for FramedClient<C> {
    fn name(&self) -> &'static str {
        "tars-framed"
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    /// Never called for a peer, because [`sniff`](Self::sniff) refuses all: a session that takes no byte.
    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Refusing)
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(self.session()))
    }
}

impl<C: ?Sized> fmt::Debug for FramedClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedClient").finish_non_exhaustive()
    }
}

/// The connecting side of one connection: a frame with the id 0 is an [`Event::Push`], any other an
/// [`Event::Response`].
pub struct FramedClientSession<C: ?Sized = LengthPrefixedCodec> {
    codec: Arc<C>,
}

impl<C: ClientCodec + ?Sized> Session for FramedClientSession<C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(Decoded { taken, id, body }) = self.codec.decode_response(input)? else {
            return Ok(Progress::NEED_MORE);
        };
        if taken == 0 || taken > input.len() {
            return Err(Error::Refused);
        }
        let event = match id {
            frame::PUSH_ID => Event::Push { route: Route::Only, head: &[], body },
            _ => Event::Response(Response { id: RequestId(id.into()), head: &[], result: Ok(body) }),
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
        let Command::Request(Request { id, route: Route::Only, head: [], body, .. }) = command else {
            return Err(command);
        };
        let Some(id) = u32::try_from(id.0).ok().filter(|id| *id != frame::PUSH_ID) else {
            return Err(command);
        };
        let before = out.len();
        if self.codec.encode_request(id, body, out).is_err() {
            out.truncate(before);
            return Err(command);
        }
        Ok(())
    }
}

impl<C: ?Sized> fmt::Debug for FramedClientSession<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedClientSession").finish_non_exhaustive()
    }
}

/// The accepting end of a protocol that only connects.
struct Refusing;

impl Session for Refusing {
    fn handle_input<'a>(&'a mut self, _input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        Err(Error::Refused)
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        Err(command)
    }
}
