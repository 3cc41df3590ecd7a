//! Bounds on connections: counted, and lifted again as soon as there is room.

use std::{
    io,
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Stdio,
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use shardcast::{CloseReason, Listener, ServerConfig, ServerLimits, ShardCount};

use crate::support::{
    Control, End, Line, PATIENCE, Peer, Recorder, Totals, WhoAmI, child, config, eventually, frame, framed,
    is_child, serve, start,
};

fn limited(limits: ServerLimits) -> ServerConfig {
    config().with(|it| it.limits = limits)
}

/// Whether a new peer is admitted and answered.
fn is_served(peer: &mut Peer) -> bool {
    peer.0.write_all(&frame(1, b"let me in")).is_ok()
        && peer.try_read_frame().is_ok_and(|frame| frame == (1, b"let me in".to_vec()))
}

/// Whether a new connection is served. A refusal may come before `connect` has returned.
fn is_let_in(peer: io::Result<Peer>) -> bool {
    peer.is_ok_and(|mut peer| is_served(&mut peer))
}

#[test]
fn connections_over_the_bound_are_refused_until_one_ends() {
    let recorder = Recorder::default();
    let (server, address) =
        serve(limited(ServerLimits::default().with(|it| it.connections_max = 8)), &recorder);
    let handle = server.handle();
    let mut inside: Vec<_> = (0..8).map(|_| Peer::connect(address)).collect();
    inside.iter_mut().for_each(|peer| assert!(is_served(peer)));
    for count in 1..=20 {
        assert!(!is_let_in(Peer::connect_from(None, None, address)));
        eventually(PATIENCE, || Totals::of(&handle).rejected("connections-max") == count);
    }
    inside.pop();
    eventually(PATIENCE, || is_let_in(Peer::connect_from(None, None, address)));
    inside.iter_mut().for_each(|peer| peer.echo(2, b"still here"));
    assert!(recorder.events().iter().all(|event| !matches!(event, crate::support::Event::Closed(_, why) if *why != CloseReason::PeerClosed && *why != CloseReason::Reset)));
}

#[test]
fn one_address_may_not_take_all_places() {
    let recorder = Recorder::default();
    let limits = ServerLimits::default().with(|it| it.connections_per_ip_max = 3);
    let (server, address) = serve(limited(limits), &recorder);
    let handle = server.handle();
    let from = |last: u8| {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        // The whole of 127.0.0.0/8 is this host.
        Peer::connect_from(Some(ip), None, address)
    };
    let mut greedy: Vec<_> = (0..3).map(|_| from(1).expect("there is room")).collect();
    greedy.iter_mut().for_each(|peer| assert!(is_served(peer)));
    assert!(!is_let_in(from(1)));
    assert!(is_let_in(from(2)), "another address has places of its own");
    eventually(PATIENCE, || Totals::of(&handle).rejected("per-ip-max") >= 1);
    greedy.pop().expect("three of them").reset();
    eventually(PATIENCE, || is_let_in(from(1)));
}

#[test]
fn a_listener_admits_whom_it_permits_up_to_its_own_bound() {
    let recorder = Recorder::default();
    let even = |peer: SocketAddr| matches!(peer.ip(), IpAddr::V4(address) if address.octets()[3] % 2 == 0);
    let few = framed("few", &recorder).admit(even).connections_max(3);
    let (server, address) = start(config(), few, "few");
    let handle = server.handle();
    let from = |last: u8| Peer::connect_from(Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))), None, address);
    assert!(!is_let_in(from(1)) && !is_let_in(from(3)));
    eventually(PATIENCE, || Totals::of(&handle).rejected("denied") == 2);
    let mut peers: Vec<_> = (0..3).map(|_| from(2).expect("there is room")).collect();
    peers.iter_mut().for_each(|peer| assert!(is_served(peer)));
    assert!(!is_let_in(from(4)));
    eventually(PATIENCE, || Totals::of(&handle).rejected("listener-max") == 1);
    peers.pop().expect("three of them").reset();
    eventually(PATIENCE, || is_let_in(from(4)));
}

