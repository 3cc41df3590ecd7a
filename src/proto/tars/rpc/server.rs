//! The accepting end.

use std::borrow::Cow;

use super::{
    ArgumentWriter, CallHead, PUSH_OBJECT, RECONNECT, RECONNECT_NOTICE_KEY, ResponseHead, Tars,
    pending::{Pending, PendingTable},
    topics::{self, Call, History, Parameters, Receipt, Subscribed},
};
use crate::{
    Command, Error, Event, Failure, Message, Progress, Request, Route, Session, Time,
    tars::{
        codec::Encode,
        json::ToJson,
        packet::{
            self, FRAME_LEN_MAX_TARSCPP, RequestRef, Response, ReturnCode, StringMapRef, Version,
            split_frame, status_key,
        },
    },
};

/// One accepted connection.
///
/// Each packet is an [`Event::Request`] with the route (servant, function), the buffer as its body, and a [`CallHead`].
/// The ids of requests are numbers of the session; the peer's id, whatever it is, is in the head, and in the response.
///
/// A response is encoded in the form of the version of its request. The code of a failure is sent if it is between -99
/// and -1 or above 0; otherwise -99 is, since clients close the connection on less.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Command, Event, Route, Session, Time,
///     tars::{packet::{RequestPacket, ResponseRef}, rpc::{CallHead, Tars, TarsSession}},
/// };
///
/// let mut session: TarsSession = Tars::default().session();
/// let packet = RequestPacket { request_id: -7, servant: "App.S.Obj".into(), func: "ping".into(), ..Default::default() };
/// let (mut sent, now) = (Vec::new(), Time::from_nanos(0));
/// packet.encode(&mut sent)?;
/// let progress = session.handle_input(&sent, now)?;
/// let Some(Event::Request(request)) = progress.event else { panic!("a packet is a request") };
/// assert_eq!(request.route, Route::Named("App.S.Obj", "ping"));
/// assert_eq!(CallHead::decode(request.head).map(|head| head.request_id), Some(-7));
///
/// let (id, mut out) = (request.id, Vec::new());
/// assert_eq!(session.handle_command(Command::respond(id, b"\x0c"), &mut out, now), Ok(()));
/// let response = ResponseRef::decode(&out[4..])?;
/// assert_eq!((response.request_id, &*response.buffer), (-7, &b"\x0c"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TarsSession {
    frame_len_max: u32,
    has_topics: bool,
    /// The peer gets a notice when the server begins to drain.
    wants_notice: bool,
    pending: PendingTable,
    /// What the last event borrows, if it is not in the input as it should be.
    scratch: Scratch,
    parameters: Parameters,
    /// A response of the session itself.
    own: Vec<u8>,
}

#[derive(Debug, Default)]
struct Scratch {
    head: Vec<u8>,
    servant: String,
    function: String,
    body: Vec<u8>,
}

impl TarsSession {
    pub(super) fn new(protocol: &Tars) -> Self {
        Self {
            frame_len_max: protocol.frame_len_max,
            has_topics: protocol.topics,
            wants_notice: protocol.reconnect_notice,
            pending: PendingTable::default(),
            scratch: Scratch::default(),
            parameters: Parameters::default(),
            own: Vec::new(),
        }
    }

    /// How many requests wait for their response.
    pub fn pending_requests(&self) -> usize {
        self.pending.len()
    }

    fn request<'a>(&'a mut self, packet: RequestRef<'a>, now: Time) -> Request<'a> {
        let expects_response = !packet.is_one_way();
        let id = if expects_response { self.pending.insert(&packet) } else { self.pending.one_way() };
        let Scratch { head, servant, function, body } = &mut self.scratch;
        head.clear();
        CallHead {
            version: packet.version,
            packet_type: packet.packet_type,
            message_type: packet.message_type,
            request_id: packet.request_id,
            timeout_ms: packet.timeout_ms,
            context: packet.context,
            status: packet.status,
        }
        .encode(head);
        let wait = u64::try_from(packet.timeout_ms).ok().filter(|ms| *ms > 0);
        Request {
            id,
            route: Route::Named(text(packet.servant, servant), text(packet.func, function)),
            head,
            body: match packet.buffer {
                Cow::Borrowed(bytes) => bytes,
                // A list of bytes in place of bytes.
                Cow::Owned(bytes) => {
                    *body = bytes;
                    body
                }
            },
            deadline: wait.map(|ms| now + std::time::Duration::from_millis(ms)),
            expects_response,
        }
    }

