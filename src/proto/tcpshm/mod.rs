//! tcpshm: named peers, between which every sent message is kept until the other end has consumed it.
//!
//! A connection is a pair of names, that of a client and that of a server. Each end numbers its messages from 0, keeps them
//! in a [`journal`], and states how many messages of the other end it has consumed. When they connect again, each sends
//! what the other has not consumed.
//!
//! ```text
//!   client ──▶ Login: names, sequence numbers        then, in both directions: messages
//!   server ──▶ LoginResponse: sequence numbers         Header { size, type, ack } + body + padding to 8 bytes
//! ```
//!
//! | | header of a message |
//! | --- | --- |
//! | `u16` | size: header and body, without the padding; 8 to 65,535 |
//! | `u16` | type: 0 is a heartbeat, which has no body and no sequence number; all others belong to the application |
//! | `u32` | how many messages of the other end the sender has consumed, modulo 2^32 |
//!
//! Padding is sent as zeros, and ignored. [`Login`] and [`LoginResponse`] describe their messages. Nothing on the wire says
//! which [`Geometry`] a peer has: both must be configured alike.
//!
//! # Examples
//! Both ends, without a network, and with journals in memory:
//! ```
//! use std::{any::Any, cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};
//!
//! use shardcast_proto::{
//!     ConnId, Event, Opening, Session, Time,
//!     tcpshm::{
//!         Accepting, Callbacks, ClientConfig, ClientFiles, ClientState, Connecting, Entry, FileError, Files, LoggedOn,
//!         Login, Mismatch, Name, NotInFront, Peer, PeerCounts, PeerTable, Reject, Start, TableConfig, Unconsumed,
//!         journal::{Beginning, Identity, Journal, JournalConfig, LEN_FIRST},
//!     },
//! };
//!
//! /// Journals that end with their process.
//! struct Memory(Name);
//!
//! impl Files for Memory {
//!     type Store = Vec<u8>;
//!
//!     fn open(&self, remote: &Name) -> Result<Journal<Vec<u8>>, FileError> {
//!         self.replace(remote, Start::default())
//!     }
//!
//!     fn remove(&self, _: &Name) -> Result<(), FileError> {
//!         Ok(())
//!     }
//!
//!     fn replace(&self, remote: &Name, start: Start) -> Result<Journal<Vec<u8>>, FileError> {
//!         let [local, remote] = [&self.0, remote].map(|name| name.as_str().as_bytes());
//!         let beginning = Beginning { salt: 7, first: start.next, received: start.received };
//!         let file = vec![0; LEN_FIRST as usize];
//!         let created = Journal::create(file, Identity { local, remote, boot: 1 }, beginning, JournalConfig::default());
//!         let opening = created.map_err(|error| FileError { code: error.code(), text: error.to_string() })?;
//!         Ok(opening.finish().0)
//!     }
//! }
//!
//! impl ClientFiles for Memory {
//!     fn last_server(&self) -> Result<Option<Name>, FileError> {
//!         Ok(None)
//!     }
//!
//!     fn set_last_server(&self, _: &Name) -> Result<(), FileError> {
//!         Ok(())
//!     }
//! }
//!
//! /// Accepts every client.
//! struct Everyone;
//!
//! impl Callbacks<Vec<u8>> for Everyone {
//!     fn new_connection(&self, _: SocketAddr, _: &Name, _: &Login<'_>) -> Result<Vec<u8>, Reject> {
//!         Ok(vec![7])
//!     }
//!     fn file_error(&self, _: &Name, _: &FileError) {}
//!     fn mismatch(&self, _: &Name, _: &Mismatch) {}
//!     fn reset(&self, _: &Name, _: u64) {}
//!     fn forgotten(&self, _: &Name, _: u64) {}
//!     fn cut(&self, _: ConnId) {}
//! }
//!
//! let now = Time::from_nanos(0);
//! let (server, client) = (Name::new("server")?, Name::new("client")?);
//! let table = Rc::new(PeerTable::new(server.clone(), TableConfig::default(), Memory(server)));
//! let callbacks: Rc<dyn Callbacks<Vec<u8>>> = Rc::new(Everyone);
//! table.set_callbacks(Rc::downgrade(&callbacks));
//! let state = ClientState::open(client.clone(), ClientConfig::default(), Memory(client.clone()))?;
//! let state = Rc::new(RefCell::new(state));
//!
//! // The client logs in.
//! let opening = Opening {
//!     id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
//!     peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
//!     shards: 1,
//!     now,
//!     wall: Duration::ZERO,
//!     state: &(Rc::new(()) as Rc<dyn Any>),
//! };
//! let (mut accepting, mut connecting) =
//!     (Accepting::new(Rc::clone(&table), &opening), Connecting::new(Rc::clone(&state), now));
//! let mut wire = Vec::new();
//! connecting.poll_transmit(&mut wire);
//! accepting.handle_input(&wire, now)?;
//! wire.clear();
//! accepting.poll_transmit(&mut wire);
//! connecting.handle_input(&wire, now)?;
//! let logged_on = LoggedOn { user_data: vec![7], dropped: None };
//! assert_eq!(state.borrow_mut().take_outcome(), Some(Ok(logged_on)));
//!
//! // A message, which the server does not consume at first.
//! state.borrow_mut().peer_mut().expect("it has logged in").send(1, b"hello")?;
//! wire.clear();
//! connecting.poll_transmit(&mut wire);
//! let event = accepting.handle_input(&wire, now)?.event;
//! let Some(Event::Request(message)) = event else { panic!("a message") };
//! let entry: Rc<Entry<Vec<u8>>> = table.get(&client).expect("it has logged in");
//! let peer: &RefCell<Peer<Vec<u8>>> = entry.peer();
//! assert!(peer.borrow_mut().keep(1, message.body, Unconsumed::Failed, now), "it comes again");
//! assert_eq!(peer.borrow().counts(), PeerCounts::default());
//! assert_eq!(peer.borrow_mut().pop(1), Err(NotInFront(1)));
//! assert_eq!(peer.borrow_mut().pop(0), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sources: the interface and the bytes of MengRao/tcpshm at commit f825816, recorded from its clients and servers.

mod accepting;
mod ack_policy;
mod client;
mod exchange;
mod geometry;
mod header;
pub mod journal;
mod login;
mod mismatch;
mod name;
mod original;
mod peer;
mod table;
pub mod topics;

pub use accepting::Accepting;
pub use client::{ClientConfig, ClientFiles, ClientState, Connecting, LoggedOn, LoginError};
pub use exchange::Times;
pub use geometry::{ByteOrder, Geometry, GeometryError, UserData};
pub use header::Header;
pub use login::{Login, LoginResponse, Sequences, Status};
pub use mismatch::{Gap, Mismatch};
pub use name::{Name, NameError};
pub use original::{OriginalError, OriginalQueue};
pub use peer::{NotInFront, Peer, PeerConfig, PeerCounts, PeerSync, Unconsumed};
pub use table::{
    Callbacks, Entry, FileError, Files, MismatchPolicy, PeerTable, Reject, SecondLogin, Start, TableConfig,
};
