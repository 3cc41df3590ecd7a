//! A panic costs the connection that it served, and nothing else.

use std::thread;

use shardcast::{CloseReason, SendError};

use crate::support::{Control, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve};

#[test]
fn a_service_that_panics_costs_that_connection_only() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    let mut bystander = Peer::connect(address);
    for count in 1..=20 {
        let mut peer = Peer::connect(address);
        peer.echo(1, b"hello");
        let connection = recorder.connection_of(&peer);
        peer.send(&[frame(4, b"answered"), frame(2, b"panic"), frame(3, b"never handled")].concat());
        // Earlier responses are sent.
        assert_eq!(peer.read_frame(), (4, b"answered".to_vec()));
        assert_eq!(recorder.why_closed(connection.id()), CloseReason::Panic);
        assert_eq!(connection.send(frame(0, b"late")), Err(SendError::Closed));
        peer.read_to_end();
        bystander.echo(count, b"still here");
        eventually(PATIENCE, || {
            let totals = Totals::of(&server.handle());
            (totals.shards(|shard| shard.panics), totals.closed("panic")) == (count.into(), count.into())
        });
    }
    control.noticed_nothing();
}

#[test]
fn a_task_that_panics_costs_its_connection_only() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    for count in 1..=20 {
        let mut peer = Peer::connect(address);
        let id = recorder.connection_of(&peer).id();
        peer.send(&frame(2, b"task-panic"));
        assert_eq!(recorder.why_closed(id), CloseReason::Panic);
        peer.read_to_end();
        eventually(PATIENCE, || {
            let totals = Totals::of(&server.handle());
            totals.shards(|shard| shard.panics) == count && totals.shards(|shard| shard.tasks) == 0
        });
    }
    control.noticed_nothing();
    server.drain(PATIENCE).expect("the shards end well");
}

#[test]
fn many_panics_at_once_leave_nothing_behind() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..50 {
                    let mut peer = Peer::connect(address);
                    peer.send(&frame(2, b"panic"));
                    peer.read_to_end();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("each connection ended"));
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("panic") == 200);
    control.noticed_nothing();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
}
