//! The connecting end: calls of a server, and streams to it.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use super::{FRAME_LEN_MAX, NAME, Stream, StreamConfig, compressed, recycle, session::StreamSession};
use crate::{
    Command, EndOfStream, Error, Event, Failure, Opening, Progress, Protocol, Request, RequestId, Response,
    Route, Session, Shared, Sniff, Time,
    seastar::{
        ConnectionId, Exception, Features, Frame, Layout, NEGOTIATION_LEN_MAX_DEFAULT, RequestHead,
        compress::{Algorithm, Compressor, encode_compressed},
        split_response,
    },
};

/// What a client offers, and its bounds.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{compress::Lz4, rpc::ClientConfig};
///
/// let config = ClientConfig::default().with(|it| it.isolation = b"gold".to_vec().into()).compression(Lz4);
/// assert!(config.timeouts && config.handler_durations);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Requests carry the time that their caller has left. Default: yes.
    pub timeouts: bool,
    /// Responses carry the time that their handler took. Default: yes.
    pub handler_durations: bool,
    /// The cookie by which the server chooses how to schedule the connection; empty for none.
    pub isolation: Bytes,
    /// How long the server may take for its negotiation. Default: 10 s.
    pub negotiation_timeout: Duration,
    /// The longest arguments and results in bytes, also when decompressed. Default: 64 MiB.
    pub frame_len_max: u32,
    /// Bounds and times of streams.
    pub stream: StreamConfig,
    compression: Option<Arc<dyn Algorithm>>,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::rpc::ClientConfig;
    ///
    /// let config = ClientConfig::default().with(|it| it.timeouts = false);
    /// assert_eq!(config.frame_len_max, 64 << 20);
    /// ```
    impl ClientConfig
}

impl ClientConfig {
    /// Offers compression.
    #[must_use]
    pub fn compression(mut self, algorithm: impl Algorithm + 'static) -> Self {
        self.compression = Some(Arc::new(algorithm));
        self
    }

    fn offer(&self) -> Features {
        Features {
            compression: self.compression.as_deref().map(|algorithm| algorithm.supported().into()),
            timeout: self.timeouts,
            isolation: Some(self.isolation.clone()).filter(|cookie| !cookie.is_empty()),
            handler_duration: self.handler_durations,
            peer: true,
            ..Features::default()
        }
    }

    /// The compressor that the server has chosen.
    fn compressor(&self, accepted: &Features) -> Result<Option<Box<dyn Compressor>>, Error> {
        let Some(name) = accepted.compression.as_deref() else { return Ok(None) };
        let chosen = self.compression.as_deref().and_then(|algorithm| algorithm.negotiate(name));
        chosen.map(Some).ok_or(Error::Malformed("compression in the negotiation"))
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            timeouts: true,
            handler_durations: true,
            isolation: Bytes::new(),
            negotiation_timeout: Duration::from_secs(10),
            frame_len_max: FRAME_LEN_MAX,
            stream: StreamConfig::default(),
            compression: None,
        }
    }
}

/// What a client knows of its connection: shared by the protocol and the client.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::rpc::{ClientConfig, SeastarClient};
///
/// let client = SeastarClient::new(ClientConfig::default());
/// assert_eq!(client.negotiated().connection_id(), None);
/// ```
#[derive(Debug, Default)]
pub struct Negotiated {
    /// 0: none, which is not the id of a connection.
    id: AtomicU64,
}

impl Negotiated {
    /// The id of the last connection at its server. `None`: it was not negotiated yet, or the server has no streams.
    pub fn connection_id(&self) -> Option<ConnectionId> {
        Some(ConnectionId(self.id.load(Ordering::Acquire))).filter(|id| id.0 != 0)
    }

    pub(super) fn set(&self, id: Option<ConnectionId>) {
        self.id.store(id.map_or(0, |id| id.0), Ordering::Release);
    }
}

