//! Protocols that demand a first exchange: until it is complete, a connection is unidentified.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast::{
    CloseReason, Connection, Listener, Reply, Request, Server, ServerConfig, ServerLimits, Service,
    ShardCount,
    proto::{Command, Error, Event, Home, Opening, Progress, Protocol, Session, Sniff, Time},
    tars::{Framed, FramedService},
};

use crate::support::{End, Line, PATIENCE, Peer, Recorder, Totals, WhoAmI, config, eventually, frame, start};

/// Lines after a login: a peer begins with [`LOGIN`], and the session welcomes it.
struct Login {
    timeout: Option<Duration>,
}

impl Protocol for Login {
    fn name(&self) -> &'static str {
        "login"
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match prefix.first() {
            None => Sniff::NeedBytes(1),
            Some(b'L') => Sniff::Match(Home::AnyShard),
            Some(_) => Sniff::Refuse,
        }
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        let lines = Line.accept(opening);
        Box::new(LoginSession { lines, timeout: self.timeout, is_established: false, welcomes: false })
    }
}

struct LoginSession {
    lines: Box<dyn Session>,
    timeout: Option<Duration>,
    is_established: bool,
    welcomes: bool,
}

impl Session for LoginSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        if self.is_established {
            return self.lines.handle_input(input, now);
        }
        let len = input.len().min(LOGIN.len());
        if input[..len] != LOGIN[..len] {
            return Err(Error::Malformed("login"));
        }
        if len < LOGIN.len() {
            return Ok(Progress::NEED_MORE);
        }
        (self.is_established, self.welcomes) = (true, true);
        Ok(Progress::silent(len).and_more())
    }

    fn handle_command<'c>(
        &mut self,
        it: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        assert!(self.is_established, "the application does not know the connection: {it:?}");
        self.lines.handle_command(it, out, now)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.welcomes) {
            out.extend_from_slice(WELCOME);
        }
        self.lines.poll_transmit(out);
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.lines.poll_event()
    }

    fn is_established(&self) -> bool {
        self.is_established
    }

    fn establish_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

const LOGIN: &[u8] = b"LOGIN\n";
const WELCOME: &[u8] = b"welcome\n";

/// Answers as [`WhoAmI`], and counts the connections that it got to know, and those of them that ended.
#[derive(Clone, Default)]
struct Counting {
    opened: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Counting {
    fn counts(&self) -> (usize, usize) {
        (self.opened.load(Ordering::Relaxed), self.closed.load(Ordering::Relaxed))
    }
}

impl Service for Counting {
    fn opened(&self, _connection: &Connection) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        WhoAmI.request(connection, request, reply);
    }

