//! Skipping unknown fields, without recursion.

use std::mem;

use super::{
    super::{DecodeError, Head, TypeCode},
    TarsReader,
};

impl TarsReader<'_> {
    /// Skips the value of a field whose head has been taken.
    ///
    /// # Errors
    /// It is cut off, malformed, or nested too deeply: skipped fields must be as valid as others.
    pub fn skip(&mut self, head: Head) -> Result<(), DecodeError> {
        if let Some(level) = self.skip_flat(head)? {
            self.enter(head.tag)?;
            self.skip_levels(level)?;
            self.leave();
        }
        Ok(())
    }

    /// Skips the remaining fields of the innermost struct, and its end.
    #[cold]
    pub(super) fn skip_to_struct_end(&mut self) -> Result<(), DecodeError> {
        self.skip_levels(Level::Struct)
    }

    /// Skips a value without nested values; of others, only the beginning.
    fn skip_flat(&mut self, head: Head) -> Result<Option<Level>, DecodeError> {
        let tag = head.tag;
        let len = match head.code {
            TypeCode::Zero | TypeCode::StructEnd => 0,
            TypeCode::Int8 => 1,
            TypeCode::Int16 => 2,
            TypeCode::Int32 | TypeCode::Float => 4,
            TypeCode::Int64 | TypeCode::Double => 8,
            TypeCode::String1 | TypeCode::String4 => return self.read_string(head).map(|_| None),
            TypeCode::SimpleList => return self.read_simple_list(head).map(|_| None),
            TypeCode::List => return self.read_count::<1>(tag).map(|len| Some(Level::Fields(len))),
            TypeCode::Map => return self.read_count::<2>(tag).map(|len| Some(Level::Fields(2 * len))),
            TypeCode::StructBegin => return Ok(Some(Level::Struct)),
        };
        if self.rest().len() < len as usize {
            return Err(self.cut(Some(tag)));
        }
        self.take(len, tag).map(|_| None)
    }

    /// Skips the rest of `level`, the innermost one, with everything in it.
    fn skip_levels(&mut self, mut level: Level) -> Result<(), DecodeError> {
        let mut outer: Vec<Level> = Vec::new();
        loop {
            let head = match &mut level {
                Level::Fields(0) => None,
                Level::Fields(left) => {
                    *left -= 1;
                    Some(self.element_head()?)
                }
                Level::Struct => self.field_head_or_end()?,
            };
            match head {
                Some(head) => {
                    if let Some(inner) = self.skip_flat(head)? {
                        self.check_depth(outer.len() + 1, head.tag)?;
                        outer.push(mem::replace(&mut level, inner));
                    }
                }
                None => match outer.pop() {
                    Some(around) => level = around,
                    None => return Ok(()),
                },
            }
        }
    }
}

/// What is left of a value with nested values.
enum Level {
    /// That many fields.
    Fields(usize),
    /// Fields up to a STRUCT_END.
    Struct,
}
