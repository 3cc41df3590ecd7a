//! Conformance tests that every [`Session`](crate::Session) passes, and the bodies of the fuzz targets.
//!
//! Not part of the API: only tests and `src/proto/fuzz` call it. Everything here panics when it finds an
//! error.

mod conformance;
pub mod fuzz;
mod through;
mod transcript;

use core::net::{Ipv4Addr, SocketAddr};
use std::{rc::Rc, time::Duration};

use crate::{ConnId, Opening, Protocol, Session, Time};

pub use conformance::Conformance;
pub use through::{Talk, talk};
pub use transcript::{Outcome, Transcript, converse, pieces};

/// Opens the accepting end of a connection without a peer.
pub fn accept(protocol: &dyn Protocol, now: Time) -> Box<dyn Session> {
    open(protocol, now, |opening| protocol.accept(opening))
}

/// Opens the connecting end of a connection without a peer.
///
/// # Panics
/// The protocol only accepts.
pub fn connect(protocol: &dyn Protocol, now: Time) -> Box<dyn Session> {
    open(protocol, now, |opening| protocol.connect(opening)).expect("it connects")
}

fn open<T>(protocol: &dyn Protocol, now: Time, f: impl FnOnce(&Opening<'_>) -> T) -> T {
    let state = protocol.shard_state(0);
    f(&Opening {
        id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        shards: 1,
        now,
        wall: Duration::ZERO,
        state: &Rc::clone(&state),
    })
}
