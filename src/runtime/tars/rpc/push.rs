use bytes::Bytes;
use shardcast_proto::tars::{
    packet::Version,
    rpc::{ArgumentWriter, encode_push},
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
