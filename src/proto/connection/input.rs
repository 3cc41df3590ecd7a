//! Bytes in, events out: the only path from the peer to its session.

use std::fmt;

use super::{CloseReason, Connection, Drops, Ending, Hold, Holds, Limits, Role, Spares, State, Unconfirmed};
use crate::{
    Command, EndOfStream, Error, Event, Failure, Progress, Request, RequestId, Session, Time,
    outbox::{Outbox, Run},
};

/// One pass over the bytes that a peer has sent, and over the events that its session causes by itself.
///
/// [`advance`](Self::advance) returns one event after another. After each, call [`conclude`](Self::conclude)
/// with the application's outcome; after the last, call [`finish`](Self::finish). If a pass is dropped
/// instead, because the application panicked, the earlier responses and the unprocessed bytes are kept: see
/// [`Connection::handle_panic`].
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Time,
///     connection::{Action, Advance, CloseReason, Connection, Limits, Outcome, Role, Spares},
///     push::schedule::RateLimit,
///     tars::framed::{Framed, frame},
/// };
///
/// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
/// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
/// connection.open(Box::new(Framed::default().session()), now);
/// let received = [&b"slow"[..], b"quick", b"bad", b"worse"].map(|it| frame::encode(1, it)).concat();
/// let mut input = connection.input(&received, &limits, &spares, now).expect("reading is not held");
/// assert!(input.is_established());
///
/// // The response to the first request comes later, that to the second one now.
/// assert!(matches!(input.advance_with(|request| request.body.len()), Advance::Request(12)));
/// input.conclude(Outcome::InProgress(1));
/// assert_eq!(input.requests_in_progress(), 1);
/// let Advance::Request(id) = input.advance_with(|request| request.id) else { panic!("a request") };
/// input.respond(id, &[], b"2410");
///
/// // The handler of the third one panics; no response is expected, and the rest is processed.
/// assert!(matches!(input.advance(), Advance::Request(_)));
/// drop(input);
/// connection.resume();
/// assert!(connection.take_resume());
/// let mut input = connection.input(&[], &limits, &spares, now).expect("reading is not held");
///
/// // The handler of the fourth one panics too. This protocol has no failure response, so the connection ends;
/// // what was said before is sent.
/// let Advance::Request(id) = input.advance_with(|request| request.id) else { panic!("a request") };
/// drop(input);
/// connection.handle_panic(id, &limits, &spares, now);
/// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Panic)));
/// assert_eq!(connection.poll_transmit(&limits, &spares, now).map(|parcel| parcel.len()), Some(4));
/// ```
pub struct Input<'c, S: Session + ?Sized = dyn Session> {
    connection: &'c mut Connection<S>,
    limits: &'c Limits,
    spares: &'c Spares,
    now: Time,
    /// Parsed in place if nothing waited before, so that complete frames are never copied.
    fresh: &'c [u8],
    /// Bytes taken from the front of `fresh`, or of the assembly.
    taken: usize,
    /// The remaining bytes are the beginning of a frame.
    needs_more: bool,
    /// Bytes of waiting responses, apart from those in `run`.
    waiting: usize,
    /// Where the session writes; `None` after it was put back.
    run: Option<Run>,
    responses: usize,
    requests: u64,
    /// The last event asks for a history.
    history: Option<RequestId>,
    /// The session has returned its events, and must be asked for its own output before it gets the next
    /// frame.
    transmits: bool,
    /// The last input had no event, or one whose response comes later: the session may be full now.
    may_be_full: bool,
    /// The session has announced the end.
    closing: bool,
    fault: Option<Error>,
}

