//! tcpshm: named peers, between which every sent message is kept until the other end has consumed it.
//!
//! A server has a [`Handler`] for each shard, which gets the messages of the peers there, and is called when they log on and
//! when their connections end. A [`Peer`] outlives its connections: what is sent to it while it is away is kept in a file,
//! and arrives when it is back. A [`Client`] does the same at the other end, on an ordinary thread; a
//! [`LocalClient`] does on a shard.
//!
//! # Examples
//! ```
//! use shardcast::{
//!     Listener, Server,
//!     tcpshm::{Client, ClientOptions, Handler, Message, Peer, Protocol, ServerOptions},
//! };
//!
//! /// Returns each message to its sender.
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type Data = ();
//!
//!     fn message(&self, peer: &Peer, message: Message<'_>) {
//!         // A message that cannot be answered now comes again.
//!         if peer.send(message.message_type(), message.body()).is_ok() {
//!             message.pop();
//!         }
//!     }
//! }
//!
//! let folder = tempfile::tempdir()?;
//! let protocol = Protocol::open("server", &ServerOptions::new(folder.path().join("server")))?;
//! let listener = Listener::new("orders", "127.0.0.1:0").protocol(protocol, |_| Echo.service());
//! let server = Server::builder().listen(listener).shards(1).start()?;
//!
//! let options = ClientOptions::new(folder.path().join("client"));
//! let mut client = Client::connect("client", server.address("orders")?, options)?;
//! client.send(1, b"hello")?;
//! let message = client.recv()?;
//! assert_eq!((message.message_type, &*message.body), (1, &b"hello"[..]));
//! client.pop(message.sequence)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod client_options;
mod files;
mod local_client;
mod output;
mod peer;
mod server;
mod syncs;
mod topic_client;
mod topics;
mod waiting;

pub use shardcast_proto::tcpshm::{
    ByteOrder, FileError, Gap, Geometry, GeometryError, LoggedOn, LoginError, Mismatch, MismatchPolicy, Name,
    NameError, NotInFront, PeerCounts, Reject, SecondLogin, Sequences, Times, UserData, journal::AppendError,
};

pub use client::{Batch, Client, ClientEvent, ClientHandle, ClientMessage, Received};
pub use client_options::{ClientError, ClientOptions};
pub(crate) use files::{BOOT, Directory, random};
pub use files::{DirectoryError, Durability, FilesConfig};
pub use local_client::LocalClient;
pub use peer::{Allocated, Held, Incoming, Message, Peer};
pub use server::{Handler, NewConnection, PeerService, Place, Protocol, ServerOptions};
pub use topic_client::{TopicClient, TopicPublisher};
