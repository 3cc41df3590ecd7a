//! The load generator of `shardcast bench`.
//!
//! Open loop by default: the times of sending come from a schedule, and latency counts from the scheduled time,
//! even if the server kept the message from leaving then. So the latency of a server that stalls includes every
//! message that its users would have waited for, not only the few in progress ("coordinated omission"). A closed
//! loop, which waits for responses before it continues, is available on request.
//!
//! Each thread has its own ring, connections, CPU (where there is one) and histograms, which are merged by adding
//! counts. Every payload carries stream, sequence, both times and a
//! checksum; lost, duplicated, late and changed messages are counted.
//!
//! Some loads measure what a message costs a server ([`Load::is_plain`]): closed loops that spend as little as
//! possible on each message themselves. Their frames carry a number and one time, all other bytes are compared,
//! and only latency is recorded.
//!
//! It is deliberately not a client, except for [streams](Load::Stream): it implements as little of a protocol as it needs ([`Framing`](crate::framing::Framing)), and never
//! reconnects.

mod calls;
mod connections;
mod cpu;
mod drive;
mod echo;
mod fanout;
mod idle;
mod live;
mod pause;
pub mod payload;
mod peers;
mod push;
mod recorder;
mod schedule;
mod sequence;
pub(crate) mod shards;
mod stamper;
mod threads;
mod work;

use std::{error::Error, net::SocketAddr, time::Duration};

pub use cpu::{CpuShare, ServerCpu};
pub use pause::Wait;
pub use recorder::{Interval, NANOS_MAX, Recorder, Times, Window};
pub use schedule::{Schedule, Sender};
pub use sequence::Sequence;
pub use threads::{Sockets, Watch, run, run_echo, run_over, run_push, run_seastar, run_tars, run_tcpshm};

/// Why a run has failed, in words for people.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What to run. Plain data.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// What is sent, and where.
    pub load: Load,
    /// Connections, over all threads; at least 1. Calls have one per thread instead.
    pub connections: usize,
    /// Connections besides them that are open and idle. Only an echo, and streams of tcpshm, may have some.
    pub idle: usize,
    /// The most messages in progress: on each connection for an echo, on each topic for pushes. Messages of a round
    /// for a fan-out, and of a batch for a stream of tcpshm; without meaning for calls.
    pub depth: u32,
    /// When messages are sent.
    pub loop_kind: LoopKind,
    /// Bytes of a payload; at least [`payload::PAYLOAD_BYTES_MIN`]. Of a frame for [plain](Load::is_plain) loads; at
    /// least [`FRAME_BYTES_MIN`](crate::frame::FRAME_BYTES_MIN).
    pub size: usize,
    /// Time before measuring begins.
    pub warm_up: Duration,
    /// Time to measure.
    pub time: Duration,
    /// A thread for each, with the CPU that it is pinned to.
    pub threads: Vec<Option<usize>>,
    /// How the threads wait.
    pub wait: Wait,
    /// Whose CPU time is the server's.
    pub server: ServerCpu,
    /// Distinguishes the messages of this run from those of others.
    pub run: u32,
}

/// What is sent, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// Every message returns to the connection that sent it.
    Echo,
    /// Every message is published on a topic and delivered to its subscribers.
    Push {
        /// Topics, at least 1. Each connection is subscribed to one of them; when there are more topics than
        /// connections, each topic has one connection.
        topics: usize,
    },
    /// As [`Echo`](Self::Echo), with plain frames.
    PlainEcho,
    /// One connection sends [`depth`](Plan::depth) messages at once, and every connection receives all of them; then
    /// the next one sends. Has one thread.
    Fanout,
    /// Each thread sends the next message when it has the response to the last one.
    Calls(Caller),
    /// Each connection has a stream, on which messages go as fast as both ends permit.
    Stream(Direction),
}

/// Where the messages of a stream go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the server, which counts them.
    ToServer,
    /// To the client.
    ToClient,
    /// To the server, which returns them on the same stream.
    Both,
}

/// How a thread waits for the response to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caller {
    /// A socket that is polled: the thread never sleeps.
    Polling,
    /// A socket that blocks.
    Blocking,
    /// The blocking call of the client.
    Client {
        /// How long the client polls for the response before it sleeps.
        spin: Duration,
    },
}

impl Load {
    /// Its name, and how many topics it has.
    pub const fn describe(self) -> (&'static str, usize) {
        match self {
            Self::Echo | Self::PlainEcho => ("echo", 0),
            Self::Push { topics } => ("push", topics),
            Self::Fanout => ("fanout", 0),
            Self::Calls(_) => ("calls", 0),
            Self::Stream(Direction::ToServer) => ("stream-to-server", 0),
            Self::Stream(Direction::ToClient) => ("stream-to-client", 0),
            Self::Stream(Direction::Both) => ("stream-both", 0),
        }
    }

