//! The core by itself, with a toy protocol and no transport: everything that is sent is one string.

mod deadlines;
mod end;
mod end_of_stream;
mod holds;
mod input;
mod memory;
mod output;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{
    Amount, Error, Event, Operation, Position, Progress, PublishHeader, Recovery, Refusal, Request, Route,
    outbox::{OutboxBounds, OverflowPolicy, Parcel, Pushed, Pushing},
};

/// A protocol of lines. `a|b` are two requests in one frame; `ping` is answered by the session itself before the next
/// line, `note` after all of them.
#[derive(Default)]
struct Toy {
    count: u64,
    second: Option<String>,
    polled: String,
    /// What it has to say itself.
    words: Vec<&'static str>,
    /// What it decides; `None` is the usual.
    end_of_stream: Option<EndOfStream>,
    deadline: Option<Time>,
    at_deadline: AtDeadline,
    is_leaving: bool,
    dialect: Dialect,
    /// The line `login` must come first, within this time.
    login: Option<Option<Duration>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum AtDeadline {
    #[default]
    Fails,
    Leaves,
    Beats,
}

impl Toy {
    fn request<'a>(&mut self, text: &'a str) -> Event<'a> {
        self.count += 1;
        let id = RequestId(self.count);
        let mut words = text.split(' ');
        match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
            ("hello", _) => Event::Hello { id },
            ("history", topic) => {
                Event::Subscribe { id, topic, prefix: false, since: Some(Position::default()) }
            }
            ("kept", topic) => Event::History { id, topic, since: None, max: 9 },
            ("subscribe", topic) => Event::Subscribe { id, topic, prefix: false, since: None },
            ("leave", topic) => Event::Unsubscribe { id, topic, prefix: false },
            ("publish", topic) => {
                Event::Publish { id: Some(id), topic, options: PublishHeader::default(), body: b"x" }
            }
            _ => Event::Request(Request::new(id, Route::Only, text.as_bytes())),
        }
    }
}

