//! Limits that change while connections are open.

use std::{io::Write as _, time::Duration};

use shardcast::{
    LimitsError, Listener, ListenerLimits, OverflowPolicy, SendError, ServerLimits, UnknownListener,
};

use crate::support::{
    End, Line, PATIENCE, Peer, Recorder, Totals, WhoAmI, config, eventually, frame, serve, start,
};

#[test]
fn a_shorter_idle_timeout_reaches_those_that_are_idle_already() {
    let recorder = Recorder::default();
    let (server, address) =
        serve(config().with(|it| it.listener_limits.idle_timeout = Duration::ZERO), &recorder);
    let mut peers: Vec<Peer> = (0..4).map(|_| Peer::connect(address)).collect();
    peers.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
    let limits = ListenerLimits::default().with(|it| it.idle_timeout = Duration::from_millis(1));
    assert_eq!(server.handle().set_listener_limits("none", &limits), Err(UnknownListener("none".to_owned())));
    assert_eq!(server.handle().set_listener_limits("push", &limits), Ok(()));
    for peer in &mut peers {
        assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    }
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("idle") == 4);
}

#[test]
fn the_time_to_identify_reaches_those_that_are_silent_already() {
    let forever = ServerLimits::default().with(|it| it.identify_timeout = Duration::from_secs(600));
    let listener = Listener::new("lines", "127.0.0.1:0").protocol(Line, |_| WhoAmI);
    let (server, address) = start(config().with(|it| it.limits = forever.clone()), listener, "lines");
    let mut silent: Vec<Peer> = (0..4).map(|_| Peer::connect(address)).collect();
    let handle = server.handle();
    eventually(PATIENCE, || Totals::of(&handle).listeners(|it| it.unidentified) == 4);
    let brief = ServerLimits::default().with(|it| it.identify_timeout = Duration::from_millis(1));
    assert_eq!(handle.set_limits(&brief), Ok(()));
    for peer in &mut silent {
        assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    }
    assert_eq!(handle.set_limits(&forever), Ok(()));
    let mut patient = Peer::connect(address);
    eventually(PATIENCE, || Totals::of(&handle).listeners(|it| it.unidentified) == 1);
    patient.send(b"hello\n");
    assert_eq!(&patient.read_exactly(8)[2..], b"hello\n");
}

#[test]
fn outbox_bounds_and_policy_reach_handles_and_outboxes() {
    let recorder = Recorder::default();
    let roomy = ListenerLimits::default().with(|it| it.outbox.overflow = OverflowPolicy::DropNewest);
    let (server, address) = serve(config().with(|it| it.listener_limits = roomy), &recorder);
    let handle = server.handle();
    let mut peer = Peer::narrow(address);
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    let tight = ListenerLimits::default().with(|it| {
        it.outbox.messages_max = 2;
        it.outbox.overflow = OverflowPolicy::DropNewest;
    });
    handle.set_listener_limits("push", &tight).expect("a listener");
    let large = frame(0, &vec![7; 100_000]);
    eventually(PATIENCE, || connection.send(large.clone()).is_err_and(SendError::is_full));
    let dropped = || Totals::of(&handle).dropped("drop-newest");
    assert!(dropped() > 0);

    handle
        .set_listener_limits("push", &tight.with(|it| it.outbox.overflow = OverflowPolicy::Disconnect))
        .expect("a listener");
    eventually(PATIENCE, || connection.send(large.clone()) == Err(SendError::Closed));
    assert_eq!(recorder.why_closed(connection.id()).code(), "slow");
}

#[test]
fn a_bound_per_address_counts_those_that_came_before_it() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let mut before: Vec<Peer> = (0..3).map(|_| Peer::connect(address)).collect();
    before.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
    let few = ServerLimits::default().with(|it| it.connections_per_ip_max = 3);
    assert_eq!(handle.set_limits(&few), Ok(()));
    let _refused = Peer::connect(address);
    eventually(PATIENCE, || Totals::of(&handle).rejected("per-ip-max") == 1);
    before.iter_mut().for_each(|peer| peer.echo(2, b"still here"));
    before.pop();
    eventually(PATIENCE, || Totals::of(&handle).connections() == 2);
    // Its place is free a moment after it is not counted any more, when the ring is done with it.
    let is_served = |mut peer: Peer| {
        let sent = peer.0.write_all(&frame(1, b"a place is free"));
        sent.is_ok() && peer.try_read_frame().is_ok()
    };
    eventually(PATIENCE, || Peer::connect_from(None, None, address).is_ok_and(is_served));
    assert_eq!(handle.set_limits(&ServerLimits::default()), Ok(()));
    let mut after: Vec<Peer> = (0..5).map(|_| Peer::connect(address)).collect();
    after.iter_mut().for_each(|peer| peer.echo(1, b"no bound any more"));
}

#[test]
fn more_connections_than_at_the_start_are_refused_and_nothing_changes() {
    let recorder = Recorder::default();
    let (server, address) = serve(config().with(|it| it.limits.connections_max = 8), &recorder);
    let handle = server.handle();
    let more = ServerLimits::default().with(|it| {
        it.connections_max = 9;
        it.connections_per_ip_max = 1;
    });
    assert_eq!(handle.set_limits(&more), Err(LimitsError::ConnectionsMax { max: 8 }));
    let mut peers: Vec<Peer> = (0..8).map(|_| Peer::connect(address)).collect();
    peers.iter_mut().for_each(|peer| peer.echo(1, b"no bound per address"));
}
