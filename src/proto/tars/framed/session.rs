use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{FramedClient, LengthPrefixed, LengthPrefixedCodec, Parsed, Parser, frame};
use crate::{
    Command, Dialect, Error, Event, Home, Message, Opening, Progress, Protocol, Refusal, RequestId, Route,
    Session, Sniff, Time,
    topics::control::{self, Request},
};

/// The protocol of a listener whose [`Parser`] finds the end of packets.
///
/// A parser chosen at run time is a `Framed<Box<dyn Parser>>`.
pub struct Framed<P = LengthPrefixed> {
    parser: Arc<P>,
    packet_len_max: usize,
    messages: Messages,
}

/// How peers get messages of topics.
enum Messages {
    /// Packets are the frames of the push guide, whose payloads may be control messages.
    Guide,
    /// The application encodes messages as packets.
    Custom(Arc<EncodeMessage>),
    /// The application has its own packets and no encoder: messages cannot be sent.
    None,
}

type EncodeMessage = dyn Fn(Message<'_>) -> Option<Bytes> + Send + Sync;

impl Default for Framed {
    fn default() -> Self {
        Self::length_prefixed(LengthPrefixed::default())
    }
}

impl Framed {
    /// Frames that begin with their own length, within the limits of `parser`: those of the push guide. A
    /// peer whose first frame is HELLO uses the [control protocol](control).
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{
    ///     Error, Session, Time,
    ///     tars::framed::{Framed, LengthPrefixed, frame},
    /// };
    ///
    /// let parser = LengthPrefixed::default().with(|it| it.frame_len_max = 1024);
    /// let mut session = Framed::length_prefixed(parser).session();
    /// let frame = frame::encode(1, &[0; 1017]);
    /// let refused = session.handle_input(&frame, Time::from_nanos(0)).err();
    /// assert_eq!(refused, Some(Error::FrameTooLarge { len: 1025, max: 1024 }));
    /// ```
    pub fn length_prefixed(parser: LengthPrefixed) -> Self {
        let packet_len_max = usize::try_from(parser.frame_len_max).unwrap_or(usize::MAX);
        Self { messages: Messages::Guide, ..Self::new(parser, packet_len_max) }
    }
}

impl<P: Parser> Framed<P> {
    /// Packets as `parser` finds them, of at most `packet_len_max` bytes: if it still returns
    /// [`Parsed::Less`] beyond that, the peer gets [`Error::FrameTooLarge`]. The session does not inspect
    /// packets, and peers have no automatic subscription: published messages do not reach them, unless
    /// [`subscribed`](Self::subscribed) sets an encoder.
    pub fn new(parser: P, packet_len_max: usize) -> Self {
        Self { parser: Arc::new(parser), packet_len_max, messages: Messages::None }
    }

    /// Peers are subscribed to the topic of their listener when they connect. `encode` makes the packet of a
    /// message, once for all of them; `None` for a message that they must not get.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{Message, tars::framed::{Framed, Parsed}};
    ///
    /// let line = |input: &[u8]| match input.iter().position(|byte| *byte == b'\n') {
    ///     Some(end) => Parsed::Full(end + 1),
    ///     None => Parsed::Less,
    /// };
    /// let lines = Framed::new(line, 1024).subscribed(|message: Message<'_>| {
    ///     // A message with a line break in it would be two packets.
    ///     (!message.body.contains(&b'\n')).then(|| [message.body, &b"\n"[..]].concat().into())
    /// });
    /// ```
    #[must_use]
    pub fn subscribed(self, encode: impl Fn(Message<'_>) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        Self { messages: Messages::Custom(Arc::new(encode)), ..self }
    }

    const fn is_guide(&self) -> bool {
        matches!(self.messages, Messages::Guide)
    }

    /// The longest frame that it sends. Frames of the push guide have one limit in both directions; for the
    /// application's own packets, only the application knows.
    const fn sent_len_max(&self) -> usize {
        if self.is_guide() { self.packet_len_max } else { usize::MAX }
    }

    /// Whether peers may use the control protocol: all of its responses must be within the limit.
    const fn has_control(&self) -> bool {
        self.is_guide() && self.packet_len_max >= CONTROL_LEN_MIN
    }

    /// Opens an unboxed session.
    pub fn session(&self) -> FramedSession<P> {
        FramedSession {
            parser: self.parser.clone(),
            packet_len_max: self.packet_len_max,
            sent_len_max: self.sent_len_max(),
            request_count: 0,
            speech: if self.has_control() { Speech::Unknown } else { Speech::Plain },
            own: None,
        }
    }
}

impl<P: Parser + 'static> Protocol for Framed<P> {
    fn name(&self) -> &'static str {
        "tars-framed"
    }

    /// Any first byte may begin a packet of a custom protocol, so this never refuses, and does not even wait
    /// for a byte: a subscriber need not send anything. On a listener with several protocols it must be the
    /// last.
    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Match(Home::AnyShard)
    }

    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(self.session())
    }

    /// The client of the push guide, with frames of the same size in both directions. For the application's
    /// own packets, use its [`FramedClient`].
    fn connect(&self, opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        let len_max = u32::try_from(self.packet_len_max).unwrap_or(u32::MAX);
        let codec = LengthPrefixedCodec { request_len_max: len_max, response_len_max: len_max };
        self.is_guide().then(|| FramedClient::new(codec).connect(opening)).flatten()
    }

    /// The body unchanged: framing is the application's, and the same for every peer.
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        (route == Route::Only && body.len() <= self.sent_len_max()).then(|| body.clone())
    }

    /// Plain peers get a push frame of the guide, or the application's packet.
    fn push_len_max(&self) -> usize {
        self.sent_len_max()
    }

    fn message_len_max(&self, topic: &str) -> usize {
        let overhead = match self.has_control() {
            true => frame::HEADER_LEN as usize + control::MESSAGE_OVERHEAD + topic.len(),
            false => frame::HEADER_LEN as usize,
        };
        // Nothing is known of the application's own packets.
        if self.is_guide() { self.packet_len_max.saturating_sub(overhead) } else { usize::MAX }
    }

    fn encode_message(&self, dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        let fits = |header: &frame::Header| header.len as usize <= self.packet_len_max;
        let mut out = Vec::new();
        match (&self.messages, dialect) {
            (Messages::None, _) => return None,
            (Messages::Custom(encode), _) => return encode(message),
            (Messages::Guide, CONTROL) => {
                let len = control::MESSAGE_OVERHEAD + message.topic.len() + message.body.len();
                let header = frame::Header::push(len).filter(fits)?;
                out.reserve_exact(frame::HEADER_LEN as usize + len);
                header.encode(&mut out);
                control::encode_message(&message, &mut out);
            }
            (Messages::Guide, _) => {
                let header = frame::Header::push(message.body.len()).filter(fits)?;
                out.reserve_exact(frame::HEADER_LEN as usize + message.body.len());
                header.encode(&mut out);
                out.extend_from_slice(message.body);
            }
        }
        Some(out.into())
    }

    /// Every peer is a subscriber of its listener, as in the push guide, if messages can reach it.
    fn subscribes_automatically(&self) -> bool {
        !matches!(self.messages, Messages::None)
    }
}

