//! The connecting end: requests out, responses and pushes in.

use std::{borrow::Cow, time::Duration};

use super::{CallHead, RECONNECT, RECONNECT_NOTICE_KEY, ResponseHead, Tars};
use crate::{
    Command, Error, Event, Failure, Progress, Request, RequestId, Response, Route, Session, Time,
    tars::{
        codec::{DecodeError, TarsReader, TarsWriter},
        packet::{
            self, RequestRef, ResponseRef, ReturnCode, StringMapRef, Version, packet_type, split_frame,
            status_key,
        },
    },
};

/// The connecting side of one connection.
///
/// A packet with the id 0 is an [`Event::Push`], any other an [`Event::Response`]; late ones are valid. Responses are read
/// in both layouts, whatever the version of their request was. The route of a push is its function, without a servant:
/// [`Route::Only`] if it has none, and [`RECONNECT_PUSH`] if the server asks its clients to leave. The head of a response or
/// a push is a [`ResponseHead`]; in that of a push, the status is without the name of the function.
///
/// The head of a request is a [`CallHead`]. If it names no time-out, the packet has what is left of the request's
/// deadline.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{
///     Command, Event, Failure, Request, RequestId, Response, Route, Session, Time,
///     tars::{
///         packet::{RequestRef, ResponsePacket, ReturnCode},
///         rpc::{RECONNECT_PUSH, Tars, TarsClientSession},
///     },
/// };
///
/// let mut session: TarsClientSession = Tars::default().client_session();
/// let (mut sent, now) = (Vec::new(), Time::from_nanos(0));
/// let request = Request {
///     deadline: Some(now + Duration::from_secs(3)),
///     ..Request::new(RequestId(7), Route::Named("App.S.Obj", "hello"), b"\x16\x03ann")
/// };
/// assert_eq!(session.handle_command(Command::Request(request), &mut sent, now), Ok(()));
/// let packet = RequestRef::decode(&sent[4..])?;
/// assert_eq!((packet.request_id, &*packet.func, packet.timeout_ms), (7, "hello", 3000));
///
/// let mut received = Vec::new();
/// let ret = ReturnCode::NO_FUNCTION;
/// ResponsePacket { request_id: 7, ret, ..Default::default() }.encode(&mut received)?;
/// let failure = Failure { code: -3, text: "" };
/// let response = Response { id: RequestId(7), head: &[], result: Err(failure) };
/// assert_eq!(session.handle_input(&received, now)?.event, Some(Event::Response(response)));
///
/// let mut received = Vec::new();
/// ResponsePacket { result_desc: "_reconnect_".into(), ..Default::default() }.encode(&mut received)?;
/// let notice = Event::Push { route: RECONNECT_PUSH, head: &[], body: b"" };
/// assert_eq!(session.handle_input(&received, now)?.event, Some(notice));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TarsClientSession {
    frame_len_max: u32,
    /// The next request asks the server for a notice before it drains.
    asks_for_notice: bool,
    /// What the last event borrows, unless it is in the input.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    head: Vec<u8>,
    body: Vec<u8>,
    text: String,
}

/// A response or a push, of either layout.
struct Received<'a> {
    id: i32,
    ret: ReturnCode,
    text: Cow<'a, str>,
    /// That of a push.
    function: Cow<'a, str>,
    body: Cow<'a, [u8]>,
    context: StringMapRef<'a>,
    status: StringMapRef<'a>,
}

impl TarsClientSession {
    pub(super) fn new(protocol: &Tars) -> Self {
        Self {
            frame_len_max: protocol.frame_len_max,
            asks_for_notice: protocol.reconnect_notice,
            scratch: Scratch::default(),
        }
    }
}

impl Session for TarsClientSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some((body, taken)) = split_frame(input, self.frame_len_max)? else {
            return Ok(Progress::NEED_MORE);
        };
        let received = Received::decode(body).map_err(|_| Error::Malformed("response"))?;
        Ok(match received.id {
            PUSH_ID if received.text == RECONNECT => {
                Progress::event(taken, Event::Push { route: RECONNECT_PUSH, head: &[], body: &[] })
            }
            // It has nothing for the callback of its function.
            PUSH_ID if received.ret != ReturnCode::SUCCESS => Progress::silent(taken),
            PUSH_ID => Progress::event(taken, received.into_push(&mut self.scratch)),
            _ => Progress::event(taken, Event::Response(received.into_response(&mut self.scratch))),
        })
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        let before = out.len();
        let encoded = match command {
            Command::Request(request) => encode_request(&request, self.asks_for_notice, out, now),
            _ => None,
        };
        let fits = |()| out.len() - before <= self.frame_len_max as usize;
        if encoded.is_some_and(fits) {
            self.asks_for_notice = false;
            return Ok(());
        }
        out.truncate(before);
        Err(command)
    }
}