    /// Whether it is a closed loop with frames that cost little to make and to check: id and time of sending, no
    /// checksum, and only latency is recorded.
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::PlainEcho | Self::Fanout | Self::Calls(_))
    }

    /// Connections of each thread besides those of the plan: the ones that publish.
    const fn publishers(self) -> usize {
        if matches!(self, Self::Push { .. }) { 1 } else { 0 }
    }
}

/// When messages are sent. Rates are messages per second over all connections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LoopKind {
    /// By a schedule; a message without room waits while its clock runs. No message is left out.
    Open {
        /// Messages per second.
        rate: f64,
    },
    /// The next one when an earlier one has returned, at most at `rate`; messages that are due meanwhile are left
    /// out.
    Closed {
        /// Messages per second; `None` for as many as possible.
        rate: Option<f64>,
    },
    /// As many as possible. On each topic the next ones are published together, when all subscribers have
    /// received the earlier ones. So the server alone decides how many are sent with one write, not chance.
    Bursts,
}

impl LoopKind {
    /// The requested messages per second.
    pub const fn rate(self) -> Option<f64> {
        match self {
            Self::Open { rate } => Some(rate),
            Self::Closed { rate } => rate,
            Self::Bursts => None,
        }
    }

    /// Whether the clock of a message starts when it should have been sent.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// Counts of a run, warm-up included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages sent; for pushes, messages published.
    pub sent: u64,
    /// Messages received, each counted once; for pushes and fan-outs, deliveries.
    pub received: u64,
    /// Messages that were not received within two seconds after the last one.
    pub lost: u64,
    /// Messages that were received again.
    pub duplicated: u64,
    /// Messages that were received after a later one of their stream.
    pub reordered: u64,
    /// Messages with other bytes than were sent, or that were never sent.
    pub corrupt: u64,
    /// Messages that were due in an open loop and could not be sent at all.
    pub unsent: u64,
    /// Messages that were due in a closed loop and were left out.
    pub omitted: u64,
    /// Messages that the server refused with a response.
    pub refused: u64,
    /// Connections that ended early.
    pub disconnected: u64,
}

impl Counts {
    /// All errors of received messages and of connections.
    pub const fn wrong(&self) -> u64 {
        self.duplicated + self.reordered + self.corrupt + self.refused + self.disconnected
    }

    /// Adds the receipts of one stream, on which `sent` messages were sent.
    fn add_sequence(&mut self, sequence: &Sequence, sent: u64) {
        self.lost += sequence.lost(sent);
        self.duplicated += sequence.duplicated();
        self.reordered += sequence.reordered();
    }

    fn add(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.sent, other.sent),
            (&mut self.received, other.received),
            (&mut self.lost, other.lost),
            (&mut self.duplicated, other.duplicated),
            (&mut self.reordered, other.reordered),
            (&mut self.corrupt, other.corrupt),
            (&mut self.unsent, other.unsent),
            (&mut self.omitted, other.omitted),
            (&mut self.refused, other.refused),
            (&mut self.disconnected, other.disconnected),
        ] {
            *ours += theirs;
        }
    }
}

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The time since the first message was due.
    pub elapsed: Duration,
    /// Warm-up and measured time.
    pub total: Duration,
    /// Messages received so far.
    pub received: u64,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The histograms of all threads.
    pub recorder: Recorder,
    /// The measured time.
    pub window: Window,
    /// The counts of all threads.
    pub counts: Counts,
    /// CPU time, for each interval.
    pub cpu: Vec<CpuShare>,
    /// Part of the measured time in which the busiest thread had work.
    pub generator_busy: f64,
}

impl Measured {
    /// The measured time in seconds.
    pub fn seconds(&self) -> f64 {
        (self.window.end - self.window.begin) as f64 / 1e9
    }

    /// Messages received in the measured time.
    pub fn received(&self) -> u64 {
        self.recorder.intervals.iter().map(|it| it.received).sum()
    }

    /// CPU time in the measured time.
    pub fn cpu_share(&self) -> CpuShare {
        let mean =
            |of: fn(&CpuShare) -> f64| self.cpu.iter().map(of).sum::<f64>() / self.cpu.len().max(1) as f64;
        CpuShare { server: mean(|it| it.server), generator: mean(|it| it.generator) }
    }

    /// CPU time of the server for each message received, in microseconds; 0 without any.
    pub fn server_us_per_message(&self) -> f64 {
        self.cpu_share().server * self.seconds() * 1e6 / self.received().max(1) as f64
    }
}
