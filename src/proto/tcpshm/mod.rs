//! tcpshm: named peers, between which every sent message is kept until the other end has consumed it.
//!
//! A connection is a pair of names, that of a client and that of a server. Each end numbers its messages from 0, keeps them
//! in a journal, and states how many messages of the other end it has consumed. When they connect again, each sends
//! what the other has not consumed.
//!
//! ```text
//!   client ──▶ Login: its names, where it stands      then, in both directions: messages
//!   server ──▶ LoginResponse: where it stands            Header { size, type, ack } + body + padding to 8 bytes
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
//! Sources: the interface and the bytes of MengRao/tcpshm at commit f825816, recorded from its clients and servers.

mod geometry;
mod header;
pub mod journal;
mod login;
mod name;

pub use geometry::{ByteOrder, Geometry, GeometryError, UserData};
pub use header::Header;
pub use login::{Login, LoginResponse, Standing, Status};
pub use name::{Name, NameError};
