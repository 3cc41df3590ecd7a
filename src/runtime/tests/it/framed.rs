//! Framed push end to end: recorded bytes, pushes, and the true reason for every end.

use std::{net::SocketAddr, thread, time::Duration};

use shardcast::{
    BroadcastError, CloseReason, Connection, ListenerLimits, OverflowPolicy, PushEveryError, SendError,
    Server, ServerConfig, UnknownListener, proto::Error,
};

use crate::support::{
    End, Event, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, framed, serve, start,
};

/// Recorded from the PushDemo of TarsCpp 3.0.22.
const HEARTBEAT: &str = include_str!("../../../proto/tests/vectors/tars/40_pushdemo_heartbeat.req.hex");
const HEARTBEAT_ANSWER: &str =
    include_str!("../../../proto/tests/vectors/tars/40_pushdemo_heartbeat.rsp.hex");
const PUSH: &str = include_str!("../../../proto/tests/vectors/tars/41_pushdemo_push.hex");

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| {
        u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal digits")
    };
    digits.chunks(2).map(pair).collect()
}

#[test]
fn a_peer_gets_the_bytes_that_were_recorded() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.send(&unhex(HEARTBEAT));
    let answer = peer.read_exactly(17);
    assert_eq!(answer, unhex(HEARTBEAT_ANSWER));

    let push = unhex(PUSH);
    assert_eq!(push.len(), 19);
    assert_eq!(recorder.connection_of(&peer).send(push.clone()), Ok(()));
    assert_eq!(peer.read_exactly(19), push);
    assert_eq!(recorder.connection_of(&peer).push(push.clone()), Ok(()));
    assert_eq!(peer.read_exactly(19), push);
    server.handle().broadcast("push", push.clone()).expect("room");
    assert_eq!(peer.read_exactly(19), push);
}

#[test]
fn two_clients_behind_one_address_are_two_users() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let (mut ann, mut bob) = (Peer::connect(address), Peer::connect(address));
    let (to_ann, to_bob) = (recorder.connection_of(&ann), recorder.connection_of(&bob));
    assert_ne!(to_ann.id(), to_bob.id());
    assert_eq!(to_ann.peer().ip(), to_bob.peer().ip());
    assert_eq!(to_ann.send(frame(0, b"for ann")), Ok(()));
    assert_eq!(to_bob.send(frame(0, b"for bob")), Ok(()));
    assert_eq!(ann.read_frame(), (0, b"for ann".to_vec()));
    assert_eq!(bob.read_frame(), (0, b"for bob".to_vec()));
    server.handle().broadcast("push", frame(0, b"for both")).expect("room");
    assert_eq!(ann.read_frame(), (0, b"for both".to_vec()));
    assert_eq!(bob.read_frame(), (0, b"for both".to_vec()));
    ann.reset();
    assert_eq!(recorder.why_closed(to_ann.id()), CloseReason::Reset);
    bob.echo(7, b"still here");
}

#[test]
fn a_periodic_push_reaches_everybody_until_it_is_stopped() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peers: Vec<_> = (0..8).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || recorder.open().len() == peers.len());
    let push = server.handle().push_every("push", Duration::from_millis(10), "hello world");
    let push = push.expect("the listener exists").wait().expect("the server runs");
    let push = push.expect("there is room for one");
    for peer in &mut peers {
        for _ in 0..5 {
            assert_eq!(peer.read_frame(), (0, b"hello world".to_vec()));
        }
    }
    push.stop();
    // What was pushed before `stop` arrived may still come, then nothing.
    let quiet = |peer: &mut Peer| loop {
        peer.send(&frame(9, b"are you quiet?"));
        let mut pushes = 0;
        while peer.read_frame().0 == 0 {
            pushes += 1;
        }
        if pushes == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(30));
    };
    peers.iter_mut().for_each(quiet);
}

#[test]
fn a_push_to_an_unknown_listener_and_a_push_without_an_interval_are_errors() {
    let (server, _) = serve(config(), &Recorder::default());
    let handle = server.handle();
    let unknown = || UnknownListener("unknown".to_owned());
    let push_every = |name: &str, interval| handle.push_every(name, interval, "lost").err();
    assert_eq!(
        push_every("unknown", Duration::from_secs(1)),
        Some(PushEveryError::UnknownListener(unknown()))
    );
    assert_eq!(push_every("push", Duration::ZERO), Some(PushEveryError::ZeroInterval));
    let broadcast = handle.broadcast("unknown", frame(0, b"lost"));
    assert_eq!(broadcast, Err(BroadcastError::UnknownListener(unknown())));
    let keyed = handle.broadcast_keyed("unknown", 1, frame(0, b"lost"));
    assert_eq!(keyed, Err(BroadcastError::UnknownListener(unknown())));
}

