//! Two peers over faulty links, whose processes crash. A seed determines a run: numbered messages go both ways while
//! connections break in the middle of a message, either process ends and starts again with its files, and applications fail
//! to consume. In the end every message was consumed once, in order.

use std::{collections::VecDeque, time::Duration};

use shardcast_proto::{
    Time,
    tcpshm::{Geometry, Peer, TableConfig, Unconsumed},
};

use super::{
    ends::{ClientCell, End, START, Server, client, connect},
    memory::{Disk, Image, name},
};

#[test]
fn every_message_is_consumed_once_and_in_order_whatever_breaks() {
    let mut sum = Sum::default();
    for seed in 0..SEEDS {
        let run = World::run(seed);
        sum.consumed += run.to_server.next + run.to_client.next;
        sum.crashes += run.crashes;
        sum.breaks += run.breaks;
        sum.failures += run.failures;
    }
    // The runs are worth something.
    let Sum { consumed, crashes, breaks, failures } = sum;
    assert!(consumed > 10 * SEEDS && crashes > SEEDS && breaks > SEEDS && failures > SEEDS, "{sum:?}");
}

#[derive(Debug, Default)]
struct Sum {
    consumed: u64,
    crashes: u64,
    breaks: u64,
    failures: u64,
}

/// Messages in one direction.
#[derive(Default)]
struct Flow {
    sent: u64,
    /// The number that is consumed next.
    next: u64,
}

struct World {
    seed: u64,
    random: u64,
    now: Time,
    server_disk: Disk,
    client_disk: Disk,
    server: Server,
    client: ClientCell,
    line: Option<Line>,
    to_server: Flow,
    to_client: Flow,
    crashes: u64,
    breaks: u64,
    failures: u64,
}

/// A connection: both ends, and the bytes on the way.
struct Line {
    accepted: End<'static>,
    connected: End<'static>,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
}