impl<P: fmt::Debug> fmt::Debug for Framed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("parser", &self.parser)
            .field("packet_len_max", &self.packet_len_max)
            .finish_non_exhaustive()
    }
}

/// The accepting side of one connection.
///
/// Each packet is an [`Event::Request`] whose body is the complete packet; requests are numbered from 1 in
/// the order of arrival. A response or push is the bytes of its body, unchanged. After HELLO, payloads of the
/// [control protocol](control) are separate events, and keep the ids of their frames.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Command, Dialect, Event, Operation, Refusal, RequestId, Session, Time,
///     tars::framed::{Framed, FramedSession, LengthPrefixed, frame},
///     topics::control::{Request, ServerPayload, encode_request},
/// };
///
/// let now = Time::from_nanos(0);
/// let mut session: FramedSession<LengthPrefixed> = Framed::default().session();
/// assert_eq!(session.dialect(), Dialect(0));
/// let mut hello = Vec::new();
/// encode_request(&Request::Hello, &mut hello);
/// let hello = frame::encode(1, &hello);
/// let id = RequestId(1);
/// assert_eq!(session.handle_input(&hello, now)?.event, Some(Event::Hello { id }));
/// assert_eq!(session.dialect(), Dialect(1));
///
/// let refused = Command::Refused { id, operation: Operation::Hello, refusal: Refusal::Draining };
/// let mut sent = Vec::new();
/// assert_eq!(session.handle_command(refused, &mut sent, now), Ok(()));
/// let text = "the server is stopping";
/// assert_eq!(frame::payload(&sent).and_then(ServerPayload::load), Some(ServerPayload::Refused { status: 8, text }));
/// # Ok::<(), shardcast_proto::Error>(())
/// ```
#[derive(Debug)]
pub struct FramedSession<P> {
    parser: Arc<P>,
    packet_len_max: usize,
    /// The longest frame to send.
    sent_len_max: usize,
    request_count: u64,
    speech: Speech,
    /// The session's own response: frame id, operation, and refusal. Boxed, because it is rare and
    /// short-lived.
    own: Option<Box<(u32, u8, Option<Refusal>)>>,
}