/// A server with one connection, which `end` brings to its end for the reason `why`.
#[track_caller]
fn ends(
    config: ServerConfig,
    why: CloseReason,
    end: impl FnOnce(&mut Peer, &Connection),
) -> (Peer, Recorder) {
    let recorder = Recorder::default();
    let (server, address) = serve(config, &recorder);
    let mut peer = Peer::narrow(address);
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    end(&mut peer, &connection);
    assert_eq!(recorder.why_closed(connection.id()), why);
    assert!(!connection.is_open());
    assert_eq!(connection.send(frame(0, b"late")), Err(SendError::Closed));
    let handle = server.handle();
    eventually(PATIENCE, || Totals::of(&handle).connections() == 0);
    assert_eq!(Totals::of(&handle).closed(why.code()), 1);
    let closed = handle.closed_connections(PATIENCE).list;
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].id, closed[0].closed.map(|(code, _)| code)), (connection.id(), Some(why.code())));
    assert_eq!(recorder.why_closed(connection.id()), why, "and no event came afterwards");
    (peer, recorder)
}

fn idle_after(timeout: Duration) -> ServerConfig {
    config().with(|it| it.listener_limits.idle_timeout = timeout)
}

#[test]
fn a_peer_that_ends_its_side_gets_its_answers_and_is_peer_closed() {
    let (mut peer, _) = ends(config(), CloseReason::PeerClosed, |peer, _| {
        peer.send(&frame(2, b"last words"));
        peer.finish();
    });
    assert_eq!(peer.read_to_end(), (frame(2, b"last words"), End::OfStream));
}

#[test]
fn a_peer_that_resets_is_reset() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.echo(1, b"hello");
    let id = recorder.connection_of(&peer).id();
    peer.reset();
    assert_eq!(recorder.why_closed(id), CloseReason::Reset);
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("reset") == 1);
}

/// A peer connects to the only listener of a server, and sends nothing.
#[track_caller]
fn ends_as_idle(server: &Server, address: SocketAddr, recorder: &Recorder) {
    let mut peer = Peer::connect(address);
    assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("idle") == 1);
    let events = recorder.events();
    let [Event::Connected(id), Event::Closed(closed, why)] = events[..] else { panic!("{events:?}") };
    assert_eq!((closed, why), (id, CloseReason::Idle));
}

#[test]
fn a_silent_peer_is_idle() {
    let recorder = Recorder::default();
    let (server, address) = serve(idle_after(Duration::from_millis(100)), &recorder);
    ends_as_idle(&server, address, &recorder);
}

