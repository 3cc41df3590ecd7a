//! Lines for people and for scripts.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use shardcast::proto::Position;

/// Writes lines to standard output.
pub(super) struct Output {
    json: bool,
    out: io::Stdout,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, out: io::stdout() }
    }

    /// One line of what was asked for: as text, or as an object with `event` and `fields`.
    ///
    /// # Errors
    /// The line cannot be written; a reader that has seen enough is one of the reasons.
    pub(super) fn line(&mut self, event: &str, fields: Value, text: &str) -> io::Result<()> {
        let line = if self.json { object(event, fields) } else { text.to_owned() };
        let mut out = self.out.lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    }

    /// What people may want to know beside it: on standard error for them, in line for scripts.
    ///
    /// # Errors
    /// As for [`line`](Self::line).
    pub(super) fn note(&mut self, event: &str, fields: Value, text: &str) -> io::Result<()> {
        if self.json {
            return self.line(event, fields, text);
        }
        // Nobody reads it: nobody misses it.
        let _ = writeln!(io::stderr(), "{text}");
        Ok(())
    }
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

/// A body on a line of its own: what would move the cursor, or is no text, is escaped.
pub(super) fn printable(body: &[u8]) -> String {
    match str::from_utf8(body) {
        Ok(text) if !text.chars().any(|letter| letter.is_control() && letter != '\t') => text.to_owned(),
        _ => body.escape_ascii().to_string(),
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
            (b"\x1b[2J", "\\x1b[2J"),
            (b"\xff", "\\xff"),
        ] {
            assert_eq!(printable(body), printed);
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
