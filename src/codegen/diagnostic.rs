use std::{fmt, path::PathBuf};

/// An error or warning at one place of one file. Displays as the message, the source line and a caret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether the file can still be compiled.
    pub severity: Severity,
    /// The file, as the caller named it or as an include found it.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The problem, in one sentence without a full stop.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
    source_line: String,
    marked_chars: usize,
}

/// Whether a [`Diagnostic`] stops the compilation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// A warning; an error under [`Builder::deny_warnings`](crate::Builder::deny_warnings).
    Warning,
}

impl Diagnostic {
    /// Describes the bytes `span` of `source`, which was read from `path`.
    pub(crate) fn new(
        severity: Severity,
        path: impl Into<PathBuf>,
        source: &[u8],
        span: Span,
        fault: Fault,
    ) -> Self {
        let at = span.start.min(source.len());
        let line_start = source[..at].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let line_end = source[at..].iter().position(|&b| b == b'\n').map_or(source.len(), |n| at + n);
        let marked = &source[at..span.end.clamp(at, line_end.max(at))];
        let (line, column) = position(source, at);
        Self {
            severity,
            path: path.into(),
            line,
            column,
            message: fault.message,
            hint: fault.hint,
            source_line: String::from_utf8_lossy(&source[line_start..line_end]).trim_end().to_owned(),
            marked_chars: String::from_utf8_lossy(marked).trim_end().chars().count().max(1),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, message, .. } = self;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{line}:{column}: {severity}: {message}", path.display())?;

        // Only a window of the line, so that a file with one endless line still gives a readable message.
        let caret = *column as usize - 1;
        let skipped = caret.saturating_sub(SHOWN_CHARS_BEFORE);
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let shown = || self.source_line.chars().skip(skipped).take(SHOWN_CHARS_MAX);
        let text: String =
            shown().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        let indent: String =
            shown().chain(std::iter::repeat(' ')).take(caret - skipped).map(keep_tab).collect();
        let carets = "^".repeat(self.marked_chars.min(SHOWN_CHARS_MAX + skipped - caret));
        write!(f, "\n {number} | {text}\n {margin} | {indent}{carets}")?;

        match &self.hint {
            Some(hint) => write!(f, "\n {margin} = help: {hint}"),
            None => Ok(()),
        }
    }
}

/// A range of bytes of one source file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// A problem, before its file is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The problem, in one sentence without a full stop.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Line and column of the byte at `at`, in characters, from 1.
pub(crate) fn position(source: &[u8], at: usize) -> (u32, u32) {
    let line_start = source[..at].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    let lines_before = source[..line_start].iter().filter(|&&b| b == b'\n').count();
    let before = String::from_utf8_lossy(&source[line_start..at]).chars().count();
    let from_one = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    (from_one(lines_before), from_one(before))
}

/// Blanks that keep the caret under its character, however wide the reader's tabs are.
fn keep_tab(c: char) -> char {
    if c == '\t' { c } else { ' ' }
}

/// Longest piece of a source line that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 160;
/// Characters shown before the one that the message is about.
const SHOWN_CHARS_BEFORE: usize = 100;