impl<S: Session + ?Sized> fmt::Debug for Input<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("now", &self.now).field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// The result of a step.
#[derive(Debug)]
pub enum Advance<'a, R = Request<'a>> {
    /// A request for the application, or what [`Input::advance_with`] has made of it.
    Request(R),
    /// Another event for the application.
    Event(Event<'a>),
    /// An event for the session only: continue.
    Silent,
    /// No more events, or reading is held, or the connection has ended.
    Done,
}

impl<'a> Advance<'a> {
    fn map<R>(self, on_request: impl FnOnce(&Request<'a>) -> R) -> Advance<'a, R> {
        match self {
            Self::Request(request) => Advance::Request(on_request(&request)),
            Self::Event(event) => Advance::Event(event),
            Self::Silent => Advance::Silent,
            Self::Done => Advance::Done,
        }
    }
}

/// The application's outcome of an event.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// No output.
    Nothing,
    /// No output, and no more events until [`Connection::handle_room`].
    Full,
    /// Send this at once.
    Say(Command<'a>),
    /// That many more requests are in progress; their responses come later.
    InProgress(u32),
    /// A request about a topic is in progress; its response comes later.
    TopicInProgress,
    /// The response comes when a publication is due.
    Delayed,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handled {
    /// Events that were requests, to the application or to the hub.
    pub requests: u64,
}

impl<S: Session + ?Sized> Connection<S> {
    /// The peer sent `bytes`. Without a session they are kept. While the connection is [open](State::Open), a
    /// [pass](Self::input) over them follows. After its end they are ignored, but reading them lets it end
    /// cleanly.
    pub fn handle_received(&mut self, bytes: &[u8], now: Time) {
        self.received_at = now;
        self.unconfirmed = Unconfirmed::NONE;
        self.traffic.received_bytes += bytes.len() as u64;
        if self.state == State::Waiting {
            self.assembly.extend_from_slice(bytes);
        }
    }

    /// Begins a pass over the waiting bytes followed by `bytes`. `None`: nothing may be processed now;
    /// `bytes` are kept if they may be processed later.
    #[inline]
    pub fn input<'c>(
        &'c mut self,
        bytes: &'c [u8],
        limits: &'c Limits,
        spares: &'c Spares,
        now: Time,
    ) -> Option<Input<'c, S>> {
        if self.state != State::Open {
            return None;
        }
        if self.holds.stop_passes() {
            self.hold(bytes, limits, spares, now);
            return None;
        }
        let mut fresh = bytes;
        if !self.assembly.is_empty() {
            if !self.keep(bytes, limits, now) {
                return None;
            }
            fresh = &[];
        }
        // It may hold earlier responses, which must not count twice.
        let run = self.outbox.take_run(now, || spares.take());
        Some(Input {
            limits,
            spares,
            now,
            fresh,
            taken: 0,
            needs_more: false,
            waiting: self.outbox.response_bytes(),
            run: Some(run),
            responses: 0,
            requests: 0,
            history: None,
            transmits: false,
            may_be_full: false,
            closing: false,
            fault: None,
            connection: self,
        })
    }

    /// Keeps what may not be processed now. Only reading is held: the session may still send its own output.
    #[cold]
    fn hold(&mut self, bytes: &[u8], limits: &Limits, spares: &Spares, now: Time) {
        if self.ending.is_none() && !self.keep(bytes, limits, now) {
            return;
        }
        if self.transmit_waits {
            self.transmit(limits, spares, now);
        }
    }

    /// The peer violated the protocol.
    pub(super) fn fail(&mut self, error: Error, limits: &Limits, now: Time) {
        self.end(CloseReason::ProtocolError(error), limits, now);
    }
}

impl<S: Session + ?Sized> Input<'_, S> {
    /// The next step. An event may borrow from the session, so report its outcome with
    /// [`conclude`](Self::conclude) after the event was dropped.
    #[inline]
    pub fn advance(&mut self) -> Advance<'_> {
        self.advance_with(|request| *request)
    }

