//! Lines for people and for scripts.

use std::io;

use serde_json::{Map, Value, json};
use shardcast::proto::{Position, Recovery};

use crate::{
    output::{Bounds, Descriptor, LineWriter, PATIENCE, Put, escape},
    signals::Stop,
};

/// Writes lines to standard output, and notes to standard error, so that a reader that is stuck delays only the next
/// line, and only until the command is to stop.
pub(super) struct Output {
    json: bool,
    out: LineWriter,
    notes: LineWriter,
    stop: Stop,
}

/// Nothing more is to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Ended {
    /// A signal requested the end while a line waited for its reader.
    #[error("asked to stop")]
    Stopped,
    /// The reader has closed it, such as `head`.
    #[error("standard output is closed")]
    Unread,
    /// A write failed.
    #[error("cannot write: {0}")]
    Failed(io::ErrorKind),
}

impl Output {
    /// A line waits for its reader until `stop` is requested.
    ///
    /// # Errors
    /// The system has no threads.
    pub(super) fn new(json: bool, stop: Stop) -> io::Result<Self> {
        let start = |name, to| LineWriter::start(name, to, Bounds::default(), |_| {});
        let out = start("stdout", Descriptor::stdout())?;
        Ok(Self { json, out, notes: start("stderr", Descriptor::stderr())?, stop })
    }

    /// One line of output: as text, or as an object with `event` and `fields`. Waits for its reader.
    ///
    /// # Errors
    /// The command is over.
    pub(super) fn line(&mut self, event: &str, fields: Value, text: &str) -> Result<(), Ended> {
        let line = rendered(self.json, event, fields, text);
        match self.out.put(line.into_bytes(), || self.stop.is_requested()) {
            Put::Queued => Ok(()),
            Put::Stopped => Err(Ended::Stopped),
            Put::Failed(io::ErrorKind::BrokenPipe) => Err(Ended::Unread),
            Put::Failed(error) => Err(Ended::Failed(error)),
        }
    }

    /// A note: on standard error for people, among the output for scripts. On standard error it does not wait for the
    /// reader.
    ///
    /// # Errors
    /// As for [`line`](Self::line).
    pub(super) fn note(&mut self, event: &str, fields: Value, text: &str) -> Result<(), Ended> {
        if self.json {
            return self.line(event, fields, text);
        }
        self.notes.offer((escape::line(text).into_owned() + "\n").into_bytes());
        Ok(())
    }

    /// Waits until the last lines are written: for as long as it takes, but only briefly after a signal.
    ///
    /// # Errors
    /// Not all of them were; why.
    pub(super) fn finish(self) -> Result<(), Ended> {
        self.notes.flush(PATIENCE);
        self.written()
    }

    /// As [`finish`](Self::finish), of the lines so far.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub(super) fn written(&self) -> Result<(), Ended> {
        while !self.out.flush(PATIENCE) {
            match self.out.failure() {
                Some(io::ErrorKind::BrokenPipe) => return Err(Ended::Unread),
                Some(error) => return Err(Ended::Failed(error)),
                None if !self.stop.is_requested() => {}
                None => return Err(Ended::Stopped),
            }
        }
        Ok(())
    }
}

/// One line of output with its end: as text, or as an object with `event` and `fields`.
pub(super) fn rendered(json: bool, event: &str, fields: Value, text: &str) -> String {
    let line = if json {
        escape::json(&object(event, fields)).into_owned()
    } else {
        escape::line(text).into_owned()
    };
    line + "\n"
}

fn object(event: &str, fields: Value) -> String {
    let mut object = Map::new();
    object.insert("event".to_owned(), event.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object).to_string()
}

/// The fields of a position.
pub(super) fn position(topic: &str, position: Position) -> Value {
    json!({ "topic": topic, "epoch": position.epoch, "offset": position.offset })
}

/// The fields of a message: the body as text if it is text, else in hexadecimal.
pub(super) fn message(topic: &str, at: Position, body: &[u8]) -> Value {
    let mut fields = position(topic, at);
    match str::from_utf8(body) {
        Ok(text) => fields["body"] = text.into(),
        Err(_) => {
            fields["body_hex"] = body.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
    }
    fields
}

/// A message as text.
pub(super) fn message_text(topic: &str, at: Position, body: &[u8]) -> String {
    format!("{topic} {}:{} {}", at.epoch, at.offset, printable(body))
}

/// Adds to `fields` what a recovery from a position has brought, and returns it as text, if it was requested. The newest
/// message is of `epoch`.
pub(super) fn recovery(recovery: Recovery, epoch: u64, fields: &mut Value) -> Option<String> {
    fields["recovered"] = match recovery {
        Recovery::NotRequested => return None,
        Recovery::Recovered => true.into(),
        Recovery::Gap { .. } => false.into(),
    };
    let Recovery::Gap { from, to } = recovery else { return Some("recovered".to_owned()) };
    fields["missing"] = json!({ "from": from, "to": to });
    Some(match from <= to {
        true => format!("lost {epoch}:{from} to {epoch}:{to}"),
        false => "in a new epoch".to_owned(),
    })
}

/// A body on a separate line: bytes that are not UTF-8 are escaped here, control characters in [`Output`].
fn printable(body: &[u8]) -> String {
    match str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => body.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_never_breaks_its_line() {
        for (body, printed) in [
            (&b"plain"[..], "plain"),
            ("\u{e4} \u{1f600}".as_bytes(), "\u{e4} \u{1f600}"),
            (b"two\nlines", "two\\nlines"),
            (b"\x1b[2J", "\\u{1b}[2J"),
            (b"\xff\x1b\n", "\\xff\\x1b\\n"),
        ] {
            assert_eq!(escape::line(&printable(body)), printed);
        }
    }

    #[test]
    fn objects_have_their_event_first() {
        let at = Position { epoch: 7, offset: 2 };
        let line = object("message", message("t", at, b"hi"));
        assert_eq!(line, r#"{"event":"message","topic":"t","epoch":7,"offset":2,"body":"hi"}"#);
        let line = object("message", message("t", at, b"\xff\x00"));
        assert_eq!(line, r#"{"event":"message","topic":"t","epoch":7,"offset":2,"body_hex":"ff00"}"#);
    }
}
