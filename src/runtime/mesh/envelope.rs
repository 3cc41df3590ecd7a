use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use shardcast_proto::{RequestId, Time, push};

use super::{Connection, ServiceResponse};
use crate::{CloseReason, ConnId, transport::Detached};

/// What can be sent to a shard.
pub(crate) enum Envelope {
    /// A connection whose home is that shard.
    Adopt(Box<Adopted>),
    /// A message for one of its connections, and when it was posted.
    Deliver { to: Connection, message: Message, posted: Time },
    /// A push for all its connections of a listener, and when it was posted.
    Broadcast { listener: u32, body: Bytes, key: Option<u64>, posted: Time },
    /// A message of a topic, for the subscribers there.
    Message(Arc<push::Publication>),
    /// Any other message between hubs, or a publication.
    Push { from: u16, envelope: Box<push::HubMessage> },
    /// A connection of that shard to close.
    Close { to: ConnId, why: CloseReason },
    /// The shard `from` is stopping, and has come this far.
    Marker { from: u16, marker: push::stop::Marker },
    /// A closure, for anything that is not on the path of a message.
    Run(Box<dyn FnOnce() + Send>),
}

/// A connection on its way to its home shard, with the bytes that determined it.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) transport: Detached,
    pub(crate) peer: SocketAddr,
    pub(crate) listener: u32,
    pub(crate) opened: Time,
    pub(crate) bytes: Vec<u8>,
}

/// A message for one connection.
#[derive(Debug)]
pub(crate) enum Message {
    /// Bytes to send unchanged.
    Raw { frame: Bytes, key: Option<u64> },
    /// A push, to be framed by the connection's protocol.
    Push { body: Bytes, key: Option<u64> },
    /// A request has ended.
    RequestEnd { id: RequestId, end: RequestEnd },
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum RequestEnd {
    Response(ServiceResponse),
    /// It gets no response.
    Never,
    /// The code that was to answer it panicked.
    Panicked,
    /// No response was expected.
    Silently,
}

impl Envelope {
    /// Bytes of its body: what a peer or a program makes it hold.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Adopt(adopted) => adopted.bytes.len(),
            Self::Deliver { message, .. } => message.len(),
            Self::Broadcast { body, .. } => body.len(),
            Self::Message(message) => message.body.len(),
            Self::Push { envelope, .. } => match &**envelope {
                push::HubMessage::Publish { publish, .. } => publish.body.len(),
                push::HubMessage::Message(message) => message.body.len(),
                push::HubMessage::Response { missed, .. } => missed.iter().map(|it| it.body.len()).sum(),
                push::HubMessage::HistoryResponse { history, .. } => {
                    history.messages.iter().map(|it| it.body.len()).sum()
                }
                _ => 0,
            },
            Self::Close { .. } | Self::Run(_) | Self::Marker { .. } => 0,
        };
        bytes as u64
    }
}

impl Message {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Raw { frame: body, .. } | Self::Push { body, .. } => body.len(),
            Self::RequestEnd { end: RequestEnd::Response(response), .. } => response.len(),
            Self::RequestEnd { .. } => 0,
        }
    }

    pub(crate) const fn is_push(&self) -> bool {
        !matches!(self, Self::RequestEnd { .. })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adopt(_) => "Adopt",
            Self::Deliver { .. } => "Deliver",
            Self::Broadcast { .. } => "Broadcast",
            Self::Message(_) => "Message",
            Self::Push { .. } => "Push",
            Self::Close { .. } => "Close",
            Self::Marker { .. } => "Marker",
            Self::Run(_) => "Run",
        })
    }
}
