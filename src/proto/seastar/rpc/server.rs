//! The accepting end.

use std::{cell::RefCell, fmt, rc::Rc, sync::Arc, time::Duration};

use super::{
    Isolation, Parent, Seastar, SeastarShard, Stream, StreamConfig, compressed, recycle,
    session::StreamSession,
};
use crate::{
    Command, ConnId, Dialect, EndOfStream, Error, Event, Failure, Opening, Operation, Progress, Request,
    RequestId, Route, Session, Time,
    seastar::{
        ConnectionId, Exception, Features, Frame, Layout, RequestHead, ResponseHead,
        compress::{Algorithm, Compressor, encode_compressed},
        serialize::DecodeError,
        split_request, topics,
    },
};

/// One accepted connection: for calls, or a stream.
///
/// The route of a request is its verb, [`Route::Numbered`], and its body are the arguments. Whether a verb is one-way is
/// known to the application alone, so every request expects a response. The body of a response begins with an
/// [`Outcome`].
///
/// A stream has no events. Its application has the [`Stream`], which it finds by [`SeastarShard::parent_of`].
///
/// # Examples
/// ```
/// use std::{net::SocketAddr, rc::Rc, time::Duration};
///
/// use shardcast_proto::{
///     Command, ConnId, Event, Opening, Protocol, Route, Session, Time,
///     seastar::{Features, Layout, RequestHead, rpc::{Outcome, Seastar, SeastarSession}, split_response},
/// };
///
/// let (protocol, now) = (Seastar::default(), Time::from_nanos(0));
/// let mut session: SeastarSession = SeastarSession::new(&protocol, &Opening {
///     id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
///     peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
///     shards: 1,
///     now,
///     wall: Duration::ZERO,
///     state: &protocol.shard_state(0),
/// });
/// let (mut sent, mut received) = (Vec::new(), Vec::new());
/// Features { handler_duration: true, ..Features::default() }.encode(&mut sent);
/// let taken = session.handle_input(&sent, now)?.taken;
/// assert_eq!((taken, session.is_established()), (sent.len(), true));
/// session.poll_transmit(&mut received);
/// let (accepted, _) = Features::decode(&received, 100)?.expect("a whole frame");
/// assert_eq!(accepted.connection_id.map(|id| id.to_string()).as_deref(), Some("10000"));
///
/// let layout = Layout::of(&accepted);
/// sent.clear();
/// RequestHead { timeout_ms: 0, verb: 2, id: 7, len: 3 }.encode(layout, &mut sent);
/// sent.extend_from_slice(b"abc");
/// let Some(Event::Request(request)) = session.handle_input(&sent, now)?.event else { panic!("a request") };
/// assert_eq!((request.route, request.body), (Route::Numbered(2), &b"abc"[..]));
///
/// let (id, mut out) = (request.id, Vec::new());
/// let body = [&Outcome::Result.encode(15)[..], b"cba"].concat();
/// assert_eq!(session.handle_command(Command::respond(id, &body), &mut out, now), Ok(()));
/// let response = split_response(&out, layout, 100)?.expect("a whole response");
/// assert_eq!((response.head.id, response.head.duration_us, response.payload), (7, 15, &b"cba"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SeastarSession {
    conn: ConnId,
    shards: u16,
    shard: Rc<SeastarShard>,
    /// The response to the negotiation.
    own: Vec<u8>,
    state: State,
}

enum State {
    Negotiating(Box<Negotiation>),
    Calls(Calls),
    Stream { parent: Rc<Parent>, id: ConnectionId, session: StreamSession<Rc<RefCell<Stream>>> },
}

/// What is needed until the negotiation.
struct Negotiation {
    timeout: Duration,
    len_max: u32,
    frame_len_max: u32,
    streaming: bool,
    topics: bool,
    streams_max: usize,
    stream: StreamConfig,
    compression: Option<Arc<dyn Algorithm>>,
    isolation: Option<Arc<Isolation>>,
}