/// The result of the first frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Speech {
    /// There was no frame yet.
    Unknown,
    /// Payloads are not inspected.
    Plain,
    /// Payloads that begin with the magic are requests to the hub.
    Control,
}

impl<P: Parser> Session for FramedSession<P> {
    #[inline]
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        // The parser never sees more than one packet may have, so that its result for a packet does not
        // depend on how much arrived after it.
        let window = &input[..input.len().min(self.packet_len_max)];
        if window.is_empty() {
            return self.less(input);
        }
        match self.parser.parse(window)? {
            Parsed::Less => self.less(input),
            Parsed::Full(len) if len == 0 || len > window.len() => Err(Error::Refused),
            Parsed::Full(len) if self.speech == Speech::Plain => Ok(self.request(&window[..len])),
            Parsed::Full(len) => Ok(self.look_into(&window[..len])),
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
            Command::Respond { body, .. } | Command::Push { route: Route::Only, body }
                if body.len() <= self.sent_len_max =>
            {
                out.extend_from_slice(body);
                Ok(())
            }
            // The wire has no field for a route: without it the push would be delivered to the wrong place.
            Command::Respond { .. } | Command::Push { .. } => Err(command),
            _ => self.answer(command, out),
        }
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        match self.own.take().map(|own| *own) {
            Some((id, op, Some(refusal))) => framed(id, out, |out| control::encode_refusal(op, refusal, out)),
            Some((id, _, None)) => {
                framed(id, out, |out| control::encode_response(&control::TopicResponse::Pong, out))
            }
            None => {}
        }
    }

    fn dialect(&self) -> Dialect {
        if self.speech == Speech::Control { CONTROL } else { Dialect::default() }
    }
}