    /// Like [`advance`](Self::advance), but passes a request to `on_request` in place. Nearly all steps are
    /// requests, and moving one costs more than the rest of the step.
    #[inline]
    pub fn advance_with<'s, R>(&'s mut self, on_request: impl FnOnce(&Request<'s>) -> R) -> Advance<'s, R> {
        if !self.goes_on() {
            return Advance::Done;
        }
        if self.connection.more {
            return self.poll_session().map(on_request);
        }
        if std::mem::take(&mut self.transmits) {
            self.transmit();
        }
        if self.is_at_end() {
            return self.end_of_input().map(on_request);
        }
        let Connection { session: Some(session), assembly, outbox, drops, holds, more, keeps, .. } =
            &mut *self.connection
        else {
            return Advance::Done;
        };
        let input = if assembly.is_empty() { &self.fresh[self.taken..] } else { &assembly[self.taken..] };
        match session.handle_input(input, self.now) {
            Ok(Progress { taken: 0, .. }) => {
                self.needs_more = true;
                Advance::Silent
            }
            Ok(Progress { taken, event: Some(Event::Request(ref request)), more: has_more }) => {
                self.taken += taken;
                *more = has_more;
                self.requests += 1;
                Advance::Request(on_request(request))
            }
            Ok(Progress { taken, event, more: has_more }) => {
                self.taken += taken;
                *more = has_more;
                let Some(event) = event else {
                    self.may_be_full = true;
                    *keeps = true;
                    return Advance::Silent;
                };
                let notes = Notes {
                    requests: &mut self.requests,
                    history: &mut self.history,
                    closing: &mut self.closing,
                    outbox,
                    drops,
                    holds,
                };
                notes.take(event).map(on_request)
            }
            Err(error) => {
                self.fault = Some(error);
                Advance::Done
            }
        }
    }

    /// Whether nothing is left that may be a complete frame.
    #[inline]
    fn is_at_end(&self) -> bool {
        let assembly = &self.connection.assembly;
        let len = if assembly.is_empty() { self.fresh.len() } else { assembly.len() };
        self.needs_more || self.taken == len
    }

    /// Whether the next event may be taken; places the holds that are due.
    #[inline]
    fn goes_on(&mut self) -> bool {
        let has_room = self.has_room();
        let may_be_full = std::mem::take(&mut self.may_be_full);
        let Connection { role, holds, requests, topic_requests, state, session, .. } = &mut *self.connection;
        if may_be_full && session.as_deref().is_some_and(S::is_full) {
            holds.place(Hold::Window);
        }
        if !has_room && *role == Role::Accepting {
            holds.place(Hold::Outbox);
        }
        if *requests as usize >= self.limits.requests_in_progress_max {
            holds.place(Hold::Requests);
        }
        if *topic_requests as usize >= self.limits.topic_requests_max {
            holds.place(Hold::TopicRequests);
        }
        !holds.stop_passes() && *state == State::Open && self.fault.is_none()
    }

    /// Whether there is room for more output.
    #[inline]
    fn has_room(&self) -> bool {
        let written = self.run.as_ref().map_or(0, |run| run.bytes.len());
        self.waiting + written < self.limits.outbox.bytes_max
    }

    /// The further events of a frame, those of a time-out or of the end of the stream, and the session's own
    /// output about them.
    #[cold]
    fn poll_session(&mut self) -> Advance<'_> {
        let Connection { session: Some(session), outbox, drops, holds, more, .. } = &mut *self.connection
        else {
            return Advance::Done;
        };
        let Some(event) = session.poll_event() else {
            *more = false;
            // Not here: as far as the compiler knows, an event may still borrow from the session.
            self.transmits = true;
            return Advance::Silent;
        };
        let notes = Notes {
            requests: &mut self.requests,
            history: &mut self.history,
            closing: &mut self.closing,
            outbox,
            drops,
            holds,
        };
        notes.take(event)
    }

