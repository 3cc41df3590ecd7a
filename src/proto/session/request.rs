use crate::Time;

/// Identifies a request within one connection; echoed in its response.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RequestId(pub u64);

/// Names the handler that a message is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Route<'a> {
    /// The protocol has one handler: framed Tars push.
    Only,
    /// Tars: servant and function.
    Named(&'a str, &'a str),
    /// Seastar RPC verb, tcpshm message type.
    Numbered(u64),
}

/// A [`Route`] that borrows nothing.
///
/// # Examples
/// ```
/// use shardcast_proto::{OwnedRoute, Route};
///
/// let kept = OwnedRoute::from(Route::Named("Demo.HelloServer.HelloObj", "hello"));
/// assert_eq!(kept.as_route(), Route::Named("Demo.HelloServer.HelloObj", "hello"));
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum OwnedRoute {
    /// The protocol has one handler.
    #[default]
    Only,
    /// Tars: servant and function.
    Named(Box<str>, Box<str>),
    /// Seastar RPC verb, tcpshm message type.
    Numbered(u64),
}

impl OwnedRoute {
    /// Borrows the route.
    pub fn as_route(&self) -> Route<'_> {
        match self {
            Self::Only => Route::Only,
            Self::Named(servant, function) => Route::Named(servant, function),
            Self::Numbered(number) => Route::Numbered(*number),
        }
    }
}

impl From<Route<'_>> for OwnedRoute {
    fn from(route: Route<'_>) -> Self {
        match route {
            Route::Only => Self::Only,
            Route::Named(servant, function) => Self::Named(servant.into(), function.into()),
            Route::Numbered(number) => Self::Numbered(number),
        }
    }
}

/// One request; borrows the received bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request<'a> {
    /// Its id within its connection.
    pub id: RequestId,
    /// Its handler.
    pub route: Route<'a>,
    /// What the protocol carries with the arguments, such as context and status, encoded; empty if it has no
    /// such field.
    pub head: &'a [u8],
    /// Encoded arguments.
    pub body: &'a [u8],
    /// When the requester stops waiting.
    pub deadline: Option<Time>,
    /// Whether the requester expects a response.
    pub expects_response: bool,
}

impl<'a> Request<'a> {
    /// A request without a head and without a deadline that expects a response.
    pub const fn new(id: RequestId, route: Route<'a>, body: &'a [u8]) -> Self {
        Self { id, route, head: &[], body, deadline: None, expects_response: true }
    }

    /// The same, without a response.
    #[must_use]
    pub const fn one_way(self) -> Self {
        Self { expects_response: false, ..self }
    }
}

/// The response to one request.
///
/// # Examples
/// ```
/// use shardcast_proto::{Failure, RequestId, Response};
///
/// /// The text of a response, for a log.
/// fn text(response: &Response<'_>) -> String {
///     match response.result {
///         Ok(body) => format!("{}: {} bytes", response.id.0, body.len()),
///         Err(Failure { code, text }) => format!("{}: failed with code {code}: {text}", response.id.0),
///     }
/// }
///
/// let response = Response { id: RequestId(7), head: &[], result: Ok(b"2410") };
/// assert_eq!(text(&response), "7: 4 bytes");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Response<'a> {
    /// The id of the request.
    pub id: RequestId,
    /// Like [`Request::head`].
    pub head: &'a [u8],
    /// The encoded result, or why there is none.
    pub result: Result<&'a [u8], Failure<'a>>,
}

/// Why a request has no result: a code of the protocol, and a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure<'a> {
    /// The code; its meaning depends on the protocol.
    pub code: i32,
    /// One sentence; may be empty.
    pub text: &'a str,
}

impl Failure<'_> {
    /// The code in place of a response that the protocol returned because its frame would be too large. A protocol
    /// sends its own code for that.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{Command, Failure, RequestId};
    ///
    /// /// The code that a protocol sends.
    /// fn code(failure: Failure<'_>) -> i32 {
    ///     if failure.code == Failure::RESPONSE_TOO_LARGE { 413 } else { failure.code }
    /// }
    /// assert_eq!(code(Failure { code: Failure::RESPONSE_TOO_LARGE, text: "the response is too large" }), 413);
    /// ```
    pub const RESPONSE_TOO_LARGE: i32 = i32::MIN;
}
