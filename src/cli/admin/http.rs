//! HTTP/1.1 of one connection, without a socket: bytes and time in, bytes out.

use std::time::{Duration, Instant};

/// A request that can be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Request<'a> {
    /// Without the query.
    pub(super) path: &'a str,
    /// What stands after `?`.
    pub(super) query: &'a str,
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// Plain text.
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into().into_bytes() }
    }
}

/// One connection.
///
/// ```text
///        head complete            sent, keep-alive
///  Head ──────────────▶ Sending ──────────────▶ Head
///   │ time-out, nothing begun │ sent, close
///   ▼                         ▼
///  Closed ◀──────────── Lingering      the peer reads the answer, then closes
/// ```
#[derive(Debug)]
pub(super) struct Exchange {
    phase: Phase,
    /// Head of the next request, and what came after it. At most [`HEAD_BYTES_MAX`].
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    keep_alive: bool,
    deadline: Instant,
    /// Bytes thrown away while lingering.
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

    /// How many bytes it takes now.
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

    /// Answers the next request, if its head is complete and the answer before is sent. False: nothing to
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

    /// What is to be sent.
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

    /// So many bytes of [`output`](Self::output) are sent. True when the sending side is to be closed.
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

    /// Half a head gets an answer; the rest is closed.
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

    /// Whether it waits for a request, so that it may be closed when others need the place.
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
        // A slow reader may have as long as the answer is large, but not for ever.
        self.deadline = now + TIMEOUT + Duration::from_secs((self.output.len() >> 20) as u64);
    }
}

/// An answer as it goes over the wire.
pub(super) fn encode(response: &Response, keep_alive: bool, with_body: bool) -> Vec<u8> {
    let Response { status, content_type, body } = response;
    let reason = reason_of(*status);
    let allow = if *status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let mut bytes = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n{allow}Connection: {connection}\r\n\r\n",
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
    /// GET, not HEAD.
    with_body: bool,
    /// Length of the head.
    bytes: usize,
}

/// The first head of `input`; nothing when it is not complete; an answer when it never will be.
fn parse(input: &[u8]) -> Result<Option<Head<'_>>, Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let bytes = match request.parse(input) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            let limit =
                format!("a request head has at most {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} headers\n");
            return Err(Response::text(431, limit));
        }
        Err(error) => return Err(Response::text(400, format!("not an HTTP request: {error}\n"))),
    };
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Err(Response::text(405, "only GET and HEAD are answered here\n")),
    };
    let http_1_1 = request.version == Some(1);
    check_headers(request.headers, http_1_1)?;
    let target = request.path.unwrap_or_default();
    let Some(target) = origin_form(target) else {
        return Err(Response::text(400, "the request names no path\n"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let close = header_has(request.headers, "connection", "close");
    Ok(Some(Head { request: Request { path, query }, keep_alive: http_1_1 && !close, with_body, bytes }))
}

fn check_headers(headers: &[httparse::Header<'_>], http_1_1: bool) -> Result<(), Response> {
    let named =
        |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    if http_1_1 && named("host").count() != 1 {
        return Err(Response::text(400, "HTTP/1.1 wants exactly one Host header\n"));
    }
    let body = named("content-length").any(|header| header.value.trim_ascii() != b"0");
    if body || named("transfer-encoding").next().is_some() {
        return Err(Response::text(413, "requests here have no body\n"));
    }
    Ok(())
}

/// The path of a target, which proxies write with the host in front.
fn origin_form(target: &str) -> Option<&str> {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map(|start| &rest[start..]),
        None => Some(target).filter(|target| target.starts_with('/')),
    }
}

fn header_has(headers: &[httparse::Header<'_>], name: &str, word: &str) -> bool {
    headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).any(|header| {
        let words = header.value.split(|byte| *byte == b',');
        words.into_iter().any(|found| found.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    })
}

fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "",
    }
}

/// Head of one request.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;
/// For a head to be complete, for the next one to begin, and for an answer to be taken.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// For the peer to read the last answer: closing with unread bytes would destroy it on the way.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 << 10;