impl<P> FramedSession<P> {
    #[inline]
    fn request<'a>(&mut self, packet: &'a [u8]) -> Progress<'a> {
        self.request_count += 1;
        let id = RequestId(self.request_count);
        Progress::event(packet.len(), Event::Request(crate::Request::new(id, Route::Only, packet)))
    }

    /// A frame of the guide, on a connection that uses the control protocol or may begin to.
    fn look_into<'a>(&mut self, packet: &'a [u8]) -> Progress<'a> {
        let header = frame::Header::load(packet);
        let (Some(header), Some(payload)) = (header, frame::payload(packet)) else {
            // A parser may accept shorter ones; they are requests to the service.
            self.decide_plain();
            return self.request(packet);
        };
        let concerns_us = match self.speech {
            Speech::Control => control::is_control(payload),
            _ => control::is_hello(payload),
        };
        if !concerns_us {
            self.decide_plain();
            return self.request(packet);
        }
        match self.event(header.id, payload) {
            Ok(Some(event)) => Progress::event(packet.len(), event),
            Ok(None) => {
                self.own = Some(Box::new((header.id, control::op::PING, None)));
                Progress::silent(packet.len()).and_more()
            }
            Err((op, refusal)) => {
                self.own = Some(Box::new((header.id, op, Some(refusal))));
                Progress::silent(packet.len()).and_more()
            }
        }
    }

    fn decide_plain(&mut self) {
        if self.speech == Speech::Unknown {
            self.speech = Speech::Plain;
        }
    }

    fn event<'a>(&mut self, id: u32, payload: &'a [u8]) -> Result<Option<Event<'a>>, (u8, Refusal)> {
        let request = Request::load(payload)?;
        // Pushes have this id: a response with it would look like one.
        let wants_response = !matches!(request, Request::Publish { expects_response: false, .. });
        let (frame_id, id) = (id, RequestId(id.into()));
        let refuse = |operation| Err((operation, Refusal::Malformed));
        Ok(Some(match request {
            Request::Hello if self.speech == Speech::Control || frame_id == frame::PUSH_ID => {
                return refuse(control::op::HELLO);
            }
            Request::Hello => {
                self.speech = Speech::Control;
                Event::Hello { id }
            }
            _ if wants_response && frame_id == frame::PUSH_ID => {
                return refuse(payload[control::MAGIC.len()]);
            }
            Request::Subscribe { topic, prefix, since } => Event::Subscribe { id, topic, prefix, since },
            Request::Unsubscribe { topic, prefix } => Event::Unsubscribe { id, topic, prefix },
            Request::Publish { topic, expects_response, options, body } => {
                Event::Publish { id: expects_response.then_some(id), topic, options, body }
            }
            Request::Presence { topic } => Event::Presence { id, topic },
            Request::History { topic, since, max } => Event::History { id, topic, since, max },
            // The session responds itself.
            Request::Ping => return Ok(None),
        }))
    }

    /// A command of the hub. A plain peer would misunderstand it.
    fn answer<'c>(&self, command: Command<'c>, out: &mut Vec<u8>) -> Result<(), Command<'c>> {
        if self.speech != Speech::Control {
            return Err(command);
        }
        let (id, response) = match command {
            Command::Welcome { id, epoch } => (id, control::TopicResponse::Welcome { epoch }),
            Command::Subscribed { id, head, recovery } => {
                (id, control::TopicResponse::Subscribed { head, recovery })
            }
            Command::Unsubscribed { id } => (id, control::TopicResponse::Unsubscribed),
            Command::Published { id, position, receivers } => {
                (id, control::TopicResponse::Published { position, receivers })
            }
            Command::Present { id, count } => (id, control::TopicResponse::Present { count }),
            Command::Refused { id: RequestId(id), operation, refusal } => {
                let op = control::number(operation);
                framed(id as u32, out, |out| control::encode_refusal(op, refusal, out));
                return Ok(());
            }
            Command::History { id: RequestId(id), head, recovery, messages } => {
                let len_max = self.sent_len_max - frame::HEADER_LEN as usize;
                framed(id as u32, out, |out| match control::fitting(messages, len_max) {
                    Ok(messages) => control::encode_history(head, recovery, messages, out),
                    Err(refusal) => control::encode_refusal(control::op::HISTORY, refusal, out),
                });
                return Ok(());
            }
            Command::Message(message) => {
                let len = control::MESSAGE_OVERHEAD + message.topic.len() + message.body.len();
                if len.saturating_add(frame::HEADER_LEN as usize) > self.sent_len_max {
                    return Err(command);
                }
                framed(frame::PUSH_ID, out, |out| control::encode_message(&message, out));
                return Ok(());
            }
            _ => return Err(command),
        };
        framed(id.0 as u32, out, |out| control::encode_response(&response, out));
        Ok(())
    }

    /// A partial packet: valid as long as it could still be the beginning of an allowed one.
    fn less(&self, input: &[u8]) -> Result<Progress<'static>, Error> {
        if input.len() <= self.packet_len_max {
            return Ok(Progress::NEED_MORE);
        }
        // Counted to the first excess byte, so that the error is the same however the bytes arrive.
        let max = u64::try_from(self.packet_len_max).unwrap_or(u64::MAX);
        Err(Error::FrameTooLarge { len: max.saturating_add(1), max })
    }
}

/// Appends the frame around a payload within the limit.
fn framed(id: u32, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    frame::Header { len: 0, id }.encode(out);
    payload(out);
    let len = u32::try_from(out.len() - start).expect("frames have less than 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Longer than every response of the control protocol.
pub(super) const CONTROL_LEN_MIN: usize = 128;

/// Messages with topic and position, for peers that sent HELLO.
const CONTROL: Dialect = Dialect(1);
