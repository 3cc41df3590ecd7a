use std::time::Duration;

use bytes::Bytes;

use super::RequestError;
use crate::{Position, Recovery, TopicFilter, rpc::Cause};

/// The events of a topic client, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TopicEvent {
    /// The connection is established.
    Connected,
    /// An attempt to connect failed; another follows after a pause.
    ConnectFailed,
    /// The connection is lost. It is opened again, and subscriptions are renewed.
    Disconnected(Cause),
    /// A subscription is active; also again, on another connection.
    Subscribed {
        /// Its filter.
        filter: TopicFilter,
        /// Position of the newest message of the topic; 0 and 0 for a prefix, and if the response with it was
        /// lost.
        head: Position,
        /// The result for the missed messages.
        recovery: Recovery,
    },
    /// A subscription is not active yet: the server is busy, or did not respond in time. The client will
    /// retry.
    Retrying {
        /// Its filter.
        filter: TopicFilter,
        /// The reason.
        error: RequestError,
        /// The pause before the retry.
        pause: Duration,
    },
    /// A subscription was refused, for a permanent reason. It has ended.
    Refused {
        /// Its filter.
        filter: TopicFilter,
        /// The reason.
        error: RequestError,
    },
    /// A message. Those of a topic come in order; but missed ones, from before an active prefix, come with the
    /// response to the subscription to their topic, after newer ones of the prefix.
    Message {
        /// Its topic.
        topic: String,
        /// Its position.
        position: Position,
        /// Its body.
        body: Bytes,
    },
    /// These messages were lost: dropped by the server because this client was slow, or by the client because
    /// too many waited.
    Lost {
        /// Their topic.
        topic: String,
        /// Their epoch.
        epoch: u64,
        /// Offset of the first.
        from: u64,
        /// Offset of the last.
        to: u64,
    },
    /// A topic began a new epoch; the last offset of the previous one is unknown.
    NewEpoch {
        /// The topic.
        topic: String,
        /// The new epoch.
        epoch: u64,
    },
}
