use shardcast_proto::{
    rpc::CallError,
    tars::{
        EndpointError,
        packet::ReturnCode,
        rpc::{ArgumentError, EncodeError},
    },
};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The server responded that there is no result: the method failed, or the server refused the call. The endpoint
    /// works.
    #[error("the server responded with code {code}: {text}")]
    Server {
        /// Negative codes down to -99 are those of the framework, see [`ReturnCode`]; others are the application's.
        code: i32,
        /// The server's description; may be empty.
        text: String,
    },
    /// No response came in time. The server may have processed the request.
    #[error("no response in time")]
    TimedOut,
    /// The connection was lost while the call was in flight. The server may have processed the request.
    #[error("the connection was lost before the response")]
    Disconnected,
    /// No endpoint could be connected to. The request was never sent.
    #[error("no endpoint can be connected to")]
    Unreachable,
    /// There is no endpoint for the object.
    #[error("the object has no endpoint")]
    NoEndpoint,
    /// Too many calls or bytes are waiting. The request was not sent.
    #[error("too many calls or bytes are waiting")]
    QueueFull,
    /// The request is longer than a packet may be. It was not sent.
    #[error("the request is too large for a packet")]
    TooLarge,
    /// The communicator has ended.
    #[error("the communicator has ended")]
    Closed,
    /// An interceptor refused the call. The request was not sent.
    #[error("an interceptor refused the call: {0}")]
    Refused(String),
    /// The arguments cannot be encoded.
    #[error("cannot encode the arguments: {0}")]
    Encode(#[from] EncodeError),
    /// The result cannot be decoded.
    #[error("cannot decode the result: {0}")]
    Decode(#[from] ArgumentError),
}

impl RpcError {
    /// The code that a TarsCpp client reports: that of the server, or of the client's own errors (-7, -8, -10, -12,
    /// -13).
    pub const fn code(&self) -> i32 {
        match self {
            Self::Server { code, .. } => *code,
            Self::TimedOut => ReturnCode::TIMEOUT.0,
            Self::Disconnected | Self::Unreachable => ReturnCode::CONNECT.0,
            Self::NoEndpoint => ReturnCode::NO_ENDPOINT.0,
            Self::QueueFull | Self::TooLarge | Self::Closed | Self::Refused(_) | Self::Encode(_) => {
                ReturnCode::SEND_REQUEST.0
            }
            Self::Decode(_) => ReturnCode::CLIENT_DECODE.0,
        }
    }

    /// Whether the call had a response, so that the endpoint works.
    pub const fn has_response(&self) -> bool {
        matches!(self, Self::Server { .. } | Self::Decode(_))
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Disconnected => Self::Disconnected,
            CallError::ConnectFailed => Self::Unreachable,
            CallError::QueueFull | CallError::IdTaken => Self::QueueFull,
            CallError::TooLarge => Self::TooLarge,
            CallError::Closed => Self::Closed,
            // And what may be added.
            _ => Self::TimedOut,
        }
    }
}

/// A proxy cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The object string is invalid.
    #[error(transparent)]
    Object(#[from] EndpointError),
    /// The string has no endpoints, and the communicator has no source of them.
    #[error("the object has no endpoint, and there is no source of endpoints")]
    NoEndpoint,
    /// None of the endpoints can be used: `ssl`, `udp` and authentication (`-e 1`) are not supported.
    #[error("cannot use {0}: `ssl`, `udp` and `-e 1` are not supported")]
    Unsupported(String),
    /// The source of endpoints has failed.
    #[error("cannot find endpoints: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}