    /// Everything was processed: if the peer has ended its side, its session decides what that means.
    #[cold]
    fn end_of_input(&mut self) -> Advance<'_> {
        let Connection { session: Some(session), peer_ended: true, end_of_stream, more, .. } =
            &mut *self.connection
        else {
            return Advance::Done;
        };
        match *end_of_stream {
            None => {
                *end_of_stream = Some(session.handle_end_of_stream(self.now));
                *more = true;
                Advance::Silent
            }
            Some(_) => Advance::Done,
        }
    }

    /// Applies the application's outcome of the last event.
    #[inline]
    pub fn conclude(&mut self, outcome: Outcome<'_>) {
        let history = self.history.take();
        match outcome {
            Outcome::Nothing => {}
            Outcome::Full => self.connection.holds.place(Hold::Events),
            Outcome::Say(command) => self.say(command),
            Outcome::InProgress(requests) => {
                self.connection.requests += requests;
                self.may_be_full = true;
            }
            Outcome::TopicInProgress => {
                self.connection.requests += 1;
                self.connection.topic_requests += 1;
                if let Some(asked) = history {
                    // One history at a time: further requests are read after the peer has received this one.
                    self.connection.history_asked = asked;
                    self.connection.history_answered = false;
                    self.connection.holds.place(Hold::History);
                }
            }
            Outcome::Delayed => self.connection.delayed += 1,
        }
    }

    /// Like [`conclude`](Self::conclude) of [`Command::Respond`], the usual outcome of a request.
    // Not inlined: so pointers and lengths, which were just written, are passed in registers. Copied in
    // pairs, as a command is, they would have to wait until they have left the store buffer.
    #[inline(never)]
    pub fn respond(&mut self, id: RequestId, head: &[u8], body: &[u8]) {
        self.say(Command::Respond { id, head, body });
    }

    /// Like [`Connection::is_established`], within the pass.
    pub fn is_established(&mut self) -> bool {
        self.connection.is_established()
    }

    /// Requests of this connection without a response yet.
    #[inline]
    pub const fn requests_in_progress(&self) -> u32 {
        self.connection.requests
    }

    /// Like [`Connection::handle_shard_full`], within the pass.
    #[inline]
    pub const fn handle_shard_full(&mut self) {
        self.connection.handle_shard_full();
    }

    #[inline]
    fn say(&mut self, command: Command<'_>) {
        let Connection { session: Some(session), dialect, drops, .. } = &mut *self.connection else { return };
        let Some(run) = &mut self.run else { return };
        let may_be_refused =
            matches!(command, Command::Fail { .. } | Command::Forget { .. } | Command::Respond { .. });
        let may_change_dialect = matches!(command, Command::Welcome { .. });
        let before = run.bytes.len();
        let said = encode(&mut **session, command, &mut run.bytes, drops, self.now);
        debug_assert!(said || may_be_refused, "a protocol can answer its own requests");
        self.responses += usize::from(run.bytes.len() > before);
        if may_change_dialect {
            *dialect = session.dialect();
        }
    }

    /// Ends the pass: keeps the unprocessed bytes, and ends the connection if that was decided.
    #[inline]
    pub fn finish(mut self) -> Handled {
        self.transmit();
        self.close()
    }

    #[inline]
    fn close(&mut self) -> Handled {
        self.put_run();
        let (fresh, taken, now) = (self.fresh, self.taken, self.now);
        let (limits, spares, fault) = (self.limits, self.spares, self.fault);
        let handled = Handled { requests: self.requests };
        let closing = self.closing;
        let connection = &mut *self.connection;
        connection.traffic.received_messages += handled.requests;
        if let Some(error) = fault {
            connection.fail(error, limits, now);
        } else if closing {
            connection.end_once_answered(Ending::PeerClosed, limits, now);
        } else {
            connection.keep_rest(fresh, taken, limits, spares, now);
            connection.follow_end_of_stream(limits, now);
        }
        handled
    }

    /// Asks the session for its own output.
    #[inline]
    fn transmit(&mut self) {
        // A final message is never refused.
        if !self.has_room() && self.fault.is_none() {
            self.connection.transmit_waits = true;
            return;
        }
        let Connection { session: Some(session), transmit_waits, .. } = &mut *self.connection else { return };
        let Some(run) = &mut self.run else { return };
        *transmit_waits = false;
        let before = run.bytes.len();
        session.poll_transmit(&mut run.bytes);
        self.responses += usize::from(run.bytes.len() > before);
    }

    #[inline]
    fn put_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        if !run.bytes.is_empty() {
            self.connection.outbox.lend(|| self.spares.take_queue());
        }
        if let Some(unused) = self.connection.outbox.put_run(run, self.responses) {
            self.spares.keep(unused);
        }
    }
}