fn encode_request(request: &Request<'_>, asks_for_notice: bool, out: &mut Vec<u8>, now: Time) -> Option<()> {
    let Route::Named(servant, function) = request.route else { return None };
    // Negative from 2^31 on, as in TarsCpp.
    let request_id = u32::try_from(request.id.0).ok()?.cast_signed();
    let head = CallHead::decode(request.head)?;
    let mut pairs = TarsWriter::new();
    let mut status = head.status;
    if asks_for_notice {
        pairs.write_encoded(status.encoded());
        pairs.field(0, RECONNECT_NOTICE_KEY);
        pairs.field(1, "1");
        status = StringMapRef::from_encoded(status.len() + 1, pairs.as_bytes());
    }
    let packet = packet::Request {
        version: head.version,
        packet_type: if request.expects_response { packet_type::NORMAL } else { packet_type::ONE_WAY },
        message_type: head.message_type,
        request_id: Some(request_id).filter(|id| *id != PUSH_ID)?,
        servant: Cow::Borrowed(servant),
        func: Cow::Borrowed(function),
        buffer: Cow::Borrowed(request.body),
        timeout_ms: match head.timeout_ms {
            0 => request.deadline.map_or(0, |deadline| millis(deadline.max(now) - now)),
            timeout_ms => timeout_ms,
        },
        context: head.context,
        status,
    };
    packet.encode(out).ok()
}

/// Whole milliseconds, rounded up: 0 would mean that there is no deadline.
fn millis(time: Duration) -> i32 {
    let millis = time.as_nanos().div_ceil(1_000_000).max(1);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

impl<'a> Received<'a> {
    /// Reads a packet in the layout of its version.
    fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let version = Version(TarsReader::new(body).require(1)?);
        if !version.is_tup() {
            let packet = ResponseRef::decode(body)?;
            let status = packet.status;
            let function = status.get(status_key::PUSH_FUNC).unwrap_or_default();
            let received = Self {
                id: packet.request_id,
                ret: packet.ret,
                text: packet.result_desc,
                function,
                body: packet.buffer,
                context: packet.context,
                status,
            };
            return Ok(received.with_result_of_status());
        }
        let packet = RequestRef::decode(body)?;
        let function = packet.status.get(status_key::PUSH_FUNC).unwrap_or(packet.func);
        let received = Self {
            id: packet.request_id,
            ret: ReturnCode::SUCCESS,
            text: Cow::Borrowed(""),
            function,
            body: packet.buffer,
            context: packet.context,
            status: packet.status,
        };
        Ok(received.with_result_of_status())
    }

    /// Version 3 has its result in the status.
    fn with_result_of_status(mut self) -> Self {
        if self.status.is_empty() || self.ret != ReturnCode::SUCCESS {
            return self;
        }
        if let Some(code) = self.status.get(status_key::RESULT_CODE) {
            // What is not a number is not success.
            self.ret = code.parse().map_or(ReturnCode::UNKNOWN, ReturnCode);
        }
        if let Some(text) = self.status.get(status_key::RESULT_DESC) {
            self.text = text;
        }
        self
    }

    fn into_push(self, scratch: &'a mut Scratch) -> Event<'a> {
        let Scratch { head, body, text } = scratch;
        head.clear();
        let mut status = self.status;
        let mut others = TarsWriter::new();
        if status.get(status_key::PUSH_FUNC).is_some() {
            let mut len = 0;
            for (key, value) in status.iter().filter(|(key, _)| key != status_key::PUSH_FUNC) {
                others.field(0, &*key);
                others.field(1, &*value);
                len += 1;
            }
            status = StringMapRef::from_encoded(len, others.as_bytes());
        }
        if !(self.context.is_empty() && status.is_empty()) {
            ResponseHead { context: self.context, status }.encode(head);
        }
        let route = match kept_text(self.function, text) {
            "" => Route::Only,
            function => Route::Named("", function),
        };
        Event::Push { route, head, body: kept(self.body, body) }
    }

    fn into_response(self, scratch: &'a mut Scratch) -> Response<'a> {
        let Scratch { head, body, text } = scratch;
        head.clear();
        if !(self.context.is_empty() && self.status.is_empty()) {
            ResponseHead { context: self.context, status: self.status }.encode(head);
        }
        let result = match self.ret {
            ReturnCode::SUCCESS => Ok(kept(self.body, body)),
            ReturnCode(code) => Err(Failure { code, text: kept_text(self.text, text) }),
        };
        Response { id: RequestId(self.id.cast_unsigned().into()), head, result }
    }
}

/// Keeps what is not in the input.
fn kept<'a>(bytes: Cow<'a, [u8]>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    match bytes {
        Cow::Borrowed(bytes) => bytes,
        Cow::Owned(bytes) => {
            *scratch = bytes;
            scratch
        }
    }
}

fn kept_text<'a>(text: Cow<'a, str>, scratch: &'a mut String) -> &'a str {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => {
            *scratch = text;
            scratch
        }
    }
}

/// The route of the push by which a server asks its clients to open new connections: this one takes no new calls, and
/// ends when those in flight have their responses.
///
/// On the wire, it is a response with the id 0 whose description is `_reconnect_`.
pub const RECONNECT_PUSH: Route<'static> = Route::Named(RECONNECT, "");

/// The id of pushes and notices; no request has it.
const PUSH_ID: i32 = 0;
