//! HTTP/1.1 of one connection, without a socket: bytes and time in, bytes out.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::output::escape;

/// A request that can be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Without the query.
    pub(super) path: &'a str,
    /// The part after `?`.
    pub(super) query: &'a str,
    /// The host of the target or, if it has none, the `Host` header; HTTP/1.1 always has one.
    pub(super) host: Option<&'a [u8]>,
    /// The `Authorization` header.
    pub(super) authorization: Option<&'a [u8]>,
    /// At most [`BODY_BYTES_MAX`]; only a POST has any.
    pub(super) body: &'a [u8],
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    /// As GET, without the body of the response.
    Head,
    Post,
}

/// A response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// A header of this response only.
    pub(super) header: Option<(&'static str, String)>,
}

impl Response {
    /// Text, whose control characters are escaped: some of it may be from a peer.
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        let body = escape::lines(&body.into()).into_owned();
        Self::new(status, "text/plain; charset=utf-8", body.into_bytes())
    }

    /// JSON and a line end.
    pub(super) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => {
                let body = escape::json(&body).into_owned() + "\n";
                Self::new(status, "application/json", body.into_bytes())
            }
            Err(error) => Self::text(503, format!("{error}\n")),
        }
    }

    /// The path does not have this method.
    pub(super) fn not_allowed(allow: &'static str) -> Self {
        let response = Self::text(405, format!("method not allowed: use {allow}\n"));
        response.with_header("Allow", allow.to_owned())
    }

    pub(super) const fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, body, header: None }
    }

    pub(super) fn with_header(self, name: &'static str, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

/// One connection.
///
/// ```text
///       request complete          sent, keep-alive
///  Head ──────────────▶ Sending ──────────────▶ Head
///   │ time-out, nothing begun │ sent, close
///   ▼                         ▼
///  Closed ◀──────────── Lingering      the peer reads the answer, then closes
/// ```
#[derive(Debug)]
pub(super) struct Exchange {
    phase: Phase,
    /// The next request, and the bytes after it. At most [`HEAD_BYTES_MAX`], including the body.
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    keep_alive: bool,
    deadline: Instant,
    /// Bytes discarded while lingering.
    discarded: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Head,
    Sending,
    Lingering,
    Closed,
}

impl Exchange {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Head,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            keep_alive: true,
            deadline: now + TIMEOUT,
            discarded: 0,
        }
    }

    /// How many bytes it can take now.
    pub(super) fn room(&self) -> usize {
        match self.phase {
            Phase::Head => HEAD_BYTES_MAX - self.input.len(),
            Phase::Lingering => HEAD_BYTES_MAX,
            Phase::Sending | Phase::Closed => 0,
        }
    }

    /// Takes at most [`room`](Self::room) bytes; none means that the peer has closed its side.
    pub(super) fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        match self.phase {
            _ if bytes.is_empty() => self.phase = Phase::Closed,
            Phase::Head => {
                if self.input.is_empty() {
                    self.deadline = now + TIMEOUT;
                }
                self.input.extend_from_slice(bytes);
            }
            Phase::Lingering => {
                self.discarded += bytes.len();
                if self.discarded > LINGER_BYTES_MAX {
                    self.phase = Phase::Closed;
                }
            }
            Phase::Sending | Phase::Closed => {}
        }
    }

    /// Answers the next request, if its head is complete and the last response is sent. False: nothing to
    /// do until more is received or sent.
    pub(super) fn advance(&mut self, now: Instant, answer: impl FnOnce(Request<'_>) -> Response) -> bool {
        if self.phase != Phase::Head || self.input.is_empty() {
            return false;
        }
        let input = std::mem::take(&mut self.input);
        match parse(&input) {
            Ok(None) => {
                self.input = input;
                return false;
            }
            Ok(Some(head)) => {
                let response = answer(head.request);
                self.keep_alive = head.keep_alive;
                self.respond(&response, head.with_body, now);
                self.input = input[head.bytes..].to_vec();
            }
            Err(response) => {
                self.keep_alive = false;
                self.respond(&response, true, now);
            }
        }
        true
    }

    /// Bytes to send.
    pub(super) fn output(&self) -> &[u8] {
        match self.phase {
            Phase::Sending => &self.output[self.sent..],
            _ => &[],
        }
    }

    /// Bytes that this connection holds for its peer.
    pub(super) fn held(&self) -> usize {
        self.output.len()
    }

    /// This number of bytes of [`output`](Self::output) is sent. True when the sending half is to be closed.
    pub(super) fn handle_sent(&mut self, bytes: usize, now: Instant) -> bool {
        self.sent += bytes;
        if self.phase != Phase::Sending || self.sent < self.output.len() {
            return false;
        }
        (self.output, self.sent) = (Vec::new(), 0);
        if self.keep_alive {
            (self.phase, self.deadline) = (Phase::Head, now + TIMEOUT);
        } else {
            (self.phase, self.deadline) = (Phase::Lingering, now + LINGER);
        }
        !self.keep_alive
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// An incomplete head gets a response; otherwise, the connection is closed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        if self.phase == Phase::Head && !self.input.is_empty() {
            self.input.clear();
            self.keep_alive = false;
            self.respond(&Response::text(408, "the request took too long\n"), true, now);
        } else {
            self.phase = Phase::Closed;
        }
    }

    /// Whether it waits for a request, and may be closed to make room for others.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Lingering)
    }

    /// Whether the socket is to be closed.
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    fn respond(&mut self, response: &Response, with_body: bool, now: Instant) {
        self.output = encode(response, self.keep_alive, with_body);
        self.sent = 0;
        self.phase = Phase::Sending;
        // The time for a slow reader grows with the size of the response, but it is limited.
        self.deadline = now + TIMEOUT + Duration::from_secs((self.output.len() >> 20) as u64);
    }
}