impl World {
    fn run(seed: u64) -> Self {
        let (server_disk, client_disk) = (Disk::default(), Disk::default());
        let server = Server::new(&server_disk, TableConfig::default());
        let client = client(&client_disk, Geometry::default());
        let mut world = Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: START,
            server_disk,
            client_disk,
            server,
            client,
            line: None,
            to_server: Flow::default(),
            to_client: Flow::default(),
            crashes: 0,
            breaks: 0,
            failures: 0,
        };
        for _ in 0..STEPS {
            world.step();
        }
        world.finish();
        world
    }

    fn step(&mut self) {
        match self.below(24) {
            0..6 => self.send(),
            6..16 => self.carry(),
            16..19 => self.wait(),
            19 | 20 => self.connect(),
            21 => self.cut(),
            22 => {
                self.line = None;
                self.server = Server::new(&self.server_disk, TableConfig::default());
                self.crashes += 1;
            }
            _ => {
                self.line = None;
                self.client = client(&self.client_disk, Geometry::default());
                self.crashes += 1;
            }
        }
    }

    /// Without further faults, everything arrives.
    fn finish(&mut self) {
        for _ in 0..1000 {
            if self.line.is_none() {
                self.connect();
            }
            self.carry_all();
            self.let_time_pass(false);
            if self.to_server.next == self.to_server.sent
                && self.to_client.next == self.to_client.sent
                && self.is_empty()
            {
                return;
            }
        }
        panic!(
            "seed {}: {} of {} and {} of {} were consumed",
            self.seed, self.to_server.next, self.to_server.sent, self.to_client.next, self.to_client.sent
        );
    }

    /// Whether neither end keeps anything.
    fn is_empty(&self) -> bool {
        let kept = self.client.borrow().peer().map_or(0, |peer| peer.journal().messages_held());
        let entry = self.server.table.get(&name("client"));
        kept + entry.map_or(0, |entry| entry.peer().borrow().journal().messages_held()) == 0
    }

    fn send(&mut self) {
        let len = [0, 3, 8, 60, 2000][self.below(5) as usize];
        if self.below(2) == 0 {
            let mut client = self.client.borrow_mut();
            let Some(peer) = client.peer_mut() else { return };
            self.to_server.sent += u64::from(peer.send(1, &numbered(self.to_server.sent, len)).is_ok());
        } else if let Some(entry) = self.server.table.get(&name("client")) {
            let sent = entry.peer().borrow_mut().send(1, &numbered(self.to_client.sent, len));
            self.to_client.sent += u64::from(sent.is_ok());
        }
    }

    fn connect(&mut self) {
        if self.line.is_none() {
            self.line = Some(Line {
                accepted: self.server.accept(self.now),
                connected: connect(&self.client, self.now),
                to_server: VecDeque::new(),
                to_client: VecDeque::new(),
            });
        }
    }

    fn cut(&mut self) {
        self.breaks += u64::from(self.line.take().is_some());
    }

    /// Moves what both ends send, and a part of what is on the way.
    fn carry(&mut self) {
        let (to_server, to_client) = (self.below(5000), self.below(5000));
        // A crash of the application while it has a message is a failure to consume.
        let fails = self.below(8) == 0;
        self.carry_part(to_server as usize, to_client as usize, fails);
    }

    fn carry_all(&mut self) {
        self.carry_part(usize::MAX, usize::MAX, false);
    }

    fn carry_part(&mut self, to_server: usize, to_client: usize, fails: bool) {
        let now = self.now;
        let Some(mut line) = self.line.take() else { return };
        line.to_server.extend(line.connected.transmit());
        line.to_client.extend(line.accepted.transmit());
        let bytes: Vec<u8> = line.to_server.drain(..to_server.min(line.to_server.len())).collect();
        let mut failures = 0;
        let (server, flow) = (&self.server, &mut self.to_server);
        line.accepted.receive(&bytes, now, |sequence, message_type, body| {
            let peer = server.peer("client");
            let failed = take(&mut peer.borrow_mut(), flow, fails, (sequence, message_type, body), now);
            failures += u64::from(failed);
        });
        let bytes: Vec<u8> = line.to_client.drain(..to_client.min(line.to_client.len())).collect();
        let (client, flow) = (&self.client, &mut self.to_client);
        line.connected.receive(&bytes, now, |sequence, message_type, body| {
            let mut client = client.borrow_mut();
            let peer = client.peer_mut().expect("it has logged in");
            failures += u64::from(take(peer, flow, fails, (sequence, message_type, body), now));
        });
        self.failures += failures;
        let seed = self.seed;
        assert_eq!((line.accepted.error, line.connected.error), (None, None), "seed {seed}");
        self.line = Some(line);
    }

    /// Lets time pass: acknowledgements, heartbeats, and messages that come again.
    fn wait(&mut self) {
        let fails = self.below(4) == 0;
        self.let_time_pass(fails);
    }

    fn let_time_pass(&mut self, fails: bool) {
        self.now = self.now + Duration::from_millis(1 + self.below(400));
        let now = self.now;
        let mut failures = 0;
        let Some(mut line) = self.line.take() else { return };
        if !(line.accepted.wait(now) && line.connected.wait(now)) {
            // It was silent for too long.
            self.breaks += 1;
            return;
        }
        let (server, flow) = (&self.server, &mut self.to_server);
        line.accepted.poll(|sequence, message_type, body| {
            let peer = server.peer("client");
            let failed = take(&mut peer.borrow_mut(), flow, fails, (sequence, message_type, body), now);
            failures += u64::from(failed);
        });
        let (client, flow) = (&self.client, &mut self.to_client);
        line.connected.poll(|sequence, message_type, body| {
            let mut client = client.borrow_mut();
            let peer = client.peer_mut().expect("it has logged in");
            failures += u64::from(take(peer, flow, fails, (sequence, message_type, body), now));
        });
        self.failures += failures;
        self.line = Some(line);
    }

    /// Xorshift.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }
}

/// The application: it consumes a message, which must be the next one, or fails. Returns whether it has failed.
fn take(peer: &mut Peer<Image>, flow: &mut Flow, fails: bool, message: (u64, u16, &[u8]), now: Time) -> bool {
    let (sequence, message_type, body) = message;
    if fails {
        peer.keep(message_type, body, Unconsumed::Failed, now);
        return true;
    }
    assert_eq!(body, numbered(flow.next, body.len() - 8), "each message once, and in order");
    flow.next += 1;
    peer.pop(sequence).expect("it is in front");
    false
}

fn numbered(number: u64, len: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(8 + len, number as u8);
    body
}

const SEEDS: u64 = 2000;
const STEPS: u32 = 150;
