use std::{collections::VecDeque, time::Duration};

use shardcast::{
    Connection, Reply, Request, Service,
    proto::{
        Command, Error, Event, Home, Opening, Progress, Protocol, RequestId, Response, Route, Session, Sniff,
        Time,
    },
};

/// A toy protocol of text lines that uses the public API only. A line is a request; the session itself answers `ping`,
/// and `bye` is a goodbye. A connection that begins with `@N ` lives on shard N.
///
/// The connecting end takes a line that begins with `!` for a push, and any other for the response to its oldest request.
pub(crate) struct Line;

impl Protocol for Line {
    fn name(&self) -> &'static str {
        "line"
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match prefix.first() {
            None => Sniff::NeedBytes(1),
            Some(b'a'..=b'z') => Sniff::Match(Home::AnyShard),
            Some(b'@') => sniff_home(prefix),
            Some(_) => Sniff::Refuse,
        }
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(LineSession {
            first_line_by: Some(opening.now + FIRST_LINE_TIMEOUT),
            ..LineSession::default()
        })
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(LineClientSession::default()))
    }
}

fn sniff_home(prefix: &[u8]) -> Sniff {
    let Some(end) = prefix.iter().position(|byte| *byte == b' ') else {
        return if prefix.len() < 8 { Sniff::NeedBytes(prefix.len() + 1) } else { Sniff::Refuse };
    };
    let shard = str::from_utf8(&prefix[1..end]).ok().and_then(|name| name.parse().ok());
    shard.map_or(Sniff::Refuse, |shard| Sniff::Match(Home::Shard(shard)))
}

#[derive(Default)]
struct LineSession {
    first_line_by: Option<Time>,
    line_count: u64,
    pongs: usize,
}

impl Session for LineSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            return Ok(Progress::NEED_MORE);
        };
        str::from_utf8(&input[..end]).map_err(|_| Error::Malformed("line"))?;
        self.first_line_by = None;
        match &input[..end] {
            b"bye" => Ok(Progress::event(end + 1, Event::Closing)),
            b"ping" => {
                self.pongs += 1;
                Ok(Progress::silent(end + 1).and_more())
            }
            body => {
                self.line_count += 1;
                let id = RequestId(self.line_count);
                Ok(Progress::event(end + 1, Event::Request(Request::new(id, Route::Only, body))))
            }
        }
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
        out.extend_from_slice(body);
        out.push(b'\n');
        Ok(())
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        for _ in 0..std::mem::take(&mut self.pongs) {
            out.extend_from_slice(b"pong\n");
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.first_line_by
    }
}

/// The connecting end: requests that are not answered yet, in order.
#[derive(Default)]
struct LineClientSession {
    asked: VecDeque<RequestId>,
}

impl Session for LineClientSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            return Ok(Progress::NEED_MORE);
        };
        let event = match &input[..end] {
            [b'!', body @ ..] => Event::Push { route: Route::Only, head: &[], body },
            body => {
                let id = self.asked.pop_front().ok_or(Error::Malformed("answer to nothing"))?;
                Event::Response(Response { id, head: &[], result: Ok(body) })
            }
        };
        Ok(Progress::event(end + 1, event))
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        let Command::Request(request) = command else { return Err(command) };
        if request.body.contains(&b'\n') || request.route != Route::Only {
            return Err(command);
        }
        if request.expects_response {
            self.asked.push_back(request.id);
        }
        out.extend_from_slice(request.body);
        out.push(b'\n');
        Ok(())
    }
}

/// Answers a line with the shard that serves it, and the line.
pub(crate) struct WhoAmI;

impl Service for WhoAmI {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(format!("{} ", connection.id().shard).as_bytes());
        reply.body().extend_from_slice(request.body);
    }
}

const FIRST_LINE_TIMEOUT: Duration = Duration::from_secs(2);
