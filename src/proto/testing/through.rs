use std::time::Duration;

use crate::{
    Command, Event, Session, Time,
    connection::{Action, Advance, CloseReason, Connection, Limits, Outcome, Role, Spares},
    outbox::{OutboxBounds, OverflowPolicy, Parcel},
    push::schedule::RateLimit,
};

/// The result of driving a session as a connection does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Talk {
    /// Debug text of each event, in order.
    pub events: Vec<String>,
    /// The sent bytes: responses, and the session's own output.
    pub sent: Vec<u8>,
    /// Why it ended.
    pub why: CloseReason,
}

/// Drives a session through a [`Connection`]: each of `pieces` is received separately, each request is
/// answered with its own body, and then the peer ends its side. An outbox of `outbox_bytes_max` holds
/// reading; it is emptied when it does.
///
/// # Panics
/// The connection does not end.
pub fn talk<'a>(
    session: Box<dyn Session>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    outbox_bytes_max: usize,
    now: Time,
) -> Talk {
    let limits = limits(outbox_bytes_max);
    let spares = Spares::default();
    let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    let mut talk = Talk { events: Vec::new(), sent: Vec::new(), why: CloseReason::Internal };
    connection.open(session, now);
    pass(&mut connection, &[], &limits, &spares, &mut talk, now);
    for piece in pieces {
        connection.handle_received(piece, now);
        pass(&mut connection, piece, &limits, &spares, &mut talk, now);
    }
    connection.handle_end_of_stream(&limits, now);
    // Each turn sends something, or ends the connection.
    for _ in 0..TURNS_MAX {
        while let Some(action) = connection.poll_action() {
            match action {
                Action::Ended(why) => talk.why = why,
                Action::EndSending | Action::Cut(_) => return talk,
            }
        }
        match connection.poll_transmit(&limits, &spares, now) {
            Some(Parcel::Gathered(bytes)) => talk.sent.extend_from_slice(&bytes),
            Some(Parcel::Shared(bytes)) => talk.sent.extend_from_slice(&bytes),
            Some(Parcel::Pieces(pieces)) => pieces.iter().for_each(|it| talk.sent.extend_from_slice(it)),
            None => {}
        }
        connection.handle_sent(&limits, now);
        while connection.take_resume() {
            pass(&mut connection, &[], &limits, &spares, &mut talk, now);
        }
    }
    panic!("it does not end: {connection:?}");
}

fn pass(
    connection: &mut Connection,
    bytes: &[u8],
    limits: &Limits,
    spares: &Spares,
    talk: &mut Talk,
    now: Time,
) {
    let Some(mut input) = connection.input(bytes, limits, spares, now) else { return };
    let mut body = Vec::new();
    loop {
        let outcome = match input.advance() {
            Advance::Done => break,
            Advance::Silent => continue,
            Advance::Request(request) => {
                talk.events.push(format!("{:?}", Event::Request(request)));
                body.clear();
                body.extend_from_slice(request.body);
                Outcome::Say(Command::respond(request.id, &body))
            }
            Advance::Event(event) => {
                talk.events.push(format!("{event:?}"));
                Outcome::Nothing
            }
        };
        input.conclude(outcome);
    }
    input.finish();
}

fn limits(outbox_bytes_max: usize) -> Limits {
    Limits {
        outbox: OutboxBounds {
            bytes_max: outbox_bytes_max,
            messages_max: 1000,
            age_max: Duration::ZERO,
            overflow: OverflowPolicy::Disconnect,
        },
        requests_in_progress_max: 1000,
        topic_requests_max: 1000,
        identify_timeout: Duration::ZERO,
        frame_timeout: Duration::ZERO,
        idle_timeout: Duration::ZERO,
        unacknowledged_timeout: Duration::ZERO,
        flush_timeout: Duration::from_secs(5),
    }
}

/// More bytes than any conversation of a test has.
const TURNS_MAX: usize = 100_000;
