use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// JSON with a line for each member of an object, and arrays without line breaks of their own: a histogram is
/// one line.
pub(super) fn to_string(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let formatter = Short(PrettyFormatter::new());
    let written = value.serialize(&mut Serializer::with_formatter(&mut out, formatter));
    written.expect("reports have text keys only, and memory takes all of it");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Arrays are written without line breaks: their methods are the defaults.
struct Short(PrettyFormatter<'static>);

impl Formatter for Short {
    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_stay_on_a_line() {
        let value = serde_json::json!({"a": [[1, 2], [3, 4]], "b": {"c": []}});
        let text = to_string(&value);
        assert_eq!(text, "{\n  \"a\": [[1,2],[3,4]],\n  \"b\": {\n    \"c\": []\n  }\n}");
    }
}
