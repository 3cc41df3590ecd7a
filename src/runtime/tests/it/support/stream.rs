use std::collections::HashMap;

use shardcast::proto::{
    Command, Error, Event, Home, Opening, Progress, Protocol, Request, RequestId, Route, Session, Sniff, Time,
};

/// A toy protocol of streams that uses the public API only: the same session at both ends, and each end may send. A
/// line is a frame:
///
/// | line | is |
/// | --- | --- |
/// | `pull N` | the connecting end asks for the stream N |
/// | `open N` | its sender opens the stream N, with room for [`WINDOW`] messages |
/// | `data N TEXT` | a message of it |
/// | `credit N COUNT` | its receiver has consumed so many messages |
/// | `end N` | there are no more |
///
/// At the accepting end each line is a request, and the response to a message of a stream reports that it was consumed.
/// At the connecting end each line is a push, and the one-way request `consumed N` reports that. The session turns this
/// into credit, half a window at a time. It refuses to send beyond the window, and a peer that does so has broken the
/// protocol.
pub(crate) struct Streams;

/// Messages of a stream that may be in flight or wait at its receiver.
pub(crate) const WINDOW: usize = 50;

impl Protocol for Streams {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Match(Home::AnyShard)
    }

    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(StreamSession { accepts: true, ..StreamSession::default() })
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(StreamSession::default()))
    }
}

/// A frame without its line break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) verb: &'a str,
    pub(crate) stream: u64,
    pub(crate) rest: &'a str,
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = str::from_utf8(line).ok()?.splitn(3, ' ');
        let (verb, stream) = (words.next()?, words.next()?.parse().ok()?);
        Some(Self { verb, stream, rest: words.next().unwrap_or_default() })
    }
}

#[derive(Default)]
struct StreamSession {
    accepts: bool,
    /// By stream: how many messages may still be sent.
    sending: HashMap<u64, usize>,
    /// By stream.
    receiving: HashMap<u64, Received>,
}

/// Received messages whose credit was not returned yet.
#[derive(Default)]
struct Received {
    waiting: usize,
    consumed: usize,
}

impl StreamSession {
    /// A frame of the peer.
    fn receive(&mut self, frame: Frame<'_>) -> Result<(), Error> {
        match frame.verb {
            "open" => _ = self.receiving.insert(frame.stream, Received::default()),
            "data" => {
                let received = self.receiving.get_mut(&frame.stream).ok_or(Error::Malformed("stream"))?;
                if received.waiting + received.consumed == WINDOW {
                    return Err(Error::Malformed("window"));
                }
                received.waiting += 1;
            }
            "credit" => {
                let count: usize = frame.rest.parse().map_err(|_| Error::Malformed("credit"))?;
                let credit = self.sending.get_mut(&frame.stream).ok_or(Error::Malformed("stream"))?;
                *credit =
                    credit.checked_add(count).filter(|it| *it <= WINDOW).ok_or(Error::Malformed("credit"))?;
            }
            "end" => _ = self.receiving.remove(&frame.stream),
            "pull" => {}
            _ => return Err(Error::Malformed("verb")),
        }
        Ok(())
    }

    /// Sends a frame of the application; false if it may not be sent.
    fn send(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(frame) = Frame::parse(line) else { return false };
        match frame.verb {
            "open" => _ = self.sending.insert(frame.stream, WINDOW),
            "data" => match self.sending.get_mut(&frame.stream) {
                Some(credit @ 1..) => *credit -= 1,
                _ => return false,
            },
            "end" => _ = self.sending.remove(&frame.stream),
            "pull" => {}
            "consumed" => {
                self.consume(frame.stream, out);
                return true;
            }
            _ => return false,
        }
        out.extend_from_slice(line);
        out.push(b'\n');
        true
    }

    /// The application has consumed a message.
    fn consume(&mut self, stream: u64, out: &mut Vec<u8>) {
        // After the end of a stream no credit is needed.
        let Some(received) = self.receiving.get_mut(&stream) else { return };
        received.waiting -= 1;
        received.consumed += 1;
        if received.consumed == WINDOW / 2 {
            received.consumed = 0;
            out.extend_from_slice(format!("credit {stream} {}\n", WINDOW / 2).as_bytes());
        }
    }
}

impl Session for StreamSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(Progress::NEED_MORE) };
        let body = &input[..end];
        let frame = Frame::parse(body).ok_or(Error::Malformed("line"))?;
        self.receive(frame)?;
        let request = Request::new(RequestId(frame.stream), Route::Only, body);
        Ok(Progress::event(
            end + 1,
            match (self.accepts, frame.verb) {
                (true, "data") => Event::Request(request),
                (true, _) => Event::Request(request.one_way()),
                (false, _) => Event::Push { route: Route::Only, head: &[], body },
            },
        ))
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        let is_done = match command {
            Command::Respond { id, .. } | Command::Forget { id } => {
                self.consume(id.0, out);
                true
            }
            Command::Push { body, .. } => self.send(body, out),
            Command::Request(request) if !request.expects_response => self.send(request.body, out),
            _ => false,
        };
        if is_done { Ok(()) } else { Err(command) }
    }
}
