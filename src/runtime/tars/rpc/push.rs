use bytes::Bytes;
use shardcast_proto::tars::{
    packet::{ResponsePacket, Version, status_key},
    rpc::{ArgumentWriter, encode_push, encode_push_with},
};

/// A push, encoded as a packet: `Connection::push`, `ServerHandle::broadcast` and their variants send it.
///
/// Generated code makes it. It is encoded once, however many connections get it. One that is longer than the adapter
/// permits is refused where it is sent.
///
/// # Examples
/// ```
/// use shardcast::{Connection, SendError, tars::rpc::PushPacket};
///
/// /// A push for `interface Push { void pushMsg(string msg); };`
/// fn push_msg(msg: &str) -> PushPacket {
///     PushPacket::new("pushMsg", |w| w.put(1, "msg", msg))
/// }
///
/// fn greet(connection: &Connection) -> Result<(), SendError> {
///     connection.push(push_msg("hello"))
/// }
/// assert_eq!(push_msg("hello").as_bytes().len(), 44);
///
/// // With a header of the application, and one of the framework.
/// let packet = push_msg("hello").context("trace", "7").status("STATUS_GRID_KEY", "2");
/// assert!(packet.as_bytes().len() > 44);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushPacket(Bytes);

impl PushPacket {
    /// A push to `function`, whose parameters `write` puts.
    pub fn new(function: &str, write: impl FnOnce(&mut ArgumentWriter)) -> Self {
        // Clients take pushes in this version only.
        let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
        write(&mut w);
        let body = w.finish().unwrap_or_default();
        Self(encode_push(function, body))
    }

    /// Adds a header of the application, which the receiver finds in the context of the push. This copies the packet.
    #[must_use]
    pub fn context(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(|packet| packet.context.insert(key.into(), value.into()))
    }

    /// Adds a header of the framework; see [`status_key`]. One of them is the name of the function, which stays as it is.
    /// This copies the packet.
    #[must_use]
    pub fn status(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(|packet| packet.status.insert(key.into(), value.into()))
    }

    fn change<T>(self, change: impl FnOnce(&mut ResponsePacket) -> T) -> Self {
        // One that is longer than any packet may be is not one.
        let Ok(mut packet) = ResponsePacket::decode_shared(&self.0.slice(LENGTH_LEN..)) else { return self };
        let function = packet.status.remove(status_key::PUSH_FUNC).unwrap_or_default();
        change(&mut packet);
        Self(encode_push_with(&function, packet.buffer, packet.context, packet.status))
    }

    /// The packet.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<PushPacket> for Bytes {
    fn from(packet: PushPacket) -> Self {
        packet.0
    }
}

/// The bytes of the length at the beginning of a packet.
const LENGTH_LEN: usize = 4;