/// A connection for calls.
struct Calls {
    parent: Rc<Parent>,
    layout: Layout,
    frame_len_max: u32,
    compressor: Option<Box<dyn Compressor>>,
    /// The frame that was decompressed last, or is to be compressed.
    plain: Vec<u8>,
    /// The last call of a verb for topics whose arguments could not be decoded, and why.
    undecodable: Option<(u64, DecodeError)>,
}

/// What a response is; the body of each begins with it.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::rpc::Outcome;
///
/// let mut body = Outcome::Failure.encode(20).to_vec();
/// body.extend_from_slice(b"disk full");
/// assert_eq!(body.len(), Outcome::LEN + 9);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Outcome {
    /// The result follows.
    Result,
    /// The handler has failed; a text follows.
    Failure,
    /// There is no handler for the verb, which follows as `u64`.
    UnknownVerb,
    /// Nothing is sent: the verb is one-way, or its caller does not wait any more.
    Nothing,
}

impl Outcome {
    /// Its length in bytes.
    pub const LEN: usize = 8;

    /// Its bytes. `duration_us` is how long the handler took; [`ResponseHead::UNMEASURED`] if that is unknown.
    #[inline]
    pub const fn encode(self, duration_us: u32) -> [u8; Self::LEN] {
        let [a, b, c, d] = duration_us.to_le_bytes();
        [self as u8, 0, 0, 0, a, b, c, d]
    }

    /// Reads it from the front of a body: what it is, the duration, and the rest.
    #[inline]
    fn split(body: &[u8]) -> Option<(Self, u32, &[u8])> {
        let ([kind, _, _, _, duration @ ..], rest) = body.split_first_chunk::<{ Self::LEN }>()?;
        let kind = match kind {
            0 => Self::Result,
            1 => Self::Failure,
            2 => Self::UnknownVerb,
            3 => Self::Nothing,
            _ => return None,
        };
        Some((kind, u32::from_le_bytes(*duration), rest))
    }
}

impl SeastarSession {
    /// The session of a connection that was just accepted.
    pub fn new(protocol: &Seastar, opening: &Opening<'_>) -> Self {
        let shard = opening.state().unwrap_or_else(|| Rc::new(SeastarShard::new(opening.id.shard)));
        let negotiation = Negotiation {
            timeout: protocol.negotiation_timeout,
            len_max: protocol.negotiation_len_max,
            frame_len_max: protocol.frame_len_max,
            streaming: protocol.streaming,
            topics: protocol.topics,
            streams_max: protocol.streams_max,
            stream: protocol.stream,
            compression: protocol.compression.clone(),
            isolation: protocol.isolation.clone(),
        };
        Self {
            conn: opening.id,
            shards: opening.shards,
            shard,
            own: Vec::new(),
            state: State::Negotiating(Box::new(negotiation)),
        }
    }

    /// Takes the negotiation of the client, and prepares the response.
    fn negotiate(&mut self, input: &[u8], now: Time) -> Result<usize, Error> {
        let State::Negotiating(config) = &self.state else { return Ok(0) };
        let Some((offer, taken)) = Features::decode(input, config.len_max)? else { return Ok(0) };
        let compressor = offer
            .compression
            .as_deref()
            .and_then(|names| config.compression.as_ref().and_then(|algorithm| algorithm.negotiate(names)));
        let group = match (&offer.isolation, &config.isolation) {
            (Some(cookie), Some(isolation)) => isolation(cookie).map_err(|_| Error::Refused)?,
            _ => None,
        };
        let parent = match offer.stream_parent {
            Some(id) => Some(self.parent(id, config)?),
            None => None,
        };
        let id = self.shard.next_id();
        let accepted = Features {
            compression: compressor.as_deref().map(|it| it.name().into()),
            timeout: offer.timeout,
            connection_id: config.streaming.then_some(id),
            stream_parent: None,
            isolation: offer.isolation,
            handler_duration: offer.handler_duration,
            peer: offer.peer,
        };
        accepted.encode(&mut self.own);
        self.state = match parent {
            Some(parent) => {
                let stream = Rc::new(RefCell::new(Stream::new(config.stream, now)));
                parent.add(id, self.conn, Rc::clone(&stream));
                stream.borrow_mut().negotiated(id, compressor, offer.peer);
                State::Stream { parent, id, session: StreamSession::new(stream, now) }
            }
            None => {
                let mut calls = Calls {
                    parent: self.shard.add_parent(id, self.conn, group, config.topics),
                    layout: Layout::of(&accepted),
                    frame_len_max: config.frame_len_max,
                    compressor,
                    plain: Vec::new(),
                    undecodable: None,
                };
                compressed::send_empty_frames(&mut calls.compressor, &mut self.own);
                State::Calls(calls)
            }
        };
        Ok(taken)
    }