#[test]
fn connections_that_are_reset_before_they_are_accepted_are_counted() {
    let config = config().with(|it| it.shards = ShardCount::Exactly(1));
    let (server, address) = serve(config, &Recorder::default());
    let handle = server.handle();
    let (release, released) = flume::bounded::<()>(1);
    let (begin, began) = flume::bounded(1);
    let blocked = handle.run_on(0, move || {
        let _ = begin.send(());
        let _ = released.recv();
    });
    blocked.expect("room");
    began.recv().expect("the shard runs");
    for _ in 0..10 {
        Peer::connect(address).reset();
    }
    release.send(()).expect("it waits");
    eventually(PATIENCE, || Totals::of(&handle).rejected("reset") == 10);
    assert_eq!(Totals::of(&handle).listeners(|it| it.opened), 0);
    Peer::connect(address).echo(1, b"hello");
}

/// A server whose peers must send something first, and a witness that did.
fn lines(limits: ServerLimits) -> (shardcast::Server, SocketAddr) {
    let listener = Listener::new("lines", "127.0.0.1:0").protocol(Line, |_| WhoAmI);
    start(limited(limits), listener, "lines")
}

fn ask(peer: &mut Peer, line: &str) {
    peer.send(format!("{line}\n").as_bytes());
    let answer = peer.read_exactly(line.len() + 3);
    assert_eq!(&answer[2..], format!("{line}\n").as_bytes());
}

#[test]
fn the_oldest_silent_connections_make_room() {
    let identify_timeout = Duration::from_secs(600);
    let limits = ServerLimits::default().with(|it| {
        it.unidentified_max = 8;
        it.identify_timeout = identify_timeout;
    });
    let (server, address) = lines(limits);
    let handle = server.handle();
    let mut honest = Peer::connect(address);
    ask(&mut honest, "hello");
    let mut silent: Vec<_> = (0..100).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || {
        let totals = Totals::of(&handle);
        totals.closed("unidentified") >= 92 && totals.listeners(|it| it.unidentified) <= 8
    });
    assert_eq!(Totals::of(&handle).rejected("unidentified-max"), Totals::of(&handle).closed("unidentified"));
    assert_eq!(silent[0].read_to_end(), (Vec::new(), End::OfStream), "the oldest was closed in order");
    ask(&mut honest, "still here");
    ask(silent.last_mut().expect("a hundred"), "the youngest may speak");
}

#[test]
fn connections_that_have_spoken_take_no_place_of_the_silent() {
    let identify_timeout = Duration::from_secs(600);
    let limits = ServerLimits::default().with(|it| {
        it.unidentified_max = 40;
        it.identify_timeout = identify_timeout;
    });
    let (server, address) = lines(limits);
    let mut silent: Vec<_> = (0..10).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 10);
    // Never more than a few silent ones at once, but many in sequence, while a silent one of each shard keeps those
    // after it in the queue.
    let mut spoken = Vec::new();
    for _ in 0..100 {
        let mut peer = Peer::connect(address);
        ask(&mut peer, "hello");
        spoken.push(peer);
    }
    assert_eq!(Totals::of(&server.handle()).rejected("unidentified-max"), 0);
    silent.iter_mut().for_each(|peer| ask(peer, "at last"));
}

#[test]
fn who_says_nothing_for_too_long_is_unidentified() {
    let after = |time| ServerLimits::default().with(|it| it.identify_timeout = time);
    let (server, address) = lines(after(Duration::from_secs(600)));
    let handle = server.handle();
    let mut stranger = Peer::connect(address);
    stranger.send(b"\0\0\0\x08");
    assert_eq!(stranger.read_to_end(), (Vec::new(), End::OfStream));
    eventually(PATIENCE, || Totals::of(&handle).decode_errors("unrecognised") == 1);
    let mut undecided = Peer::connect(address);
    undecided.send(b"@");
    eventually(PATIENCE, || Totals::of(&handle).listeners(|it| it.received_bytes) == 5);
    assert_eq!(handle.set_limits(&after(Duration::from_millis(100))), Ok(()));
    let mut silent = Peer::connect(address);
    assert_eq!(silent.read_to_end(), (Vec::new(), End::OfStream));
    assert_eq!(undecided.read_to_end(), (Vec::new(), End::OfStream));
    eventually(PATIENCE, || Totals::of(&handle).closed("unidentified") == 2);
}

