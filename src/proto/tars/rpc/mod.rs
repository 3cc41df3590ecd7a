//! Tars RPC: the protocol of servants and proxies, `protocol = tars` in TarsCpp.
//!
//! [`Tars`] opens sessions that exchange [packets](super::packet) of all versions. [`ArgumentReader`] and
//! [`ArgumentWriter`] are for what a packet's buffer holds; [`CallHead`] and [`ResponseHead`] are what a packet carries
//! besides.
//!
//! It deliberately knows no servant: which objects exist, and what a request means, is decided by the application.

mod arguments;
mod client;
mod head;
mod pending;
mod server;
mod topics;

use bytes::Bytes;

use super::packet::{
    FRAME_LEN_MAX_TARSCPP, FrameError, PacketTooLarge, ResponsePacket, StringMap, Version, status_key,
};
use crate::{Dialect, Error, Home, Message, Opening, Protocol, Route, Session, Sniff};

pub use arguments::{ArgumentError, ArgumentReader, ArgumentWriter, EncodeError};
pub use client::{RECONNECT_PUSH, TarsClientSession};
pub use head::{CallHead, ResponseHead};
pub use server::TarsSession;
pub use topics::{PUSH_OBJECT, TopicWire};

/// A client that sends a request with this key in its status gets a notice when the server begins to drain: a push whose
/// description is `_reconnect_`. It should connect to another server then; its calls in progress are still answered.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{packet::{RequestPacket, StringMap}, rpc::RECONNECT_NOTICE_KEY};
///
/// let status = StringMap::from([(RECONNECT_NOTICE_KEY.into(), "1".into())]);
/// let ping = RequestPacket { func: "tars_ping".into(), status, ..RequestPacket::default() };
/// ```
pub const RECONNECT_NOTICE_KEY: &str = "STATUS_RECONNECT_NOTICE";

/// The description of that notice.
const RECONNECT: &str = "_reconnect_";

/// The protocol of a listener for Tars clients, and of clients of Tars servers.
///
/// A push is a complete packet; [`encode_push`] makes one. Calls of the object [`PUSH_OBJECT`] are events of the hub.
///
/// # Examples
/// ```
/// use shardcast_proto::{Home, Protocol, Sniff, tars::rpc::{PUSH_OBJECT, Tars}};
///
/// let tars = Tars::default().with(|it| it.frame_len_max = 10 << 20);
/// assert_eq!((tars.name(), tars.push_len_max()), ("tars", 10 << 20));
/// // A client may connect and wait for pushes.
/// assert_eq!(tars.sniff(b""), Sniff::Match(Home::AnyShard));
/// assert!(tars.topics && PUSH_OBJECT == "Shardcast.Push.PushObj");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tars {
    /// The longest packet that is received and sent, in bytes. Default: 100 MiB, as in TarsCpp.
    pub frame_len_max: u32,
    /// Whether the object [`PUSH_OBJECT`] exists, through which clients use topics. Default: yes.
    pub topics: bool,
    /// Whether all clients get a notice when the server begins to drain, and not only those that ask for it: a push
    /// whose description is `_reconnect_`, as from servers in Go. Clients in C++ without a push callback close the
    /// connection when they get it. Of a client: whether it asks for the notice, with the first request of each connection.
    /// Default: no.
    pub reconnect_notice: bool,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::rpc::Tars;
    ///
    /// let tars = Tars::default().with(|it| it.frame_len_max = 1 << 20);
    /// ```
    impl Tars
}

impl Default for Tars {
    fn default() -> Self {
        Self { frame_len_max: FRAME_LEN_MAX_TARSCPP, topics: true, reconnect_notice: false }
    }
}

impl Tars {
    /// Opens an unboxed session of an accepted connection.
    pub fn session(&self) -> TarsSession {
        TarsSession::new(self)
    }

    /// Opens an unboxed session of a connection to a server.
    pub fn client_session(&self) -> TarsClientSession {
        TarsClientSession::new(self)
    }
}

impl Protocol for Tars {
    fn name(&self) -> &'static str {
        "tars"
    }

    /// A client may connect and wait, so no byte is demanded. If there are any, the first one is the high byte of a
    /// length.
    fn sniff(&self, prefix: &[u8]) -> Sniff {
        let high = self.frame_len_max.to_be_bytes()[0];
        if prefix.first().is_some_and(|first| *first > high) {
            Sniff::Refuse
        } else {
            Sniff::Match(Home::AnyShard)
        }
    }

    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(self.session())
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(self.client_session()))
    }

    /// The body unchanged: it is a packet.
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        (route == Route::Only && body.len() <= self.push_len_max()).then(|| body.clone())
    }

    fn encode_message(&self, _dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        let fits = message.body.len() <= self.message_len_max(message.topic);
        (self.topics && fits).then(|| topics::encode_message(&message))
    }

    fn message_len_max(&self, topic: &str) -> usize {
        self.push_len_max().saturating_sub(topics::message_overhead(topic))
    }

    fn push_len_max(&self) -> usize {
        self.frame_len_max.min(FRAME_LEN_MAX_TARSCPP) as usize
    }
}

/// The packet that carries a push: a response with the id 0, whose status names the function. `body` are its parameters
/// in version 1, as [`ArgumentWriter`] writes them.
///
/// A client dispatches it to the callback of that function, as those that generated code of C++ sends.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{packet::Version, rpc::{ArgumentWriter, encode_push}};
///
/// let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
/// w.put(1, "msg", "hello");
/// let packet = encode_push("pushMsg", w.finish()?);
/// assert_eq!((packet.len(), &packet[..4]), (44, &[0, 0, 0, 44][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_push(function: &str, body: impl Into<Bytes>) -> Bytes {
    encode_push_with(function, body, StringMap::new(), StringMap::new())
}

/// As [`encode_push`], with headers of the application (`context`) and of the framework (`status`). The status names the
/// function in any case.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{
///     packet::{ResponsePacket, StringMap},
///     rpc::{encode_push, encode_push_with},
/// };
///
/// let context = StringMap::from([("trace".into(), "7".into())]);
/// let packet = encode_push_with("pushMsg", "", context.clone(), StringMap::new());
/// assert_eq!(ResponsePacket::decode(&packet[4..])?.context, context);
/// let plain = encode_push_with("pushMsg", "", StringMap::new(), StringMap::new());
/// assert_eq!(plain, encode_push("pushMsg", ""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_push_with(
    function: &str,
    body: impl Into<Bytes>,
    context: StringMap,
    mut status: StringMap,
) -> Bytes {
    status.insert(status_key::PUSH_FUNC.to_owned(), function.to_owned());
    let packet = ResponsePacket {
        version: Version::TARS,
        buffer: body.into(),
        status,
        context,
        ..ResponsePacket::default()
    };
    let mut out = Vec::with_capacity(packet.buffer.len() + function.len() + PUSH_OVERHEAD);
    match packet.encode(&mut out) {
        Ok(()) => out.into(),
        // Longer than any listener permits: sending it is refused because of its length.
        Err(PacketTooLarge { len }) => vec![0; len].into(),
    }
}

/// The bytes of a push without headers, besides the name of its function and its parameters: at most so many.
const PUSH_OVERHEAD: usize = 48;

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { len, max } => Self::FrameTooLarge { len: len.into(), max: max.into() },
            FrameError::TooSmall { len } => Self::FrameTooSmall { len: len.into(), min: FRAME_LEN_MIN },
        }
    }
}

const FRAME_LEN_MIN: u64 = 5;
