//! Escapes terminal sequences, and characters that make text look like other text.
//!
//! Control characters (C0, DEL, C1) start terminal sequences such as ESC and OSC; bidirectional controls reorder
//! the text around them (Unicode Technical Report 36; "Trojan Source", CVE-2021-42574); line and paragraph
//! separators and the zero-width no-break space do not show. The form is that of Rust's `char::escape_unicode`,
//! and that of JSON within JSON.

use std::{borrow::Cow, fmt::Write};

/// One line: line breaks are escaped too.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe, unicode)
}

/// Lines: as [`line`], but line breaks stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |letter| is_unsafe(letter) && letter != '\n', unicode)
}

/// Lines of the log: as [`lines`], but colours stay: ESC `[`, digits and semicolons, `m`.
pub(crate) fn coloured(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        let (before, sequence) = rest.split_at(at);
        safe.push_str(&lines(before));
        let kept = colour_len(sequence);
        safe.push_str(&sequence[..kept]);
        if kept == 0 {
            unicode('\x1b', &mut safe);
        }
        rest = &sequence[kept.max(1)..];
    }
    safe.push_str(&lines(rest));
    Cow::Owned(safe)
}

/// JSON text: such characters can only be within strings, where `\u` and four digits mean the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    escape(
        text,
        |letter| is_unsafe(letter) && letter != '\n',
        |letter, safe| {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing into a string does not fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        },
    )
}

/// Whether it moves the cursor, or hides or reorders the text around it.
fn is_unsafe(letter: char) -> bool {
    (letter.is_control() && letter != '\t')
        || matches!(letter,
            // Bidirectional marks, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators of lines and paragraphs; the zero-width no-break space.
            | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn escape(
    text: &str,
    is_escaped: impl Fn(char) -> bool + Copy,
    push: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_escaped(letter) { push(letter, &mut safe) } else { safe.push(letter) }
    }
    Cow::Owned(safe)
}

fn unicode(letter: char, safe: &mut String) {
    match letter {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        _ => safe.extend(letter.escape_unicode()),
    }
}

/// Length of the colour sequence at the start of `text`; 0 if there is none.
fn colour_len(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else { return 0 };
    let digits = parameters.bytes().take_while(|it| it.is_ascii_digit() || *it == b';').count();
    if parameters.as_bytes().get(digits) == Some(&b'm') { digits + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_of_peers_are_escaped() {
        for (text, safe) in [
            ("plain \u{e4} \u{1f600}", "plain \u{e4} \u{1f600}"),
            ("t\x1b]0;evil\x07", "t\\u{1b}]0;evil\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("\u{feff}x\u{2028}", "\\u{feff}x\\u{2028}"),
            ("two\r\nlines\t", "two\\r\\nlines\t"),
            ("\x7f", "\\u{7f}"),
        ] {
            assert_eq!(line(text), safe);
        }
        assert_eq!(lines("a\n\tb\x1b[2J\r"), "a\n\tb\\u{1b}[2J\\r");
    }

    #[test]
    fn colours_stay_where_they_are_ours() {
        for (text, safe) in [
            ("\x1b[32m INFO\x1b[0m x\n", "\x1b[32m INFO\x1b[0m x\n"),
            ("\x1b[1;31mred\x1b[m \x1b[2J", "\x1b[1;31mred\x1b[m \\u{1b}[2J"),
            ("\x1b", "\\u{1b}"),
            ("\x1b[", "\\u{1b}["),
            ("\x1b[3", "\\u{1b}[3"),
            ("\x1b]0;t\x07\u{202e}", "\\u{1b}]0;t\\u{7}\\u{202e}"),
        ] {
            assert_eq!(coloured(text), safe);
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({ "text": "a\x1b\u{9b}\u{202e}\u{feff}\x7f\n\u{1f600}" });
        let text = serde_json::to_string(&value).expect("it has a form");
        let safe = json(&text);
        assert!(!safe.contains(is_unsafe), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("still JSON"), value);
    }
}