/// A response as bytes on the wire.
pub(super) fn encode(response: &Response, keep_alive: bool, with_body: bool) -> Vec<u8> {
    let Response { status, content_type, body, header } = response;
    let reason = reason_of(*status);
    let more = match header {
        Some((name, value)) => format!("{name}: {value}\r\n"),
        None if *status == 401 => "WWW-Authenticate: Bearer\r\n".to_owned(),
        None => String::new(),
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let mut bytes = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n{more}Connection: {connection}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if with_body {
        bytes.extend_from_slice(body);
    }
    bytes
}

struct Head<'a> {
    request: Request<'a>,
    keep_alive: bool,
    /// Not HEAD.
    with_body: bool,
    /// Length of the head and of the body.
    bytes: usize,
}

/// The first request of `input`; nothing if it is not complete; a response if it is invalid.
fn parse(input: &[u8]) -> Result<Option<Head<'_>>, Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(input) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            let limit =
                format!("a request head has at most {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} headers\n");
            return Err(Response::text(431, limit));
        }
        Err(error) => return Err(Response::text(400, format!("not an HTTP request: {error}\n"))),
    };
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => return Err(Response::not_allowed("GET, HEAD, POST")),
    };
    let http_1_1 = request.version == Some(1);
    let body_bytes = check_headers(request.headers, http_1_1, method)?;
    let bytes = head_bytes + body_bytes;
    if bytes > HEAD_BYTES_MAX {
        return Err(Response::text(413, format!("a request has at most {HEAD_BYTES_MAX} bytes\n")));
    }
    let target = request.path.unwrap_or_default();
    let Some((authority, target)) = split_target(target) else {
        return Err(Response::text(400, "the request has no path\n"));
    };
    let Some(body) = input.get(head_bytes..bytes) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let authorization = named(request.headers, "authorization").next().map(|header| header.value);
    let header = named(request.headers, "host").next().map(|header| header.value);
    let host = authority.map(str::as_bytes).or(header);
    let close = header_has(request.headers, "connection", "close");
    Ok(Some(Head {
        request: Request { method, path, query, host, authorization, body },
        keep_alive: http_1_1 && !close,
        with_body: method != Method::Head,
        bytes,
    }))
}

/// The length of the body.
fn check_headers(
    headers: &[httparse::Header<'_>],
    http_1_1: bool,
    method: Method,
) -> Result<usize, Response> {
    let hosts = named(headers, "host").count();
    if hosts > 1 || (http_1_1 && hosts == 0) {
        return Err(Response::text(400, "HTTP/1.1 requires exactly one Host header\n"));
    }
    if named(headers, "authorization").count() > 1 {
        return Err(Response::text(400, "more than one Authorization header\n"));
    }
    if named(headers, "transfer-encoding").next().is_some() {
        return Err(Response::text(411, "Transfer-Encoding is not supported: send Content-Length\n"));
    }
    if named(headers, "expect").next().is_some() {
        return Err(Response::text(417, "Expect is not supported\n"));
    }
    let mut lengths = named(headers, "content-length").map(|header| header.value.trim_ascii());
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => 0,
        (Some(length), None) => body_length(length)?,
        (Some(_), Some(_)) => {
            return Err(Response::text(400, "more than one Content-Length header\n"));
        }
    };
    match (method, length) {
        (_, 0) => Ok(0),
        (Method::Post, 1..=BODY_BYTES_MAX) => Ok(length),
        (Method::Post, _) => Err(Response::text(413, format!("a body has at most {BODY_BYTES_MAX} bytes\n"))),
        (Method::Get | Method::Head, _) => Err(Response::text(413, "only POST may have a body\n")),
    }
}

/// Digits only; a number that is too large becomes the greatest one.
fn body_length(text: &[u8]) -> Result<usize, Response> {
    let digits = std::str::from_utf8(text)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(digits) = digits else {
        return Err(Response::text(400, "Content-Length is not a number\n"));
    };
    Ok(digits.parse().unwrap_or(usize::MAX))
}

/// The host and the path of a target, which proxies write with the host in front.
fn split_target(target: &str) -> Option<(Option<&str>, &str)> {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map(|start| (Some(&rest[..start]), &rest[start..])),
        None => target.starts_with('/').then_some((None, target)),
    }
}

fn named<'h, 'b>(
    headers: &'h [httparse::Header<'b>],
    name: &'static str,
) -> impl Iterator<Item = &'h httparse::Header<'b>> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
}

fn header_has(headers: &[httparse::Header<'_>], name: &'static str, word: &str) -> bool {
    named(headers, name).any(|header| {
        let words = header.value.split(|byte| *byte == b',');
        words.into_iter().any(|found| found.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    })
}

fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "",
    }
}

/// The header that names the shards whose part is missing in a response.
pub(crate) const MISSING_SHARDS: &str = "Missing-Shards";

/// Head of one request; with the body, if there is one.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;
/// Body of one request: room for the parameters of an action.
pub(super) const BODY_BYTES_MAX: usize = 1 << 10;
const HEADERS_MAX: usize = 64;
/// Time for a head to be complete, for the next one to begin, and for a response to be sent.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the peer to read the last response: closing with unread bytes would reset the connection and lose it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 << 10;