impl<S: Session + ?Sized> Drop for Input<'_, S> {
    fn drop(&mut self) {
        // It was not finished: the application has panicked.
        if self.run.is_some() {
            self.close();
        }
    }
}

impl<S: Session + ?Sized> Connection<S> {
    /// Keeps what the session has not processed, and notes since when the rest of a frame is missing.
    #[inline]
    fn keep_rest(&mut self, fresh: &[u8], taken: usize, limits: &Limits, spares: &Spares, now: Time) {
        if self.assembly.is_empty() {
            if taken < fresh.len() {
                self.assembly = spares.take();
                if !self.keep(&fresh[taken..], limits, now) {
                    return;
                }
            }
        } else {
            self.assembly.drain(..taken);
            if self.assembly.is_empty() {
                spares.keep(std::mem::take(&mut self.assembly));
            }
        }
        let is_in_frame = || self.keeps && self.session.as_deref().is_some_and(S::is_in_frame);
        if !self.holds.is_empty() || self.assembly.is_empty() && !is_in_frame() {
            self.frame_began = Time::NEVER;
        } else if taken > 0 || self.frame_began == Time::NEVER {
            self.frame_began = now;
        }
        if self.assembly.len() > ASSEMBLY_BYTES_MAX {
            let (len, max) = (self.assembly.len() as u64, ASSEMBLY_BYTES_MAX as u64);
            self.fail(Error::FrameTooLarge { len, max }, limits, now);
        }
    }

    /// Applies the session's decision about the end of the peer's stream, after all its events were
    /// processed.
    #[inline]
    fn follow_end_of_stream(&mut self, limits: &Limits, now: Time) {
        let Some(decision) = self.end_of_stream.filter(|_| !self.more) else { return };
        match decision {
            EndOfStream::Close => self.end(CloseReason::PeerClosed, limits, now),
            EndOfStream::Respond => self.end_once_answered(Ending::PeerClosed, limits, now),
            EndOfStream::Stay => {}
        }
    }
}

/// Bookkeeping for each event before the application gets it.
struct Notes<'n> {
    requests: &'n mut u64,
    history: &'n mut Option<RequestId>,
    closing: &'n mut bool,
    outbox: &'n mut Outbox,
    drops: &'n mut Drops,
    holds: &'n mut Holds,
}

impl Notes<'_> {
    #[cold]
    fn take<'a>(self, event: Event<'a>) -> Advance<'a> {
        match event {
            Event::Closing => {
                *self.closing = true;
                self.holds.place(Hold::Ending);
                return Advance::Silent;
            }
            // Pushes that wait outside the bounds must not come after the response.
            Event::Hello { .. } | Event::Unsubscribe { .. } => {
                self.drops.blocked += self.outbox.drop_blocked() as u32
            }
            Event::Subscribe { id, since: Some(_), .. } | Event::History { id, .. } => {
                *self.history = Some(id)
            }
            _ => {}
        }
        *self.requests += 1;
        match event {
            Event::Request(request) => Advance::Request(request),
            event => Advance::Event(event),
        }
    }
}

/// Lets the session encode a command. A response that it cannot encode is too large for its frames: it becomes a
/// failure if the protocol has those, and is counted. So is a missed message.
#[inline]
pub(super) fn encode<S: Session + ?Sized>(
    session: &mut S,
    command: Command<'_>,
    out: &mut Vec<u8>,
    drops: &mut Drops,
    now: Time,
) -> bool {
    match session.handle_command(command, out, now) {
        Ok(()) => true,
        Err(Command::Respond { id, .. }) => {
            drops.too_large += 1;
            let failure = Failure { code: Failure::RESPONSE_TOO_LARGE, text: "the response is too large" };
            // Nothing is sent if the protocol has no failures.
            let _ = session.handle_command(Command::Fail { id, failure }, out, now);
            false
        }
        Err(command) => {
            drops.too_large += u32::from(matches!(command, Command::Message(_)));
            false
        }
    }
}

/// How much may wait for the rest of its frame: far more than any protocol's own limit.
const ASSEMBLY_BYTES_MAX: usize = 128 << 20;
