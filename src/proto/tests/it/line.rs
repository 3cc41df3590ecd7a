//! A toy protocol of text lines. It shows that a protocol is added through [`Protocol`] alone,
//! and that its first bytes choose the shard where a connection lives.

use std::time::Duration;

use shardcast_proto::{
    Command, Error, Event, Home, Opening, Progress, Protocol, Request, RequestId, Route, Session, Sniff,
    Time, session_conformance,
    testing::{Conformance, accept},
};

/// A line is a request: `WORD REST`; `a;b` is two. `ping` is answered by the session, `bye` says goodbye.
/// A connection that begins with `@N ` lives on shard N, with `#KEY ` where the key does.
struct Line;

impl Protocol for Line {
    fn name(&self) -> &'static str {
        "line"
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match prefix.first() {
            None => Sniff::NeedBytes(1),
            Some(b'a'..=b'z') => Sniff::Match(Home::AnyShard),
            Some(b'@' | b'#') => sniff_home(prefix),
            Some(_) => Sniff::Refuse,
        }
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(LineSession {
            first_line_by: Some(opening.now + FIRST_LINE_TIMEOUT),
            ..LineSession::default()
        })
    }
}

fn sniff_home(prefix: &[u8]) -> Sniff {
    let Some(end) = prefix.iter().position(|byte| *byte == b' ') else {
        return if prefix.len() < HOME_LEN_MAX { Sniff::NeedBytes(prefix.len() + 1) } else { Sniff::Refuse };
    };
    let name = &prefix[1..end];
    if prefix[0] == b'#' {
        return Sniff::Match(Home::Key(hash(name)));
    }
    let shard = str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    shard.map_or(Sniff::Refuse, |shard| Sniff::Match(Home::Shard(shard)))
}

/// FNV-1a.
fn hash(name: &[u8]) -> u64 {
    name.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[derive(Default)]
struct LineSession {
    first_line_by: Option<Time>,
    line_count: u64,
    /// The second half of `a;b`, until it is polled.
    second: Option<Vec<u8>>,
    /// Keeps it while the event borrows it.
    polled: Vec<u8>,
    pong: bool,
}

impl LineSession {
    fn request<'a>(&mut self, body: &'a [u8]) -> Event<'a> {
        self.line_count += 1;
        Event::Request(Request::new(RequestId(self.line_count), Route::Only, body))
    }
}

impl Session for LineSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let window = &input[..input.len().min(LINE_LEN_MAX)];
        let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
            let len = LINE_LEN_MAX as u64 + 1;
            return match window.len() {
                LINE_LEN_MAX => Err(Error::FrameTooLarge { len, max: LINE_LEN_MAX as u64 }),
                _ => Ok(Progress::NEED_MORE),
            };
        };
        let line = &window[..end];
        str::from_utf8(line).map_err(|_| Error::Malformed("line"))?;
        self.first_line_by = None;
        if line == b"bye" {
            return Ok(Progress::event(end + 1, Event::Closing));
        }
        if line == b"ping" {
            self.pong = true;
            return Ok(Progress::silent(end + 1).and_more());
        }
        let mut halves = line.splitn(2, |byte| *byte == b';');
        let first = halves.next().unwrap_or_default();
        self.second = halves.next().map(<[u8]>::to_vec);
        let more = self.second.is_some();
        let progress = Progress::event(end + 1, self.request(first));
        Ok(if more { progress.and_more() } else { progress })
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        match self.first_line_by {
            Some(deadline) if deadline <= now => Err(Error::TimedOut("first line")),
            _ => Ok(()),
        }
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        let (Command::Respond { body, .. } | Command::Push { route: Route::Only, body }) = command else {
            return Err(command);
        };
        if body.contains(&b'\n') {
            return Err(command);
        }
        out.extend_from_slice(body);
        out.push(b'\n');
        Ok(())
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.pong) {
            out.extend_from_slice(b"pong\n");
        }
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.polled = self.second.take()?;
        self.line_count += 1;
        Some(Event::Request(Request::new(RequestId(self.line_count), Route::Only, &self.polled)))
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.first_line_by
    }
}

session_conformance!(
    conformance,
    Conformance {
        accept: &|| accept(&Line, Time::from_nanos(0)),
        conversation: b"@3 hello\nping\none;two\n\nbye\n",
        events: 5,
        broken: &[(b"\xff\xfe\n", "malformed"), (&[b'x'; 70], "frame-too-large"), (b"\0\x80\n", "malformed")],
        silence: &[(b"", "timed-out"), (b"hel", "timed-out")],
        refused: &[
            Command::respond(RequestId(1), b"two\nlines"),
            Command::Push { route: Route::Numbered(1), body: b"x" },
        ],
    }
);

#[test]
fn first_bytes_choose_the_home() {
    let check = |prefix: &[u8], expected: Sniff| assert_eq!(Line.sniff(prefix), expected);
    check(b"", Sniff::NeedBytes(1));
    check(b"hello", Sniff::Match(Home::AnyShard));
    check(b"@3", Sniff::NeedBytes(3));
    check(b"@3 hello\n", Sniff::Match(Home::Shard(3)));
    check(b"#ann hello\n", Sniff::Match(Home::Key(hash(b"ann"))));
    check(b"@x ", Sniff::Refuse);
    check(b"@99999 ", Sniff::Refuse);
    check(&[b'#'; HOME_LEN_MAX], Sniff::Refuse);
    check(b"\0\0\0\x11", Sniff::Refuse);
}

const LINE_LEN_MAX: usize = 64;
const HOME_LEN_MAX: usize = 32;
const FIRST_LINE_TIMEOUT: Duration = Duration::from_secs(1);
