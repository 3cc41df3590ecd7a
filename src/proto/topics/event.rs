use std::time::Duration;

use bytes::Bytes;

use super::RequestError;
use crate::{Position, Recovery, TopicFilter, rpc::Cause};

/// What happens to a client of topics, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TopicEvent {
    /// There is a connection.
    Connected,
    /// An attempt to connect failed; another follows after a pause.
    ConnectFailed,
    /// The connection is gone. It is made again, and subscriptions with it.
    Disconnected(Cause),
    /// A subscription is active; also again, on another connection.
    Subscribed {
        /// To what.
        filter: TopicFilter,
        /// Position of the newest message of the topic; 0 and 0 for a prefix, and if the answer that named it was lost.
        head: Position,
        /// What became of the messages that were missed.
        recovery: Recovery,
    },
    /// A subscription is not active yet: the server is busy, or did not answer in time. It is tried again.
    Retrying {
        /// To what.
        filter: TopicFilter,
        /// Why.
        error: RequestError,
        /// When: after this time.
        pause: Duration,
    },
    /// A subscription was refused, for a reason that does not pass. It has ended.
    Refused {
        /// To what.
        filter: TopicFilter,
        /// Why.
        error: RequestError,
    },
    /// A message.
    Message {
        /// On which topic.
        topic: String,
        /// Its position there.
        position: Position,
        /// What was published.
        body: Bytes,
    },
    /// These messages were lost: dropped by the server because this client was slow, or by the client because too many
    /// waited.
    Lost {
        /// On which topic.
        topic: String,
        /// Of which epoch.
        epoch: u64,
        /// Offset of the first.
        from: u64,
        /// Offset of the last.
        to: u64,
    },
    /// A topic began a new epoch; how the one before ended is not known.
    NewEpoch {
        /// Which topic.
        topic: String,
        /// The new epoch.
        epoch: u64,
    },
}