    /// The connection that a new stream is to belong to.
    fn parent(&self, id: ConnectionId, config: &Negotiation) -> Result<Rc<Parent>, Error> {
        if !config.streaming || !id.is_valid() || id.shard() >= self.shards {
            return Err(Error::Malformed("stream parent"));
        }
        let parent = self.shard.parent(id).ok_or(Error::Malformed("stream parent"))?;
        if parent.stream_count() >= config.streams_max { Err(Error::Refused) } else { Ok(parent) }
    }
}

impl Calls {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        let Self { parent, layout, frame_len_max, compressor, plain, undecodable } = self;
        let mut refuse = |taken, id, error| {
            *undecodable = Some((id, error));
            Progress::silent(taken).and_more()
        };
        let Some(compressor) = compressor else {
            let Some(Frame { head, payload, taken }) = split_request(input, *layout, *frame_len_max)? else {
                return Ok(Progress::NEED_MORE);
            };
            return Ok(match event(parent, &head, payload, now) {
                Ok(event) => Progress::event(taken, event),
                Err(error) => refuse(taken, head.id, error),
            });
        };
        let max = *frame_len_max as usize + layout.request_head_len();
        let Some(taken) = compressed::decompress(&mut **compressor, input, max, plain)? else {
            return Ok(Progress::NEED_MORE);
        };
        if plain.is_empty() {
            // The compressor may have a response.
            return Ok(Progress::silent(taken).and_more());
        }
        let Frame { head, payload, .. } =
            split_request(plain, *layout, *frame_len_max)?.ok_or(compressed::MALFORMED)?;
        Ok(match event(parent, &head, payload, now) {
            Ok(event) => Progress::event(taken, event),
            Err(error) => refuse(taken, head.id, error),
        })
    }

    /// Appends a response with this payload; false if it is too long.
    fn respond(&mut self, head: ResponseHead, payload: &[u8], out: &mut Vec<u8>) -> bool {
        if head.len > self.frame_len_max {
            return false;
        }
        let Some(compressor) = &mut self.compressor else {
            head.encode(self.layout, out);
            out.extend_from_slice(payload);
            return true;
        };
        self.plain.clear();
        head.encode(self.layout, &mut self.plain);
        self.plain.extend_from_slice(payload);
        let is_done = encode_compressed(&mut **compressor, &self.plain, out).is_ok();
        compressed::send_empty_frames(&mut self.compressor, out);
        is_done
    }

    /// Appends the response of the hub to a call of a verb for topics.
    #[cold]
    fn answer(&mut self, id: u64, mut command: Command<'_>, out: &mut Vec<u8>) -> bool {
        if let Command::History { messages, .. } = &mut command {
            match topics::fitting(messages, self.frame_len_max) {
                Ok(fitting) => *messages = fitting,
                Err(refusal) => {
                    let (id, operation) = (RequestId(id), Operation::History);
                    command = Command::Refused { id, operation, refusal };
                }
            }
        }
        let mut result = Vec::new();
        let is_result = topics::encode_result(&command, &mut result);
        let Some(len) = u32::try_from(result.len()).ok().filter(|_| is_result) else { return false };
        let head = ResponseHead { id, is_exception: false, len, duration_us: ResponseHead::UNMEASURED };
        self.respond(head, &result, out)
    }

    fn fail(&mut self, id: u64, duration_us: u32, text: &[u8], out: &mut Vec<u8>) -> bool {
        let mut payload = Vec::with_capacity(text.len() + 8);
        Exception::User(String::from_utf8_lossy(text)).encode(&mut payload);
        let Ok(len) = u32::try_from(payload.len()) else { return false };
        self.respond(ResponseHead { id, is_exception: true, len, duration_us }, &payload, out)
    }

    fn handle_command<'c>(&mut self, command: Command<'c>, out: &mut Vec<u8>) -> Result<(), Command<'c>> {
        const UNMEASURED: u32 = ResponseHead::UNMEASURED;
        let is_done = match command {
            Command::Respond { id: RequestId(id), body, .. } => match Outcome::split(body) {
                Some((Outcome::Result, duration_us, result)) => {
                    let Ok(len) = u32::try_from(result.len()) else { return Err(command) };
                    let head = ResponseHead { id, is_exception: false, len, duration_us };
                    self.respond(head, result, out)
                }
                Some((Outcome::Failure, duration_us, text)) => self.fail(id, duration_us, text, out),
                Some((Outcome::UnknownVerb, _, verb)) => {
                    let verb = verb.first_chunk().map_or(0, |verb| u64::from_le_bytes(*verb));
                    let mut payload = Vec::new();
                    Exception::UnknownVerb(verb).encode(&mut payload);
                    let len = payload.len() as u32;
                    let head = ResponseHead { id, is_exception: true, len, duration_us: UNMEASURED };
                    self.respond(head, &payload, out)
                }
                Some((Outcome::Nothing, ..)) => true,
                None => false,
            },
            Command::Fail { id: RequestId(id), failure: Failure { text, .. } } => {
                self.fail(id, UNMEASURED, text.as_bytes(), out)
            }
            Command::Forget { id: RequestId(id) } => self.fail(id, UNMEASURED, FORGOTTEN, out),
            Command::Published { id, .. }
            | Command::Present { id, .. }
            | Command::History { id, .. }
            | Command::Refused { id, .. } => self.answer(id.0, command, out),
            _ => false,
        };
        if is_done { Ok(()) } else { Err(command) }
    }
}