    /// A call of [`PUSH_OBJECT`].
    fn topic_call(&mut self, packet: &RequestRef<'_>, taken: usize) -> Progress<'_> {
        let expects_response = !packet.is_one_way();
        let id = if expects_response { self.pending.insert(packet) } else { self.pending.one_way() };
        let own = match Call::read(packet, &mut self.parameters) {
            Ok(None) => Ok(()),
            Ok(Some(call)) => {
                return Progress::event(taken, call.event(id, expects_response, &self.parameters));
            }
            Err(failed) => Err(failed),
        };
        let mut out = std::mem::take(&mut self.own);
        let command = match &own {
            Ok(()) => Command::respond(id, &[]),
            Err((ReturnCode(code), text)) => Command::Fail { id, failure: Failure { code: *code, text } },
        };
        // A short one always fits.
        let _ = self.respond_to(command, &mut out);
        self.own = out;
        Progress::silent(taken).and_more()
    }

    fn respond_to<'c>(&mut self, command: Command<'c>, out: &mut Vec<u8>) -> Result<(), Command<'c>> {
        let id = match command {
            Command::Respond { id, .. }
            | Command::Fail { id, .. }
            | Command::Forget { id }
            | Command::Subscribed { id, .. }
            | Command::Unsubscribed { id }
            | Command::Published { id, .. }
            | Command::Present { id, .. }
            | Command::History { id, .. }
            | Command::Refused { id, .. } => id,
            Command::Push { route: Route::Only, body } if body.len() <= self.push_len_max() => {
                out.extend_from_slice(body);
                return Ok(());
            }
            Command::Draining if self.wants_notice => {
                let notice = Response::<_, &[u8], _> {
                    version: Version::TARS,
                    packet_type: packet::packet_type::NORMAL,
                    request_id: 0,
                    message_type: 0,
                    ret: ReturnCode::SUCCESS,
                    buffer: &[],
                    status: StringMapRef::default(),
                    result_desc: RECONNECT,
                    context: StringMapRef::default(),
                };
                return notice.encode(out).map_err(|_| command);
            }
            Command::Message(message) if self.has_topics => {
                let packet = topics::encode_message(&message);
                if packet.len() > self.push_len_max() {
                    return Err(command);
                }
                out.extend_from_slice(&packet);
                return Ok(());
            }
            _ => return Err(command),
        };
        // One-way calls have none.
        let Some(pending) = self.pending.get(id) else { return Ok(()) };
        let is_done = match command {
            Command::Respond { head, body, .. } => self.respond(pending, head, body, out),
            Command::Fail { failure, .. } => self.fail(pending, failure, out),
            Command::Forget { .. } => self.fail(pending, FORGOTTEN, out),
            Command::Subscribed { head, recovery, .. } => {
                self.result(pending, &Subscribed { head, recovery }, out)
            }
            Command::Unsubscribed { .. } => self.respond(pending, &[], &[], out),
            Command::Published { position, receivers, .. } => {
                self.result(pending, &Receipt { position, receivers }, out)
            }
            Command::Present { count, .. } => self.result(pending, &count.cast_signed(), out),
            Command::History { head, recovery, messages, .. } => {
                self.result(pending, &History::new(head, recovery, self.fitting(messages)), out)
            }
            Command::Refused { refusal, .. } => {
                let (code, text) = (refusal.status().into(), refusal.to_string());
                self.fail(pending, Failure { code, text: &text }, out)
            }
            _ => false,
        };
        // A result of the hub that does not fit; the driver fails those of the application itself.
        let is_done = match command {
            Command::Respond { .. } | Command::Fail { .. } | Command::Forget { .. } => is_done,
            _ => is_done || self.fail(pending, TOO_LARGE, out),
        };
        if !is_done {
            return Err(command);
        }
        self.pending.remove(id);
        Ok(())
    }

    /// As [`Protocol::push_len_max`](crate::Protocol::push_len_max).
    fn push_len_max(&self) -> usize {
        self.frame_len_max.min(FRAME_LEN_MAX_TARSCPP) as usize
    }

    /// As many messages as a response can have; the first one in any case.
    fn fitting<'a>(&self, messages: &'a [Message<'a>]) -> &'a [Message<'a>] {
        let mut bytes = 0;
        let fitting = messages.iter().take_while(|message| {
            // In JSON, a byte is up to five characters.
            bytes += message.body.len() * 5 + HISTORY_OVERHEAD;
            bytes + RESPONSE_OVERHEAD <= self.frame_len_max as usize
        });
        &messages[..fitting.count().max(1).min(messages.len())]
    }

    /// Appends a response with this result.
    fn result<T: Encode + ToJson>(&self, pending: &Pending, value: &T, out: &mut Vec<u8>) -> bool {
        let mut w = ArgumentWriter::new(pending.version, Vec::new());
        w.put_result(value);
        w.finish().is_ok_and(|body| self.respond(pending, &[], &body, out))
    }

    /// Appends a response, if it fits.
    fn respond(&self, pending: &Pending, head: &[u8], body: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(ResponseHead { context, status }) = ResponseHead::decode(head) else { return false };
        let packet = Response {
            version: pending.version,
            packet_type: packet::packet_type::NORMAL,
            request_id: pending.request_id,
            message_type: pending.message_type,
            ret: ReturnCode::SUCCESS,
            buffer: if body.is_empty() { pending.empty_buffer() } else { body },
            status,
            result_desc: "",
            context,
        };
        self.encode(pending, packet, out)
    }

    fn fail(&self, pending: &Pending, failure: Failure<'_>, out: &mut Vec<u8>) -> bool {
        let ret = match ReturnCode(failure.code) {
            ReturnCode(Failure::RESPONSE_TOO_LARGE) => ReturnCode::SERVER_ENCODE,
            ReturnCode::SUCCESS => ReturnCode::UNKNOWN,
            ret => ret.max(ReturnCode::UNKNOWN),
        };
        let packet = |result_desc| Response {
            version: pending.version,
            packet_type: packet::packet_type::NORMAL,
            request_id: pending.request_id,
            message_type: pending.message_type,
            ret,
            buffer: pending.empty_buffer(),
            status: StringMapRef::default(),
            result_desc,
            context: StringMapRef::default(),
        };
        // The code is what matters. Text and names can be as long as the peer's packet.
        self.encode(pending, packet(failure.text), out)
            || self.encode(&pending.without_names(), packet(""), out)
    }

    /// Appends a response in the form of its version, if it is within the limit.
    fn encode(
        &self,
        pending: &Pending,
        packet: Response<&str, &[u8], StringMapRef<'_>>,
        out: &mut Vec<u8>,
    ) -> bool {
        let before = out.len();
        let fits = encode(pending, packet, out) && out.len() - before <= self.frame_len_max as usize;
        if !fits {
            out.truncate(before);
        }
        fits
    }
}

