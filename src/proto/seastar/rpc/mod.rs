//! The sessions of Seastar RPC: calls and streams, at both ends.
//!
//! [`Seastar`] is the protocol of a listener; [`SeastarClient`] that of a client of a server, and [`SeastarStream`] that
//! of a stream which the client opens. The frames are described in [`seastar`](super).
//!
//! It deliberately knows no verb: which exist, and what a request means, is decided by the application.

mod client;
mod compressed;
mod server;
mod session;
mod shard;
mod stream;
mod topic_stream;

use std::{any::Any, fmt, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{NEGOTIATION_LEN_MAX_DEFAULT, StreamFrame, compress::Algorithm, sniff, topics};
use crate::{Dialect, Message, Opening, Protocol, Session, Sniff};

pub use client::{ClientConfig, Negotiated, SeastarClient, SeastarStream, failure_code};
pub use server::{Outcome, SeastarSession, undecodable};
pub use shard::{ClaimError, Parent, SeastarShard};
pub use stream::{Read, Stream, StreamConfig, StreamError};
pub use topic_stream::TopicStream;

/// Chooses the group of tasks in which the requests of a connection run, by the cookie of its client. `Err`: the connection
/// is refused.
pub type Isolation = dyn Fn(&[u8]) -> Result<Option<Rc<str>>, IsolationRefused> + Send + Sync;

/// The isolation function refuses a cookie: the connection is closed without a response.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("the isolation cookie is refused")]
pub struct IsolationRefused;

/// The protocol of a listener for clients of Seastar RPC.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{Home, Protocol, Sniff, seastar::{Features, compress::Lz4, rpc::Seastar}};
///
/// let seastar = Seastar::default()
///     .with(|it| it.negotiation_timeout = Duration::from_secs(3))
///     .compression(Lz4)
///     .isolation(|cookie| if cookie == b"bad" { Err(Default::default()) } else { Ok(None) });
/// assert_eq!((seastar.name(), seastar.streaming), ("seastar", true));
///
/// let mut offer = Vec::new();
/// Features::default().encode(&mut offer);
/// assert_eq!(seastar.sniff(&offer), Sniff::Match(Home::AnyShard));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Seastar {
    /// How long a client may take for its negotiation. Default: 10 s.
    pub negotiation_timeout: Duration,
    /// The longest records of a negotiation in bytes. Default: 64 KiB.
    pub negotiation_len_max: u32,
    /// The longest arguments and results in bytes, also when decompressed. Default: 64 MiB.
    pub frame_len_max: u32,
    /// Whether clients may open streams. Default: yes.
    pub streaming: bool,
    /// Whether clients can use topics, through the verbs of [`topics`]. Default: yes.
    pub topics: bool,
    /// The most streams of one connection. Default: 1,000.
    pub streams_max: usize,
    /// Bounds and times of streams.
    pub stream: StreamConfig,
    compression: Option<Arc<dyn Algorithm>>,
    isolation: Option<Arc<Isolation>>,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::rpc::Seastar;
    ///
    /// let seastar = Seastar::default().with(|it| it.streaming = false);
    /// assert_eq!(seastar.streams_max, 1000);
    /// ```
    impl Seastar
}

impl Seastar {
    /// Compresses with this algorithm if a client offers it.
    #[must_use]
    pub fn compression(mut self, algorithm: impl Algorithm + 'static) -> Self {
        self.compression = Some(Arc::new(algorithm));
        self
    }

    /// Calls `isolation` with the cookie of each client that sends one. By default every cookie is accepted, and means
    /// nothing.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    ///
    /// use shardcast_proto::seastar::rpc::{Isolation, IsolationRefused, Seastar};
    ///
    /// fn group(cookie: &[u8]) -> Result<Option<Rc<str>>, IsolationRefused> {
    ///     match cookie {
    ///         b"gold" => Ok(Some("gold".into())),
    ///         b"bad" => Err(IsolationRefused),
    ///         _ => Ok(None),
    ///     }
    /// }
    ///
    /// let isolation: &Isolation = &group;
    /// assert_eq!(isolation(b"bad"), Err(IsolationRefused));
    /// let seastar = Seastar::default().isolation(group);
    /// ```
    #[must_use]
    pub fn isolation(
        mut self,
        isolation: impl Fn(&[u8]) -> Result<Option<Rc<str>>, IsolationRefused> + Send + Sync + 'static,
    ) -> Self {
        self.isolation = Some(Arc::new(isolation));
        self
    }
}

impl Default for Seastar {
    fn default() -> Self {
        Self {
            negotiation_timeout: Duration::from_secs(10),
            negotiation_len_max: NEGOTIATION_LEN_MAX_DEFAULT,
            frame_len_max: FRAME_LEN_MAX,
            streaming: true,
            topics: true,
            streams_max: 1000,
            stream: StreamConfig::default(),
            compression: None,
            isolation: None,
        }
    }
}

impl fmt::Debug for Seastar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seastar")
            .field("compression", &self.compression)
            .field("streaming", &self.streaming)
            .finish_non_exhaustive()
    }
}

impl Protocol for Seastar {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        sniff(prefix)
    }

    /// The protocol has no such frame.
    fn has_heartbeats(&self) -> bool {
        false
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.negotiation_timeout)
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(SeastarSession::new(self, opening))
    }

    fn shard_state(&self, shard: u16) -> Rc<dyn Any> {
        Rc::new(SeastarShard::new(shard))
    }

    /// The frame of a stream that is a subscription.
    fn encode_message(&self, dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        let len = topics::MESSAGE_OVERHEAD + message.topic.len() + message.body.len();
        let head = StreamFrame::message_head(len).filter(|_| dialect == session::PLAIN);
        let head = head.filter(|_| self.topics && len <= self.stream.frame_len_max)?;
        let mut frame = Vec::with_capacity(head.len() + len);
        frame.extend_from_slice(&head);
        topics::encode_message(&message, &mut frame);
        Some(frame.into())
    }

    fn message_len_max(&self, topic: &str) -> usize {
        self.stream.frame_len_max.saturating_sub(topics::MESSAGE_OVERHEAD + topic.len())
    }
}

/// Empties a buffer for frames. A long frame leaves no memory.
fn recycle(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > BUFFER_KEPT {
        *buffer = Vec::new();
    }
}

const NAME: &str = "seastar";

/// A connection keeps a buffer of this size for its next frame.
const BUFFER_KEPT: usize = 64 << 10;

/// As many as fit into the memory of a shard several times.
const FRAME_LEN_MAX: u32 = 64 << 20;