/// Descriptors of the server of the next test.
const FEW: u64 = 100;

#[test]
#[ignore = "the other process of the test below; run with `cargo nextest run -p shardcast -E 'test(accepting_goes_on)'`"]
fn a_server_with_few_descriptors() {
    if !is_child("limits::a_server_with_few_descriptors") {
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(FEW), maximum: Some(FEW) }).expect("fewer");
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    println!("\nserver {address}");
    // Each line asks how often a descriptor was missing; the end of input ends the server.
    for _ in std::io::stdin().lines() {
        println!("server {}", Totals::of(&server.handle()).rejected("descriptors"));
    }
    server.drain(PATIENCE).expect("the shards end well");
}

#[test]
fn accepting_goes_on_after_descriptors_ran_out() {
    let mut server = child("limits::a_server_with_few_descriptors");
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this binary");
    let mut questions = server.stdin.take().expect("piped");
    let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let mut answer = move || {
        let mut lines = lines.by_ref().map(|line| line.expect("text"));
        let line = lines.find(|line| line.starts_with("server ")).expect("the server answers");
        line["server ".len()..].to_owned()
    };
    let address: SocketAddr = answer().parse().expect("an address");

    let mut peers: Vec<_> = (0..2 * FEW).map(|_| Peer::connect(address)).collect();
    for peer in &mut peers {
        peer.send(&frame(1, b"let me in"));
    }
    eventually(PATIENCE, || {
        writeln!(questions, "descriptors?").expect("the server listens");
        answer().parse::<u64>().expect("a number") > 0
    });
    // Admitted peers are served while the others wait in the system's queue.
    eventually(PATIENCE, || peers.iter().any(has_answer));
    let (mut inside, mut outside): (Vec<_>, Vec<_>) = peers.into_iter().partition(has_answer);
    assert!(!outside.is_empty(), "all came in");
    inside.iter_mut().for_each(Peer::expect_entry);
    inside[0].echo(2, b"still here");
    while !outside.is_empty() {
        // As descriptors become free, the next peers are admitted, until all were.
        inside.drain(..inside.len().min(10)).for_each(Peer::reset);
        let mut entered = Vec::new();
        eventually(PATIENCE, || {
            entered.extend(outside.extract_if(.., |peer| has_answer(peer)));
            !entered.is_empty()
        });
        entered.iter_mut().for_each(Peer::expect_entry);
        inside.append(&mut entered);
    }
    drop(questions);
    assert!(server.wait().expect("our child").success());
}

/// Whether a response has come by now.
fn has_answer(peer: &Peer) -> bool {
    peer.0.set_nonblocking(true).expect("a socket");
    let has = peer.0.peek(&mut [0]).is_ok_and(|len| len > 0);
    peer.0.set_nonblocking(false).expect("a socket");
    has
}

impl Peer {
    fn expect_entry(&mut self) {
        assert_eq!(self.read_frame(), (1, b"let me in".to_vec()));
    }
}

#[test]
fn a_flood_over_the_bound_disturbs_no_open_connection() {
    let recorder = Recorder::without_requests();
    let (server, address) =
        serve(limited(ServerLimits::default().with(|it| it.connections_max = 16)), &recorder);
    let control = Control::start(address);
    let threads: Vec<_> = (0..2)
        .map(|_| thread::spawn(move || (0..500).for_each(|_| drop(Peer::connect_from(None, None, address)))))
        .collect();
    control.is_served();
    threads.into_iter().for_each(|thread| thread.join().expect("connecting never fails"));
    control.noticed_nothing();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
}