impl Session for TarsSession {
    #[inline]
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        let Some((body, taken)) = split_frame(input, self.frame_len_max)? else {
            return Ok(Progress::NEED_MORE);
        };
        let packet = RequestRef::decode(body).map_err(|_| Error::Malformed("request packet"))?;
        if !packet.status.is_empty() && packet.status.get(RECONNECT_NOTICE_KEY).is_some() {
            self.wants_notice = true;
        }
        if self.has_topics && packet.servant == PUSH_OBJECT {
            return Ok(self.topic_call(&packet, taken));
        }
        Ok(Progress::event(taken, Event::Request(self.request(packet, now))))
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        self.respond_to(command, out)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.own);
    }
}

/// Appends a response in the form of its version: in TUP that of a request.
fn encode(pending: &Pending, packet: Response<&str, &[u8], StringMapRef<'_>>, out: &mut Vec<u8>) -> bool {
    let Some(names) = &pending.names else { return packet.encode(out).is_ok() };
    let mut status = packet.status.to_map();
    if packet.ret != ReturnCode::SUCCESS {
        status.insert(status_key::RESULT_CODE.to_owned(), packet.ret.0.to_string());
        if !packet.result_desc.is_empty() {
            status.insert(status_key::RESULT_DESC.to_owned(), packet.result_desc.to_owned());
        }
    }
    let packet = packet::Request {
        version: packet.version,
        packet_type: packet.packet_type,
        message_type: packet.message_type,
        request_id: packet.request_id,
        servant: names.0.as_str(),
        func: names.1.as_str(),
        buffer: packet.buffer,
        timeout_ms: 0,
        context: packet.context.to_map(),
        status,
    };
    packet.encode(out).is_ok()
}

/// The text, in `scratch` if the peer's is not UTF-8.
fn text<'a>(text: Cow<'a, str>, scratch: &'a mut String) -> &'a str {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => {
            *scratch = text;
            scratch
        }
    }
}

/// The response to a request that the application has dropped.
const FORGOTTEN: Failure<'_> = Failure { code: ReturnCode::UNKNOWN.0, text: "no response from the servant" };

/// The response to a call of the session's own object whose result does not fit.
const TOO_LARGE: Failure<'_> =
    Failure { code: Failure::RESPONSE_TOO_LARGE, text: "the response is too large" };

/// The fields of a message in a history besides its body.
const HISTORY_OVERHEAD: usize = 128;

/// The fields of a response besides its buffer, its maps and its text.
const RESPONSE_OVERHEAD: usize = 64;