#[test]
fn a_peer_that_never_ends_a_frame_is_not_waited_for() {
    let config = config().with(|it| it.limits.frame_timeout = Duration::from_millis(200));
    let why = CloseReason::ProtocolError(Error::TimedOut("rest of a frame"));
    let (mut peer, _) = ends(config, why, |peer, _| {
        let begun = frame(7, &[0; 100]);
        // Bytes keep coming, so it is not idle, but the frame takes too long.
        for byte in &begun[..50] {
            if std::io::Write::write_all(&mut peer.0, &[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(peer.read_to_end().0, Vec::<u8>::new());
}

#[test]
fn a_peer_that_speaks_is_not_idle() {
    let recorder = Recorder::default();
    // Much longer than a pause, so that this holds on a busy machine, and shorter than all of them together.
    let (_server, address) = serve(idle_after(Duration::from_secs(2)), &recorder);
    let mut peer = Peer::connect(address);
    // A byte of a frame now and then is enough: bytes count, not packets.
    for byte in frame(5, b"0123456789") {
        peer.send(&[byte]);
        thread::sleep(Duration::from_millis(150));
    }
    assert_eq!(peer.read_frame(), (5, b"0123456789".to_vec()));
}

#[test]
fn a_listener_has_its_own_idle_timeout() {
    let recorder = Recorder::default();
    let limits = ListenerLimits::default().with(|it| it.idle_timeout = Duration::from_millis(50));
    let listener = framed("brief", &recorder).limits(limits);
    let (server, address) = start(config(), listener, "brief");
    ends_as_idle(&server, address, &recorder);
}

#[test]
fn a_peer_that_breaks_the_protocol_is_closed_without_a_message() {
    let why = CloseReason::ProtocolError(Error::FrameTooSmall { len: 3, min: 8 });
    let (mut peer, recorder) = ends(config(), why, |peer, _| {
        peer.send(&[&frame(2, b"good")[..], &[0, 0, 0, 3], &frame(3, b"after it")[..]].concat());
    });
    assert_eq!(peer.read_to_end(), (frame(2, b"good"), End::OfStream));
    let is_read =
        recorder.events().iter().any(|it| matches!(it, Event::Requested(_, body) if body == b"after it"));
    assert!(!is_read, "what follows a malformed frame is never read");
}

#[test]
fn a_peer_whose_outbox_overflows_is_slow() {
    let config = config().with(|it| {
        it.listener_limits.outbox.bytes_max = 64 << 10;
        it.listener_limits.outbox.overflow = OverflowPolicy::Disconnect;
    });
    ends(config, CloseReason::Slow, |_, connection| {
        let push = frame(0, &[7; 8 << 10]);
        eventually(PATIENCE, || connection.send(push.clone()) == Err(SendError::Closed));
    });
}

#[test]
fn a_peer_that_does_not_take_what_waits_for_too_long_is_slow() {
    let config = config().with(|it| {
        it.listener_limits.outbox.age_max = Duration::from_millis(200);
        it.listener_limits.outbox.bytes_max = 64 << 20;
    });
    ends(config, CloseReason::Slow, |_, connection| {
        // More than the kernel's buffers take. It may be too slow before the last one.
        for _ in 0..32 {
            let sent = connection.send(vec![0; 1_000_000]);
            assert!(matches!(sent, Ok(()) | Err(SendError::Closed)), "{sent:?}");
        }
    });
}

#[test]
fn a_connection_that_the_application_closes_is_closed_after_what_was_queued() {
    let (mut peer, _) = ends(config(), CloseReason::Closed, |_, connection| {
        assert_eq!(connection.send(frame(0, b"farewell")), Ok(()));
        let _ = connection.close();
        let _ = connection.close();
    });
    assert_eq!(peer.read_to_end(), (frame(0, b"farewell"), End::OfStream));
}

#[test]
fn a_servant_can_close_within_a_request() {
    let (mut peer, recorder) = ends(config(), CloseReason::Closed, |peer, _| {
        peer.send(&frame(2, b"close"));
    });
    assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    assert_eq!(recorder.events().len(), 4);
}

#[test]
fn a_handler_that_panics_ends_its_connection_as_panic() {
    ends(config(), CloseReason::Panic, |peer, _| peer.send(&frame(2, b"panic")));
}

/// Drains a server with one connection; returns why that closed, and its peer.
fn drained(timeout: Duration) -> (CloseReason, Peer) {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.echo(1, b"hello");
    let id = recorder.connection_of(&peer).id();
    server.drain(timeout).expect("the shards end well");
    (recorder.why_closed(id), peer)
}

#[test]
fn a_drained_server_ends_its_connections_in_order() {
    let (why, mut peer) = drained(PATIENCE);
    assert_eq!(why, CloseReason::Drained);
    assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
}

#[test]
fn a_server_that_stops_at_once_says_so() {
    assert_eq!(drained(Duration::ZERO).0, CloseReason::ShuttingDown);
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let peer = Peer::connect(address);
    let id = recorder.connection_of(&peer).id();
    drop(server);
    assert_eq!(recorder.why_closed(id), CloseReason::ShuttingDown);
}

#[test]
fn a_listener_is_named_by_its_handle_as_well() {
    let recorder = Recorder::default();
    let listener = framed("push", &recorder);
    let id = listener.id();
    let (server, address) = start(config(), listener, "push");
    let handle = server.handle();
    assert_eq!(server.address(id), Ok(address));
    assert_eq!(
        handle.listeners().map(|it| (it.id, it.name, it.address)).collect::<Vec<_>>(),
        [(id, "push", address)]
    );
    let mut peer = Peer::connect(address);
    let _ = recorder.connection_of(&peer);
    handle.broadcast(id, frame(0, b"to all")).expect("room");
    assert_eq!(peer.read_frame(), (0, b"to all".to_vec()));
    assert_eq!(handle.set_listener_limits(id, &ListenerLimits::default()), Ok(()));
    let push = handle.push_every(id, Duration::from_millis(10), "tick").expect("a listener");
    let _push = push.wait().expect("it runs").expect("room");
    assert_eq!(peer.read_frame(), (0, b"tick".to_vec()));
    let stranger = framed("push", &recorder).id();
    assert!(server.address(stranger).is_err(), "of a listener that is not this server's");
}