/// What a request is for the application, or for the hub.
///
/// # Errors
/// The arguments of a verb for topics cannot be decoded.
#[inline]
fn event<'a>(
    parent: &Parent,
    head: &RequestHead,
    payload: &'a [u8],
    now: Time,
) -> Result<Event<'a>, DecodeError> {
    let (id, verb) = (RequestId(head.id), head.verb);
    if parent.has_topics()
        && let Some(event) = topics::event(verb, id, payload)
    {
        return event;
    }
    let deadline = head.timeout().and_then(|wait| deadline(now, wait));
    Ok(Event::Request(Request { deadline, ..Request::new(id, Route::Numbered(verb), payload) }))
}

/// The text of the failure of a call whose arguments cannot be decoded.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{rpc::undecodable, serialize::from_slice};
///
/// let error = from_slice::<u16>(&[1]).unwrap_err();
/// assert!(undecodable(&error).starts_with("the arguments cannot be decoded: "));
/// ```
pub fn undecodable(error: &DecodeError) -> String {
    format!("the arguments cannot be decoded: {error}")
}

/// When a caller stops waiting. One that waits for centuries waits forever.
fn deadline(now: Time, wait: Duration) -> Option<Time> {
    (wait < FOREVER).then(|| now + wait)
}

impl Session for SeastarSession {
    #[inline]
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        if let State::Negotiating(_) = self.state {
            return Ok(match self.negotiate(input, now)? {
                0 => Progress::NEED_MORE,
                // The response is sent before those to requests after it.
                taken => Progress::silent(taken).and_more(),
            });
        }
        match &mut self.state {
            State::Calls(calls) if calls.parent.is_aborted() => Ok(Progress::NEED_MORE),
            State::Calls(calls) => calls.handle_input(input, now),
            State::Stream { session, .. } => session.handle_input(input, now),
            State::Negotiating(_) => Ok(Progress::NEED_MORE),
        }
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        match &mut self.state {
            State::Stream { session, .. } => session.handle_timeout(now),
            State::Negotiating(_) | State::Calls(_) => Ok(()),
        }
    }

    #[inline]
    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        match &mut self.state {
            State::Calls(calls) if calls.parent.is_aborted() => Ok(()),
            State::Calls(calls) => calls.handle_command(command, out),
            State::Stream { session, .. } => session.handle_command(command, out, now),
            State::Negotiating(_) => Err(command),
        }
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.own);
        match &mut self.state {
            State::Calls(calls) => {
                if let Some((id, error)) = calls.undecodable.take() {
                    // A short text always fits.
                    calls.fail(id, ResponseHead::UNMEASURED, undecodable(&error).as_bytes(), out);
                }
                compressed::send_empty_frames(&mut calls.compressor, out);
                recycle(&mut calls.plain);
            }
            State::Stream { session, .. } => session.poll_transmit(out),
            State::Negotiating(_) => {}
        }
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        match &mut self.state {
            State::Stream { session, .. } => session.poll_event(),
            State::Negotiating(_) | State::Calls(_) => None,
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        match &self.state {
            State::Stream { session, .. } => session.poll_timeout(),
            State::Negotiating(_) | State::Calls(_) => None,
        }
    }

    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        match &mut self.state {
            State::Stream { session, .. } => session.handle_end_of_stream(now),
            // As in Seastar: a client that ends its side has no use for responses. Its streams end with it.
            State::Negotiating(_) | State::Calls(_) => EndOfStream::Close,
        }
    }

    fn is_established(&self) -> bool {
        !matches!(self.state, State::Negotiating(_))
    }

    fn establish_timeout(&self) -> Option<Duration> {
        match &self.state {
            State::Negotiating(config) => Some(config.timeout),
            State::Calls(_) | State::Stream { .. } => None,
        }
    }

    fn belongs_to_another(&self) -> bool {
        matches!(self.state, State::Stream { .. })
    }

    fn held_bytes(&self) -> usize {
        match &self.state {
            State::Stream { session, .. } => session.held_bytes(),
            State::Negotiating(_) | State::Calls(_) => 0,
        }
    }

    fn is_full(&self) -> bool {
        match &self.state {
            State::Negotiating(_) => false,
            State::Calls(calls) => calls.parent.is_held(),
            State::Stream { session, .. } => session.is_full(),
        }
    }

    fn is_in_frame(&self) -> bool {
        match &self.state {
            State::Stream { session, .. } => session.is_in_frame(),
            State::Negotiating(_) | State::Calls(_) => false,
        }
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        match &mut self.state {
            State::Stream { session, .. } => session.handle_sent(queued),
            State::Negotiating(_) | State::Calls(_) => false,
        }
    }

    fn handle_drained(&mut self) {
        if let State::Stream { session, .. } = &mut self.state {
            session.handle_drained();
        }
    }

    fn is_needed_by_others(&self) -> bool {
        match &self.state {
            State::Calls(calls) => calls.parent.has_subscriptions(),
            State::Negotiating(_) | State::Stream { .. } => false,
        }
    }

    fn dialect(&self) -> Dialect {
        match &self.state {
            State::Stream { session, .. } => session.dialect(),
            State::Negotiating(_) | State::Calls(_) => Dialect::default(),
        }
    }
}

impl fmt::Debug for SeastarSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Negotiating(_) => "negotiating",
            State::Calls(_) => "calls",
            State::Stream { .. } => "stream",
        };
        f.debug_struct("SeastarSession").field("state", &state).finish_non_exhaustive()
    }
}

impl Drop for SeastarSession {
    fn drop(&mut self) {
        match &self.state {
            State::Negotiating(_) => {}
            State::Calls(calls) => self.shard.parent_ended(calls.parent.id()),
            State::Stream { parent, id, .. } => parent.remove(*id),
        }
    }
}

/// The response to a request that the application has dropped.
const FORGOTTEN: &[u8] = b"no response from the handler";

/// About 270 years: more than the clock has.
const FOREVER: Duration = Duration::from_secs(1 << 33);

#[cfg(test)]
mod tests;
