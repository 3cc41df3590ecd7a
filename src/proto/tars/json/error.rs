//! Errors in JSON.

use std::fmt;

use super::JsonValue;

/// JSON that is not the expected value: the error, and its member.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::json::{JsonError, JsonErrorKind};
///
/// let error = JsonError::new(JsonErrorKind::MissingMember).in_member("id").at_index(3).in_member("users");
/// assert_eq!(error.path(), "users[3].id");
/// assert_eq!(error.to_string(), "users[3].id: required member is missing");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JsonError {
    path: String,
    kind: JsonErrorKind,
}

impl JsonError {
    /// An error in the value itself.
    pub fn new(kind: JsonErrorKind) -> Self {
        Self { path: String::new(), kind }
    }

    /// The members, keys and indices that lead to the error, as in `tags.home[3]`; empty at the top.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The error.
    pub fn kind(&self) -> &JsonErrorKind {
        &self.kind
    }

    /// The same error, seen from the object that has it in its member `name`.
    #[must_use]
    pub fn in_member(self, name: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{name}{separator}{}", self.path), ..self }
    }

    /// The same error, seen from the array that has it at `index`.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.in_member(&format!("[{index}]"))
    }

    pub(super) fn mismatch(wanted: &'static str, found: &JsonValue) -> Self {
        let found = match found {
            JsonValue::Null => "null",
            JsonValue::Bool(_) => "a bool",
            JsonValue::Number(_) => "a number",
            JsonValue::String(_) => "a string",
            JsonValue::Array(_) => "an array",
            JsonValue::Object(_) => "an object",
        };
        Self::new(JsonErrorKind::TypeMismatch { wanted, found })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.kind.fmt(f)
    }
}

impl std::error::Error for JsonError {}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(JsonErrorKind::Syntax(error.to_string()))
    }
}

/// The errors in JSON.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Invalid JSON; the message of serde_json, with line and column.
    #[error("{0}")]
    Syntax(String),
    /// A required member is missing.
    #[error("required member is missing")]
    MissingMember,
    /// The value has another type.
    #[error("expected {wanted}, found {found}")]
    TypeMismatch {
        /// The allowed types.
        wanted: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// The number is not an integer that the declared type can hold.
    #[error("{number} is not an integer from {min} to {max}")]
    OutOfRange {
        /// The number, as text.
        number: String,
        /// Smallest integer of the type.
        min: i64,
        /// Largest integer of the type.
        max: i64,
    },
    /// An array of fixed length has more elements than its declaration allows.
    #[error("{len} elements, where at most {max} are allowed")]
    TooManyElements {
        /// The actual number of elements.
        len: usize,
        /// The allowed number of elements.
        max: usize,
    },
}
