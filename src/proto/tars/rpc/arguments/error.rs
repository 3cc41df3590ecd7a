use crate::tars::{codec::DecodeError, json::JsonError, tup::TupError};

/// Arguments or results that cannot be read: which parameter, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{kind}", in_parameter(.parameter.as_deref()))]
pub struct ArgumentError {
    /// The name of the parameter; `None` if no parameter can be read.
    parameter: Option<Box<str>>,
    kind: ArgumentErrorKind,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum ArgumentErrorKind {
    #[error(transparent)]
    Tars(#[from] DecodeError),
    #[error(transparent)]
    Tup(#[from] TupError),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("{len} elements, where at most {max} are allowed")]
    TooMany { len: usize, max: usize },
}

impl ArgumentError {
    #[cold]
    pub(super) fn in_parameter(parameter: &str, error: DecodeError) -> Self {
        Self { parameter: Some(parameter.into()), kind: error.into() }
    }

    #[cold]
    pub(super) fn too_many(parameter: &str, len: usize, max: usize) -> Self {
        Self { parameter: Some(parameter.into()), kind: ArgumentErrorKind::TooMany { len, max } }
    }

    /// The name of the parameter that cannot be read, if the packet as a whole can be; TUP and JSON name it in the text.
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }
}

impl From<DecodeError> for ArgumentError {
    fn from(error: DecodeError) -> Self {
        Self { parameter: None, kind: error.into() }
    }
}

impl From<TupError> for ArgumentError {
    fn from(error: TupError) -> Self {
        Self { parameter: None, kind: error.into() }
    }
}

impl From<JsonError> for ArgumentError {
    fn from(error: JsonError) -> Self {
        Self { parameter: None, kind: error.into() }
    }
}

fn in_parameter(parameter: Option<&str>) -> String {
    parameter.map(|parameter| format!("parameter `{parameter}`: ")).unwrap_or_default()
}

/// A value that its encoding cannot hold. Types of .tars files have none; your own implementation of
/// [`ToJson`](crate::tars::json::ToJson) may fail.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("parameter `{parameter}`: {error}")]
pub struct EncodeError {
    pub(super) parameter: Box<str>,
    pub(super) error: JsonError,
}