/// The code of a [`Failure`] in a response.
///
/// # Examples
/// ```
/// use shardcast_proto::{Failure, seastar::rpc::failure_code};
///
/// /// Whether the handler of the verb has failed.
/// fn has_run(failure: &Failure<'_>) -> bool {
///     failure.code == failure_code::FAILED
/// }
/// ```
pub mod failure_code {
    /// The handler has failed; the text says why.
    pub const FAILED: i32 = 1;
    /// The server has no handler for the verb; the text is its number.
    pub const UNKNOWN_VERB: i32 = 2;
    /// A kind of exception that is not known here.
    pub const UNKNOWN: i32 = 3;
}

/// The protocol of a client of a server of Seastar RPC.
///
/// The route of a request is its verb, [`Route::Numbered`], and its body are the arguments. The head of a response is the
/// time that its handler took, as `u32` in microseconds, or empty.
///
/// # Examples
/// ```
/// use shardcast_proto::{Protocol, seastar::rpc::{ClientConfig, SeastarClient}};
///
/// let protocol = SeastarClient::new(ClientConfig::default());
/// assert_eq!(protocol.name(), "seastar");
/// ```
#[derive(Clone, Debug)]
pub struct SeastarClient {
    config: ClientConfig,
    negotiated: Arc<Negotiated>,
}

impl SeastarClient {
    /// A protocol for one client: it knows the id of the client's connection.
    pub fn new(config: ClientConfig) -> Self {
        Self { config, negotiated: Arc::default() }
    }

    /// What is known of the client's connection.
    pub const fn negotiated(&self) -> &Arc<Negotiated> {
        &self.negotiated
    }

    /// What it offers, and its bounds.
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }
}

impl Protocol for SeastarClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    /// It only connects: what it accepts ends at once.
    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Refused)
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        let mut own = Vec::new();
        self.config.offer().encode(&mut own);
        self.negotiated.set(None);
        Some(Box::new(ClientSession {
            config: self.config.clone(),
            negotiated: Arc::clone(&self.negotiated),
            own,
            calls: None,
        }))
    }
}

/// The connection of a client.
struct ClientSession {
    config: ClientConfig,
    negotiated: Arc<Negotiated>,
    own: Vec<u8>,
    calls: Option<Calls>,
}

/// A client whose connection was negotiated.
struct Calls {
    layout: Layout,
    frame_len_max: u32,
    compressor: Option<Box<dyn Compressor>>,
    /// The frame that was decompressed last, or is to be compressed.
    plain: Vec<u8>,
    duration: [u8; 4],
    text: String,
}

impl ClientSession {
    fn negotiate(&mut self, input: &[u8]) -> Result<usize, Error> {
        let Some((accepted, taken)) = Features::decode(input, NEGOTIATION_LEN_MAX_DEFAULT)? else {
            return Ok(0);
        };
        let calls = Calls {
            layout: Layout::of(&accepted),
            frame_len_max: self.config.frame_len_max,
            compressor: self.config.compressor(&accepted)?,
            plain: Vec::new(),
            duration: [0; 4],
            text: String::new(),
        };
        self.negotiated.set(accepted.connection_id);
        self.calls = Some(calls);
        Ok(taken)
    }
}

impl Calls {
    fn handle_input<'a>(&'a mut self, input: &'a [u8]) -> Result<Progress<'a>, Error> {
        let Self { layout, frame_len_max, compressor, plain, duration, text } = self;
        let (head, payload, taken) = match compressor {
            None => match split_response(input, *layout, *frame_len_max)? {
                Some(Frame { head, payload, taken }) => (head, payload, taken),
                None => return Ok(Progress::NEED_MORE),
            },
            Some(compressor) => {
                let max = *frame_len_max as usize + layout.response_head_len();
                let Some(taken) = compressed::decompress(&mut **compressor, input, max, plain)? else {
                    return Ok(Progress::NEED_MORE);
                };
                if plain.is_empty() {
                    return Ok(Progress::silent(taken).and_more());
                }
                let response = split_response(plain, *layout, *frame_len_max)?;
                let Frame { head, payload, .. } = response.ok_or(compressed::MALFORMED)?;
                (head, payload, taken)
            }
        };
        let result = if head.is_exception {
            text.clear();
            Err(failure(payload, text))
        } else {
            Ok(payload)
        };
        let head_bytes: &[u8] = match head.duration() {
            Some(_) => {
                *duration = head.duration_us.to_le_bytes();
                duration
            }
            None => &[],
        };
        let response = Response { id: RequestId(head.id), head: head_bytes, result };
        Ok(Progress::event(taken, Event::Response(response)))
    }

