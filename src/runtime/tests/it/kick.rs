//! An operator ends a connection by its id: that one, and no other.

use std::time::Duration;

use shardcast::{ConnId, KickError};

use crate::support::{End, PATIENCE, Peer, Recorder, config, eventually, frame, serve};

#[test]
fn the_one_with_that_id_ends_after_what_was_queued_and_no_other() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let mut others: Vec<Peer> = (0..8).map(|_| Peer::connect(address)).collect();
    let mut victim = Peer::connect(address);
    victim.echo(1, b"hello");
    others.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
    let connection = recorder.connection_of(&victim);
    let id = connection.id();

    let _ = connection.send(frame(0, b"the last word"));
    assert_eq!(handle.kick(id, PATIENCE), Ok(()));
    assert_eq!(victim.read_frame(), (0, b"the last word".to_vec()));
    assert_eq!(victim.read_to_end(), (Vec::new(), End::OfStream));
    assert_eq!(recorder.why_closed(id).code(), "kicked");

    assert_eq!(handle.kick(id, PATIENCE), Err(KickError::NotFound), "it is gone");
    others.iter_mut().for_each(|peer| peer.echo(2, b"still here"));
    eventually(PATIENCE, || handle.closed_connections(PATIENCE).list.iter().any(|it| it.id == id));
    let closed = handle.closed_connections(PATIENCE).list;
    let closed_as = closed.iter().find(|it| it.id == id).and_then(|it| it.closed);
    assert_eq!(closed_as.map(|(code, _)| code), Some("kicked"));
}

#[test]
fn ids_that_name_no_connection_end_none() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.echo(1, b"hello");
    let id = recorder.connection_of(&peer).id();
    for wrong in [
        ConnId { node: 1, ..id },
        ConnId { shard: 2, ..id },
        ConnId { shard: u16::MAX, ..id },
        ConnId { slot: u32::MAX, ..id },
        ConnId { generation: id.generation.wrapping_add(1), ..id },
    ] {
        assert_eq!(server.handle().kick(wrong, PATIENCE), Err(KickError::NotFound), "{wrong}");
    }
    peer.echo(2, b"still here");
    drop(peer);
    server.drain(Duration::from_secs(5)).expect("it ends");
}