impl Session for Toy {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(Progress::NEED_MORE) };
        let line = str::from_utf8(&input[..end]).expect("tests write text");
        let taken = end + 1;
        match line {
            "login" => {
                self.login = None;
                Ok(Progress::silent(taken))
            }
            _ if self.login.is_some() => Err(Error::Malformed("login")),
            "bye" => Ok(Progress::event(taken, Event::Closing)),
            "ping" => {
                self.words.push("pong\n");
                Ok(Progress::silent(taken).and_more())
            }
            "quiet" => Ok(Progress::silent(taken)),
            "note" => {
                self.words.push("noted\n");
                Ok(Progress::silent(taken))
            }
            "bad" => {
                self.words.push("last word\n");
                Err(Error::Malformed("line"))
            }
            _ => match line.split_once('|') {
                Some((first, second)) => {
                    self.second = Some(second.to_owned());
                    Ok(Progress::event(taken, self.request(first)).and_more())
                }
                None => Ok(Progress::event(taken, self.request(line))),
            },
        }
    }

    fn handle_timeout(&mut self, _now: Time) -> Result<(), Error> {
        self.deadline = None;
        match self.at_deadline {
            AtDeadline::Fails => {
                self.words.push("last word\n");
                return Err(Error::TimedOut("toy"));
            }
            AtDeadline::Leaves => self.is_leaving = true,
            AtDeadline::Beats => self.words.push("beat\n"),
        }
        Ok(())
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        match command {
            Command::Respond { body, .. } => out.extend_from_slice(body),
            Command::Welcome { .. } => {
                self.dialect = Dialect(1);
                out.extend_from_slice(b"welcome");
            }
            Command::Subscribed { .. } => out.extend_from_slice(b"subscribed"),
            Command::Unsubscribed { .. } => out.extend_from_slice(b"left"),
            Command::Refused { .. } => out.extend_from_slice(b"refused"),
            other => return Err(other),
        }
        out.push(b'\n');
        Ok(())
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.words.drain(..).for_each(|word| out.extend_from_slice(word.as_bytes()));
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        if std::mem::take(&mut self.is_leaving) {
            return Some(Event::Closing);
        }
        self.polled = self.second.take()?;
        let polled = std::mem::take(&mut self.polled);
        let (first, rest) = polled.split_once('|').map_or((&*polled, None), |(one, rest)| (one, Some(rest)));
        self.second = rest.map(str::to_owned);
        self.polled = first.to_owned();
        self.count += 1;
        Some(Event::Request(Request::new(RequestId(self.count), Route::Only, self.polled.as_bytes())))
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.deadline
    }

    fn handle_end_of_stream(&mut self, _now: Time) -> EndOfStream {
        let decision = self.end_of_stream.unwrap_or(EndOfStream::Respond);
        if decision != EndOfStream::Close {
            self.words.push("end seen\n");
        }
        decision
    }

    fn is_established(&self) -> bool {
        self.login.is_none()
    }

    fn establish_timeout(&self) -> Option<Duration> {
        self.login?
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// A connection and its driver.
struct Rig {
    core: Connection,
    limits: Limits,
    spares: Spares,
    now: Time,
    /// What the application got.
    events: Vec<String>,
    actions: Vec<Action>,
    /// What was sent, all of it.
    sent: String,
}

impl Rig {
    fn new() -> Self {
        Self::with(Toy::default())
    }

    fn with(toy: Toy) -> Self {
        Self::on(Role::Accepting, &RateLimit::NONE, toy)
    }

    fn on(role: Role, rate_limit: &RateLimit, toy: Toy) -> Self {
        let mut rig = Self::waiting(role, rate_limit);
        rig.core.open(Box::new(toy), rig.now);
        rig
    }

    /// Without a session.
    fn waiting(role: Role, rate_limit: &RateLimit) -> Self {
        let now = at(0);
        Self {
            core: Connection::new(role, rate_limit, now),
            limits: limits(),
            spares: Spares::default(),
            now,
            events: Vec::new(),
            actions: Vec::new(),
            sent: String::new(),
        }
    }

    /// The peer sends something.
    fn receive(&mut self, text: &str) {
        self.core.handle_received(text.as_bytes(), self.now);
        if self.core.is_open() {
            self.pass(text.as_bytes());
        }
        self.run_until_idle();
    }

    fn pass(&mut self, bytes: &[u8]) {
        let Some(mut input) = self.core.input(bytes, &self.limits, &self.spares, self.now) else { return };
        loop {
            let event = match input.advance() {
                Advance::Done => break,
                Advance::Silent => continue,
                Advance::Request(request) => Event::Request(request),
                Advance::Event(event) => event,
            };
            self.events.push(name(event));
            let outcome = outcome(event);
            let Some(outcome) = outcome else {
                // The handler panics.
                drop(input);
                return self.core.end(CloseReason::Panic, &self.limits, self.now);
            };
            input.conclude(outcome);
        }
        input.finish();
    }

    fn run_until_idle(&mut self) {
        while self.core.take_resume() {
            self.pass(&[]);
        }
        self.actions.extend(std::iter::from_fn(|| self.core.poll_action()));
    }

    /// Sends one parcel, if there is one.
    fn send(&mut self) -> Option<String> {
        let parcel = self.core.poll_transmit(&self.limits, &self.spares, self.now);
        let bytes = parcel.map(|parcel| match parcel {
            Parcel::Gathered(bytes) => bytes,
            Parcel::Shared(bytes) => bytes.to_vec(),
            Parcel::Pieces(pieces) => pieces.concat(),
        });
        let text = bytes.map(|bytes| String::from_utf8(bytes).expect("tests write text"));
        self.sent.extend(text.iter().map(String::as_str));
        self.run_until_idle();
        text
    }

    /// The transport took the parcel.
    fn was_sent(&mut self) {
        self.core.handle_sent(&self.limits, self.now);
        self.run_until_idle();
    }

    /// Sends all that waits.
    fn flush(&mut self) {
        while self.send().is_some() {
            self.was_sent();
        }
    }

    /// Answers a request that was put off.
    fn answer(&mut self, id: u64, text: &str) {
        let command = Command::respond(RequestId(id), text.as_bytes());
        self.answer_by(id, command);
    }

    fn answer_by(&mut self, id: u64, command: Command<'_>) {
        let is_about_topic = matches!(command, Command::Subscribed { .. } | Command::History { .. });
        self.core.say(command, &self.spares, self.now);
        self.core.handle_history(RequestId(id), self.now);
        match is_about_topic {
            true => self.core.handle_topic_request_ended(&self.limits, self.now),
            false => self.core.handle_request_ended(&self.limits, self.now),
        }
        self.run_until_idle();
    }

    fn push(&mut self, text: &str) -> Pushed {
        self.push_until(text, Time::NEVER)
    }

    fn push_until(&mut self, text: &str, expires: Time) -> Pushed {
        let frame = Bytes::copy_from_slice(text.as_bytes());
        let pushing = Pushing { frame, key: None, posted: self.now, expires };
        self.core.push_in_order(pushing, &self.limits, &self.spares, self.now)
    }

    fn end_of_stream(&mut self) {
        self.core.handle_end_of_stream(&self.limits, self.now);
        self.run_until_idle();
    }

    fn end(&mut self, why: CloseReason) {
        self.core.end(why, &self.limits, self.now);
        self.run_until_idle();
    }

    /// Time goes on, and the timer goes off if it is set for then.
    fn advance(&mut self, millis: u64) {
        self.now = at(millis);
        if self.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.core.handle_timeout(&self.limits, &self.spares, self.now);
            self.run_until_idle();
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.core.poll_timeout(&self.limits, self.now)
    }

    fn cut(&self) -> Option<Cut> {
        let cuts = self.actions.iter().filter_map(|action| match action {
            Action::Cut(cut) => Some(*cut),
            _ => None,
        });
        let cuts: Vec<_> = cuts.collect();
        assert!(cuts.len() < 2, "it was cut twice");
        cuts.first().copied()
    }

    fn why(&self) -> Option<CloseReason> {
        let ends = self.actions.iter().filter_map(|action| match action {
            Action::Ended(why) => Some(*why),
            _ => None,
        });
        let ends: Vec<_> = ends.collect();
        assert!(ends.len() < 2, "its end was reported twice");
        ends.first().copied()
    }
}

fn name(event: Event<'_>) -> String {
    match event {
        Event::Request(Request { body, .. }) => String::from_utf8_lossy(body).into_owned(),
        Event::Hello { .. } => "hello".to_owned(),
        Event::Subscribe { topic, .. } => format!("subscribe {topic}"),
        Event::Unsubscribe { topic, .. } => format!("leave {topic}"),
        Event::Publish { topic, .. } => format!("publish {topic}"),
        Event::History { topic, .. } => format!("kept {topic}"),
        other => format!("{other:?}"),
    }
}

/// What the application does about an event; `None` when it panics.
fn outcome(event: Event<'_>) -> Option<Outcome<'static>> {
    Some(match event {
        Event::Request(Request { id, body, .. }) => match body {
            b"later" => Outcome::InProgress(1),
            b"nothing" => Outcome::Nothing,
            b"panic" => return None,
            b"long" => Outcome::Say(Command::respond(id, LONG.as_bytes())),
            _ => Outcome::Say(Command::respond(id, b"yes")),
        },
        Event::Hello { id } => Outcome::Say(Command::Welcome { id, epoch: 1 }),
        Event::Subscribe { id, topic: "none", .. } => {
            let (operation, refusal) = (Operation::Subscribe, Refusal::BadTopic);
            Outcome::Say(Command::Refused { id, operation, refusal })
        }
        Event::Subscribe { .. } | Event::History { .. } => Outcome::TopicInProgress,
        Event::Unsubscribe { id, .. } => Outcome::Say(Command::Unsubscribed { id }),
        Event::Publish { .. } => Outcome::Delayed,
        _ => Outcome::Nothing,
    })
}

fn subscribed(id: u64) -> Command<'static> {
    Command::Subscribed { id: RequestId(id), head: Position::default(), recovery: Recovery::Recovered }
}

const fn at(millis: u64) -> Time {
    Time::from_nanos(1_000_000_000 + millis * 1_000_000)
}

fn limits() -> Limits {
    Limits {
        outbox: OutboxBounds {
            bytes_max: 100,
            messages_max: 10,
            age_max: Duration::ZERO,
            overflow: OverflowPolicy::DropNewest,
        },
        requests_in_progress_max: 4,
        topic_requests_max: 2,
        identify_timeout: Duration::ZERO,
        frame_timeout: Duration::ZERO,
        idle_timeout: Duration::ZERO,
        unacknowledged_timeout: Duration::ZERO,
        flush_timeout: Duration::from_millis(500),
    }
}

/// A response of half the bounds, with its end of line.
const LONG: &str = "0123456789012345678901234567890123456789012345678";

/// What the transport says of a peer that gives signs of life.
fn unacknowledged(bytes: usize) -> Acknowledgement {
    Acknowledgement { unacknowledged_bytes: bytes, ..Acknowledgement::default() }
}