    fn request(&mut self, request: &Request<'_>, out: &mut Vec<u8>, now: Time) -> Option<()> {
        let Route::Numbered(verb) = request.route else { return None };
        let len = u32::try_from(request.body.len()).ok().filter(|len| *len <= self.frame_len_max)?;
        let head = RequestHead {
            timeout_ms: request.deadline.map_or(0, |deadline| millis(deadline.saturating_since(now))),
            verb,
            id: request.id.0,
            len,
        };
        let Some(compressor) = &mut self.compressor else {
            head.encode(self.layout, out);
            out.extend_from_slice(request.body);
            return Some(());
        };
        self.plain.clear();
        head.encode(self.layout, &mut self.plain);
        self.plain.extend_from_slice(request.body);
        encode_compressed(&mut **compressor, &self.plain, out).ok()
    }
}

/// What an exception is for the caller.
fn failure<'a>(payload: &[u8], text: &'a mut String) -> Failure<'a> {
    let code = match Exception::decode(payload) {
        Ok(Exception::User(why)) => {
            text.push_str(&why);
            failure_code::FAILED
        }
        Ok(Exception::UnknownVerb(verb)) => {
            text.push_str(&verb.to_string());
            failure_code::UNKNOWN_VERB
        }
        Ok(Exception::Other { .. }) | Err(_) => failure_code::UNKNOWN,
    };
    Failure { code, text }
}

/// Whole milliseconds, but at least one: 0 would mean that there is no deadline. More than a century is none.
fn millis(left: Duration) -> u64 {
    match u64::try_from(left.as_millis()).unwrap_or(u64::MAX) {
        CENTURY_MS.. => 0,
        ms => ms.max(1),
    }
}

impl Session for ClientSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        if self.calls.is_none() {
            return Ok(match self.negotiate(input)? {
                0 => Progress::NEED_MORE,
                taken => Progress::silent(taken),
            });
        }
        match &mut self.calls {
            Some(calls) => calls.handle_input(input),
            None => Ok(Progress::NEED_MORE),
        }
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        let sent = match (command, &mut self.calls) {
            (Command::Request(request), Some(calls)) => calls.request(&request, out, now),
            _ => None,
        };
        sent.ok_or(command)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.own);
        if let Some(calls) = &mut self.calls {
            compressed::send_empty_frames(&mut calls.compressor, out);
            recycle(&mut calls.plain);
        }
    }

    fn handle_end_of_stream(&mut self, _now: Time) -> EndOfStream {
        EndOfStream::Close
    }

    fn is_established(&self) -> bool {
        self.calls.is_some()
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.config.negotiation_timeout)
    }
}

/// The protocol of one stream that a client opens. It connects once.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use shardcast_proto::{Time, seastar::{ConnectionId, rpc::{ClientConfig, SeastarStream, Stream}}};
///
/// let parent = ConnectionId::new(1, 0);
/// let stream = SeastarStream::new(&ClientConfig::default(), parent);
/// let state: Rc<RefCell<Stream>> = Rc::new(RefCell::new(stream.state(Time::from_nanos(0))));
/// assert_eq!(state.borrow().is_open(), Ok(false));
/// ```
#[derive(Clone, Debug)]
pub struct SeastarStream {
    config: ClientConfig,
    parent: ConnectionId,
}

impl SeastarStream {
    /// A stream that belongs to the client's connection with this id.
    pub fn new(config: &ClientConfig, parent: ConnectionId) -> Self {
        Self { config: config.clone(), parent }
    }

    /// The state that its session and its application share.
    pub fn state(&self, now: Time) -> Stream {
        let config = StreamConfig { claim_timeout: Duration::ZERO, ..self.config.stream };
        Stream::new(config, now)
    }

