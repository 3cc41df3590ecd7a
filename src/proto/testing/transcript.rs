use crate::{Error, Session, Time};

/// Everything that a session returned to its driver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transcript {
    /// Debug text of each event, in order.
    pub events: Vec<String>,
    /// The output of [`Session::poll_transmit`].
    pub sent: Vec<u8>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How the input ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// This many bytes at the end are a proper prefix of a frame.
    NeedMore(usize),
    /// The peer violated the protocol.
    Failed(Error),
}

impl Outcome {
    /// The code of the error, if there was one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::NeedMore(_) => None,
            Self::Failed(error) => Some(error.code()),
        }
    }
}

/// Feeds a session as a driver does, piece by piece, and checks that it keeps the contract.
///
/// # Panics
/// The session took more than it was given, or changed its result for bytes that it had called a prefix.
pub fn converse<'a>(
    session: &mut dyn Session,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    now: Time,
) -> Transcript {
    let mut transcript = Transcript { events: Vec::new(), sent: Vec::new(), outcome: Outcome::NeedMore(0) };
    let mut input = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        match take_all(session, &input, now, &mut transcript) {
            Ok(taken) => input.drain(..taken),
            Err(error) => {
                session.poll_transmit(&mut transcript.sent);
                transcript.outcome = Outcome::Failed(error);
                return transcript;
            }
        };
    }
    transcript.outcome = Outcome::NeedMore(input.len());
    transcript
}

/// Splits `input` into pieces of `len` bytes; the last may be shorter.
pub fn pieces(input: &[u8], len: usize) -> impl Iterator<Item = &[u8]> {
    input.chunks(len.max(1))
}

fn take_all(
    session: &mut dyn Session,
    input: &[u8],
    now: Time,
    transcript: &mut Transcript,
) -> Result<usize, Error> {
    let mut taken = 0;
    loop {
        let rest = &input[taken..];
        let progress = session.handle_input(rest, now)?;
        let (len, more) = (progress.taken, progress.more);
        assert!(len <= rest.len(), "took {len} of {} bytes", rest.len());
        if len == 0 {
            assert_eq!(progress.event, None, "an event without bytes");
        }
        transcript.events.extend(progress.event.map(|event| format!("{event:?}")));
        let before = (transcript.events.len(), transcript.sent.len());
        while let Some(event) = session.poll_event() {
            transcript.events.push(format!("{event:?}"));
        }
        session.poll_transmit(&mut transcript.sent);
        let after = (transcript.events.len(), transcript.sent.len());
        assert!(more || before == after, "output after a frame has to be announced");
        if len == 0 {
            let again = session.handle_input(rest, now).map(|progress| (progress.taken, progress.event));
            assert_eq!(again, Ok((0, None)), "a prefix is a prefix however often it is shown");
            return Ok(taken);
        }
        taken += len;
    }
}
