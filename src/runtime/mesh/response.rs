use std::borrow::Cow;

use bytes::Bytes;

/// The response to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ServiceResponse {
    /// A result.
    Result {
        /// What the protocol carries in addition to the body, encoded; may be empty.
        head: Bytes,
        /// Encoded result.
        body: Bytes,
    },
    /// A result without a head, in a buffer that its shard uses again: see [`Reply::buffer`](crate::Reply::buffer).
    Buffer(Vec<u8>),
    /// The request failed.
    Failure(Failure),
}

/// Why a request has no result. The peer gets it if its protocol can carry it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text} (code {code})")]
pub struct Failure {
    /// Code of the protocol.
    pub code: i32,
    /// One sentence.
    pub text: Cow<'static, str>,
}

impl Failure {
    /// A failure with this code of the protocol, and one sentence for people.
    pub fn new(code: i32, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }
}

impl ServiceResponse {
    /// A result without a head.
    pub fn result(body: impl Into<Bytes>) -> Self {
        Self::Result { head: Bytes::new(), body: body.into() }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Result { head, body } => head.len() + body.len(),
            Self::Buffer(body) => body.len(),
            Self::Failure(failure) => failure.text.len(),
        }
    }
}

impl From<Bytes> for ServiceResponse {
    fn from(body: Bytes) -> Self {
        Self::result(body)
    }
}

impl From<Vec<u8>> for ServiceResponse {
    fn from(body: Vec<u8>) -> Self {
        Self::Buffer(body)
    }
}

impl From<String> for ServiceResponse {
    fn from(body: String) -> Self {
        Self::result(body)
    }
}

impl From<&'static [u8]> for ServiceResponse {
    fn from(body: &'static [u8]) -> Self {
        Self::result(body)
    }
}

impl From<&'static str> for ServiceResponse {
    fn from(body: &'static str) -> Self {
        Self::result(body)
    }
}

impl From<Failure> for ServiceResponse {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl<T: Into<Self>> From<Result<T, Failure>> for ServiceResponse {
    fn from(result: Result<T, Failure>) -> Self {
        result.map_or_else(Self::Failure, Into::into)
    }
}
