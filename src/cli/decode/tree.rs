//! Fields, line by line, each level further to the right.

use std::fmt::{self, Write as _};

use shardcast::tars::codec::{DecodeError, DecodeErrorKind, Head, TarsReader, TypeCode, Wanted};

use super::names::Shape;

/// Lines that are being written.
#[derive(Default)]
pub(super) struct Tree {
    text: String,
    depth: usize,
}

impl Tree {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        let indent = self.depth * INDENT;
        // Writing into a string does not fail.
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    /// Writes the lines of another tree.
    pub(super) fn append(&mut self, other: Self) {
        for line in other.text.lines() {
            self.line(format_args!("{line}"));
        }
    }

    /// Writes what `write` does one level further to the right.
    pub(super) fn within<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let result = write(self);
        self.depth -= 1;
        result
    }

    /// Writes all fields up to the end of the struct or of the input.
    pub(super) fn fields(&mut self, r: &mut TarsReader<'_>, shape: Shape<'_>) -> Result<(), DecodeError> {
        while let Some(head) = r.next_head()? {
            let (label, inner) = label(head.tag, shape);
            self.value(r, head, &label, inner)?;
        }
        Ok(())
    }

    /// Writes the value after `head`.
    pub(super) fn value(
        &mut self,
        r: &mut TarsReader<'_>,
        head: Head,
        label: &str,
        shape: Shape<'_>,
    ) -> Result<(), DecodeError> {
        let code = head.code;
        match code {
            TypeCode::List => {
                let len = r.begin_list(head)?;
                self.line(format_args!("{label}: {code} of {len}"));
                self.within(|tree| tree.elements(r, len, shape.element()))?;
                r.leave();
            }
            TypeCode::Map => {
                let len = r.begin_map(head)?;
                self.line(format_args!("{label}: {code} of {len}"));
                self.within(|tree| tree.pairs(r, len, shape.pair()))?;
                r.leave();
            }
            TypeCode::StructBegin => {
                r.begin_struct(head)?;
                self.line(format_args!("{label}: STRUCT"));
                self.within(|tree| tree.fields(r, shape))?;
                r.end_struct()?;
            }
            _ => {
                let value = scalar(r, head, shape)?;
                self.line(format_args!("{label}: {code} {value}"));
            }
        }
        Ok(())
    }

    fn elements(&mut self, r: &mut TarsReader<'_>, len: usize, shape: Shape<'_>) -> Result<(), DecodeError> {
        for index in 0..len {
            let head = element_head(r, 0)?;
            self.value(r, head, &format!("[{index}]"), shape)?;
        }
        Ok(())
    }

    /// A key that fits on a line labels its value.
    fn pairs(
        &mut self,
        r: &mut TarsReader<'_>,
        len: usize,
        (key, value): (Shape<'_>, Shape<'_>),
    ) -> Result<(), DecodeError> {
        for index in 0..len {
            let head = element_head(r, 0)?;
            let label = if matches!(head.code, TypeCode::List | TypeCode::Map | TypeCode::StructBegin) {
                self.value(r, head, &format!("key [{index}]"), key)?;
                format!("value [{index}]")
            } else {
                scalar(r, head, key)?
            };
            let head = element_head(r, 1)?;
            self.value(r, head, &label, value)?;
        }
        Ok(())
    }
}

/// The tag of a field with its name, and the form of its value.
pub(super) fn label<'s>(tag: u8, shape: Shape<'s>) -> (String, Shape<'s>) {
    match shape.field(tag) {
        Some((name, inner)) => (format!("{tag} {name}"), inner),
        None => (tag.to_string(), Shape::Unknown),
    }
}

/// The head of an element, which must exist since it is counted.
fn element_head(r: &mut TarsReader<'_>, tag: u8) -> Result<Head, DecodeError> {
    let missing = DecodeError::new(DecodeErrorKind::MissingField, Some(tag), r.offset());
    r.seek(tag)?.ok_or(missing)
}

fn scalar(r: &mut TarsReader<'_>, head: Head, shape: Shape<'_>) -> Result<String, DecodeError> {
    Ok(match head.code {
        TypeCode::Float => format!("{:?}", r.read_float(head)?),
        TypeCode::Double => format!("{:?}", r.read_double(head)?),
        TypeCode::String1 | TypeCode::String4 => text(r.read_string(head)?),
        TypeCode::SimpleList => hex(r.read_simple_list(head)?),
        _ => {
            let number = r.read_int(head, Wanted::Int64)?;
            match shape.enumerator(number) {
                Some(name) => format!("{number} ({name})"),
                None => number.to_string(),
            }
        }
    })
}

/// A string in quotes; as bytes when it is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", bytes.escape_ascii()),
    }
}

/// Bytes as digits with their number; of many, the first.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(BYTES_SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > BYTES_SHOWN_MAX { "..." } else { "" };
    let separator = if bytes.is_empty() { "" } else { " " };
    format!("({} bytes){separator}{digits}{more}", bytes.len())
}

const INDENT: usize = 2;
const BYTES_SHOWN_MAX: usize = 64;
