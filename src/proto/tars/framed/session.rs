use std::sync::Arc;

use bytes::Bytes;

use super::{LengthPrefixed, Parsed, Parser};
use crate::{Command, Error, Event, Home, Progress, Protocol, RequestId, Route, Session, Sniff, Time};

/// The protocol of a listener: packets end where its [`Parser`] says.
///
/// A parser chosen at run time is a `Framed<Box<dyn Parser>>`.
#[derive(Debug)]
pub struct Framed<P = LengthPrefixed> {
    parser: Arc<P>,
    packet_len_max: usize,
}

impl Default for Framed {
    fn default() -> Self {
        Self::length_prefixed(LengthPrefixed::default())
    }
}

impl Framed {
    /// Frames that begin with their own length, within the limits of `parser`.
    pub fn length_prefixed(parser: LengthPrefixed) -> Self {
        let packet_len_max = usize::try_from(parser.frame_len_max).unwrap_or(usize::MAX);
        Self::new(parser, packet_len_max)
    }
}

impl<P: Parser> Framed<P> {
    /// Packets as `parser` finds them, of at most `packet_len_max` bytes: when it still says
    /// [`Parsed::Less`] beyond that, the peer gets [`Error::FrameTooLarge`].
    pub fn new(parser: P, packet_len_max: usize) -> Self {
        Self { parser: Arc::new(parser), packet_len_max }
    }

    /// Opens a session without a box around it.
    pub fn session(&self) -> FramedSession<P> {
        FramedSession { parser: self.parser.clone(), packet_len_max: self.packet_len_max, request_count: 0 }
    }
}

impl<P: Parser + 'static> Protocol for Framed<P> {
    fn name(&self) -> &'static str {
        "tars-framed"
    }

    /// Any first byte may begin a packet of a custom protocol, so this never refuses, and does not even wait
    /// for one: a subscriber need not speak. On a listener with several protocols it is to be the last.
    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Match(Home::Here)
    }

    fn accept(&self, _now: Time) -> Box<dyn Session> {
        Box::new(self.session())
    }

    /// The body itself: framing is the application's, and the same for every peer.
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        (route == Route::Only).then(|| body.clone())
    }
}

/// The accepting side of one connection.
///
/// Each packet is an [`Event::Request`] whose body is the whole packet; requests are numbered from 1 in
/// the order of arrival. A response or push is the bytes of its body, as they are.
#[derive(Debug)]
pub struct FramedSession<P> {
    parser: Arc<P>,
    packet_len_max: usize,
    request_count: u64,
}

impl<P: Parser> Session for FramedSession<P> {
    #[inline]
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        // The parser never sees more than one packet may have, so that what it says about a packet does
        // not depend on how much arrived behind it.
        let window = &input[..input.len().min(self.packet_len_max)];
        if window.is_empty() {
            return self.less(input);
        }
        match self.parser.parse(window)? {
            Parsed::Less => self.less(input),
            Parsed::Full(len) if len == 0 || len > window.len() => Err(Error::Refused),
            Parsed::Full(len) => {
                self.request_count += 1;
                let id = RequestId(self.request_count);
                Ok(Progress::event(len, Event::Request { id, route: Route::Only, body: &window[..len] }))
            }
            Parsed::Err => Err(Error::Refused),
        }
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        match command {
            Command::Respond { body, .. } | Command::Push { route: Route::Only, body } => {
                out.extend_from_slice(body);
                Ok(())
            }
            // The wire has no room for a route: dropping it would deliver the push somewhere else.
            Command::Push { .. } => Err(command),
        }
    }
}

impl<P> FramedSession<P> {
    /// No packet yet: fine as long as what is there could still be the front of an allowed one.
    fn less(&self, input: &[u8]) -> Result<Progress<'static>, Error> {
        if input.len() <= self.packet_len_max {
            return Ok(Progress::NEED_MORE);
        }
        // Counted to the first byte too many, so that the error is the same however the bytes arrived.
        let max = u64::try_from(self.packet_len_max).unwrap_or(u64::MAX);
        Err(Error::FrameTooLarge { len: max.saturating_add(1), max })
    }
}