    /// Its session.
    pub fn session<C: Shared<Stream> + 'static>(&self, stream: C, now: Time) -> impl Session + use<C> {
        let mut own = Vec::new();
        offer_stream(&self.config, self.parent).encode(&mut own);
        StreamClientSession {
            config: self.config.clone(),
            own,
            is_negotiated: false,
            inner: StreamSession::new(stream.clone(), now),
            stream,
        }
    }
}

/// What a server has agreed to for a stream.
pub(super) struct AcceptedStream {
    pub(super) id: ConnectionId,
    pub(super) compressor: Option<Box<dyn Compressor>>,
    pub(super) peer_is_ours: bool,
    /// The length of its negotiation.
    pub(super) taken: usize,
}

/// Reads the negotiation of the server of a stream; `None` when the input is a proper prefix of it.
pub(super) fn accept_stream(config: &ClientConfig, input: &[u8]) -> Result<Option<AcceptedStream>, Error> {
    let Some((accepted, taken)) = Features::decode(input, NEGOTIATION_LEN_MAX_DEFAULT)? else {
        return Ok(None);
    };
    let compressor = config.compressor(&accepted)?;
    let id = accepted.connection_id.ok_or(Error::Malformed("stream without an id"))?;
    Ok(Some(AcceptedStream { id, compressor, peer_is_ours: accepted.peer, taken }))
}

/// What a stream offers.
pub(super) fn offer_stream(config: &ClientConfig, parent: ConnectionId) -> Features {
    Features { timeout: false, stream_parent: Some(parent), ..config.offer() }
}

/// On a shard, the state of a stream is that of its protocol there.
impl Protocol for SeastarStream {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    /// It only connects: what it accepts ends at once.
    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Refused)
    }

    fn connect_here(&self, opening: &Opening<'_>) -> Option<Box<dyn Session>> {
        let stream = opening.state::<RefCell<Stream>>()?;
        Some(Box::new(self.session(stream, opening.now)))
    }

    fn shard_state(&self, _shard: u16) -> Rc<dyn Any> {
        Rc::new(RefCell::new(self.state(Time::from_nanos(0))))
    }
}

/// The connecting end of a stream.
struct StreamClientSession<C: Shared<Stream>> {
    config: ClientConfig,
    own: Vec<u8>,
    is_negotiated: bool,
    stream: C,
    inner: StreamSession<C>,
}

impl<C: Shared<Stream>> StreamClientSession<C> {
    fn negotiate(&mut self, input: &[u8]) -> Result<usize, Error> {
        let Some(AcceptedStream { id, compressor, peer_is_ours, taken }) =
            accept_stream(&self.config, input)?
        else {
            return Ok(0);
        };
        self.stream.with(|stream| stream.negotiated(id, compressor, peer_is_ours));
        self.is_negotiated = true;
        Ok(taken)
    }
}

impl<C: Shared<Stream>> Session for StreamClientSession<C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        if self.is_negotiated {
            return self.inner.handle_input(input, now);
        }
        Ok(match self.negotiate(input)? {
            0 => Progress::NEED_MORE,
            taken => Progress::silent(taken).and_more(),
        })
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        self.inner.handle_timeout(now)
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        self.inner.handle_command(command, out, now)
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.inner.poll_event()
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.own);
        self.inner.poll_transmit(out);
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.inner.poll_timeout()
    }

    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        self.inner.handle_end_of_stream(now)
    }

    fn is_established(&self) -> bool {
        self.is_negotiated
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.config.negotiation_timeout)
    }

    fn held_bytes(&self) -> usize {
        self.inner.held_bytes()
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn is_in_frame(&self) -> bool {
        self.inner.is_in_frame()
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        self.inner.handle_sent(queued)
    }
}

/// The session of a protocol that only connects.
pub(super) struct Refused;

impl Session for Refused {
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

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("negotiated", &self.negotiated).finish_non_exhaustive()
    }
}

const CENTURY_MS: u64 = 100 * 365 * 24 * 3600 * 1000;