    fn closed(&self, _connection: &Connection, _why: CloseReason) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

fn serve(limits: ServerLimits, timeout: Option<Duration>) -> (Server, SocketAddr, Counting) {
    let counting = Counting::default();
    let service = counting.clone();
    let listener =
        Listener::new("login", "127.0.0.1:0").protocol(Login { timeout }, move |_| service.clone());
    let (server, address) = start(one_shard(limits), listener, "login");
    (server, address, counting)
}

fn one_shard(limits: ServerLimits) -> ServerConfig {
    config().with(|it| (it.shards, it.limits) = (ShardCount::Exactly(1), limits))
}

/// The time to identify itself does not end in these tests.
fn patient() -> ServerLimits {
    ServerLimits::default().with(|it| it.identify_timeout = Duration::from_secs(600))
}

#[test]
fn the_application_knows_a_connection_only_after_its_first_exchange() {
    let (server, address, counting) = serve(patient(), None);
    let handle = server.handle();
    let unidentified = || Totals::of(&handle).listeners(|it| it.unidentified);
    let mut peer = Peer::connect(address);
    peer.send(&LOGIN[..3]);
    eventually(PATIENCE, || Totals::of(&handle).listeners(|it| it.received_bytes) == 3);
    assert_eq!((counting.counts(), unidentified()), ((0, 0), 1));
    handle.broadcast("login", &b"not for it"[..]).expect("room");
    // The rest of the exchange and the first request in one segment.
    peer.send(&[&LOGIN[3..], b"hello\n"].concat());
    let answer = [WELCOME, b"0 hello\n"].concat();
    assert_eq!(peer.read_exactly(answer.len()), answer);
    assert_eq!((counting.counts(), unidentified()), ((1, 0), 0));
    handle.broadcast("login", &b"for it"[..]).expect("room");
    assert_eq!(peer.read_exactly(7), b"for it\n");
    drop(peer);
    eventually(PATIENCE, || counting.counts() == (1, 1));

    let mut unfinished = Peer::connect(address);
    unfinished.send(&LOGIN[..3]);
    unfinished.finish();
    assert_eq!(unfinished.read_to_end(), (Vec::new(), End::OfStream));
    eventually(PATIENCE, || Totals::of(&handle).connections() == 0);
    assert_eq!((counting.counts(), unidentified()), ((1, 1), 0), "the service never knew it");
}

#[test]
fn a_first_exchange_takes_the_time_of_its_protocol_at_most() {
    // Long enough to send something before.
    let brief = Duration::from_secs(1);
    let short = ServerLimits::default().with(|it| it.identify_timeout = brief);
    for (limits, timeout) in [(patient(), Some(brief)), (short, None)] {
        let (server, address, counting) = serve(limits, timeout);
        let mut peer = Peer::connect(address);
        peer.send(&LOGIN[..3]);
        assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
        eventually(PATIENCE, || Totals::of(&server.handle()).closed("unidentified") == 1);
        assert_eq!(counting.counts(), (0, 0));
    }
}

#[test]
fn one_address_does_not_push_out_the_exchanges_of_others() {
    let limits = patient().with(|it| it.unidentified_max = 8);
    let (server, address, _) = serve(limits, None);
    let handle = server.handle();
    let from = |last: u8| {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        Peer::connect_from(Some(ip), None, address).expect("the server accepts")
    };
    let mut honest = [from(2), from(3), from(3)];
    honest.iter_mut().for_each(|peer| peer.send(&LOGIN[..3]));
    let mut greedy: Vec<_> = (0..100).map(|_| from(1)).collect();
    for peer in &mut greedy {
        // Those that were closed already refuse it.
        let _ = std::io::Write::write_all(&mut peer.0, &LOGIN[..3]);
    }
    eventually(PATIENCE, || {
        let totals = Totals::of(&handle);
        totals.closed("unidentified") + totals.closed("reset") == 95 && totals.connections() == 8
    });
    assert_eq!(Totals::of(&handle).rejected("unidentified-max"), 95);
    for peer in &mut honest {
        peer.send(&LOGIN[3..]);
        assert_eq!(peer.read_exactly(WELCOME.len()), WELCOME);
    }
}

#[test]
fn a_silent_peer_belongs_to_the_protocol_that_needs_no_byte() {
    let recorder = Recorder::default();
    let servant = recorder.clone();
    let listener = Listener::new("both", "127.0.0.1:0")
        .protocol(Line, |_| WhoAmI)
        .protocol(Framed::default(), move |_| FramedService(servant.clone()));
    let (server, address) = start(one_shard(patient()), listener, "both");
    let (mut silent, mut undecided) = (Peer::connect(address), Peer::connect(address));
    undecided.send(b"@");
    eventually(PATIENCE, || Totals::of(&server.handle()).listeners(|it| it.received_bytes) == 1);
    let limits = ServerLimits::default().with(|it| it.identify_timeout = Duration::from_millis(1));
    assert_eq!(server.handle().set_limits(&limits), Ok(()));
    assert_eq!(undecided.read_to_end(), (Vec::new(), End::OfStream), "its bytes fit the first one only");
    eventually(PATIENCE, || Totals::of(&server.handle()).listeners(|it| it.unidentified) == 0);
    server.handle().broadcast("both", frame(0, b"news")).expect("room");
    assert_eq!(silent.read_frame(), (0, b"news".to_vec()));
    silent.echo(1, b"still a subscriber");
}
