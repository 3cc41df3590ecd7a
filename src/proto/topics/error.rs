use crate::{Refusal, TopicError, rpc::CallError};

/// Why a request to the hub of a server failed, as its client sees it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused it.
    #[error("{text} (status {status})")]
    Refused {
        /// A number of `docs/errors.md`.
        status: u8,
        /// One sentence.
        text: String,
    },
    /// It did not arrive, or no response came back.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server does not support topics, or not in this protocol.
    #[error("server does not support topics: its response is not one to a request about them")]
    Unsupported,
    /// The text is not the name of a topic.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

impl RequestError {
    /// The error of a response that is a failure of the protocol: a refusal, if the code is the number of one.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::topics::RequestError;
    ///
    /// assert!(RequestError::of_failure(1, "busy").is_busy());
    /// assert_eq!(RequestError::of_failure(-4, ""), RequestError::Unsupported);
    /// ```
    pub fn of_failure(code: i32, text: &str) -> Self {
        match u8::try_from(code) {
            Ok(status @ 1..) => Self::Refused { status, text: text.to_owned() },
            _ => Self::Unsupported,
        }
    }

    /// Whether the server, or the client, had no room for the request: nothing was done, and the same request may
    /// succeed a little later.
    ///
    /// False if the result is unknown, such as after a time-out.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{rpc::CallError, topics::RequestError};
    ///
    /// let busy = RequestError::Refused { status: 1, text: "busy".into() };
    /// let bad_topic = RequestError::Refused { status: 4, text: "no topic".into() };
    /// assert!(busy.is_busy() && RequestError::Call(CallError::QueueFull).is_busy());
    /// assert!(!bad_topic.is_busy() && !RequestError::Call(CallError::TimedOut).is_busy());
    /// ```
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Refused { .. } => self.code() == Some("busy"),
            Self::Call(error) => *error == CallError::QueueFull,
            Self::Unsupported | Self::Topic(_) => false,
        }
    }

    /// The consequence for a subscription.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Refused { .. } => match self.code() {
                Some("busy" | "draining") => Verdict::Again,
                Some("already-subscribed") => Verdict::Already,
                _ => Verdict::Final,
            },
            Self::Call(error) => match error {
                CallError::TimedOut | CallError::QueueFull | CallError::IdTaken => Verdict::Again,
                CallError::Disconnected | CallError::ConnectFailed => Verdict::NextConnection,
                CallError::Closed | CallError::TooLarge => Verdict::Final,
            },
            Self::Unsupported | Self::Topic(_) => Verdict::Final,
        }
    }

    /// The code of a refusal, if its number is known here.
    fn code(&self) -> Option<&'static str> {
        let Self::Refused { status, .. } = self else { return None };
        Refusal::CODES.get(usize::from(*status).checked_sub(1)?).copied()
    }
}

/// What to do about a failed request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Try again after a pause.
    Again,
    /// An earlier request succeeded.
    Already,
    /// Try again on the next connection.
    NextConnection,
    /// A retry cannot succeed.
    Final,
}
