//! The load generator behind `shardcast bench`.
//!
//! Open loop by default: the times of sending come from a schedule, and latency counts from the time that the
//! schedule said, whether or not the server kept the message from leaving then. So a server that stalls is
//! charged for every message that its users would have waited for, not only for the few on the way
//! ("coordinated omission"). A closed loop, which waits for answers before it goes on, is there on request.
//!
//! Each thread has a ring and connections of its own, a CPU of its own where there is one, and histograms of
//! its own, which are merged by adding counts. Every payload carries stream, sequence, both times and a
//! checksum; what is lost, doubled, late or changed is counted.
//!
//! What it deliberately is not: a client. It speaks as little of the protocol as it needs, and never
//! reconnects.

mod cpu;
mod drive;
mod echo;
mod live;
mod pause;
pub mod payload;
mod push;
mod recorder;
mod schedule;
mod sequence;
mod threads;

use std::{error::Error, net::SocketAddr, time::Duration};

pub use cpu::{CpuShare, ServerCpu};
pub use pause::Wait;
pub use recorder::{Interval, NANOS_MAX, Recorder, Window};
pub use schedule::Schedule;
pub use sequence::Sequence;
pub use threads::{Sockets, run, run_over};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What to run. Plain data.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// What is sent where.
    pub load: Load,
    /// Connections, over all threads; at least 1.
    pub connections: usize,
    /// Messages on the way at most: on each connection for an echo, on each topic for pushes.
    pub depth: u32,
    /// When messages are sent.
    pub pace: Pace,
    /// Bytes of a payload; at least [`payload::PAYLOAD_BYTES_MIN`].
    pub size: usize,
    /// Time before measuring begins.
    pub warm_up: Duration,
    /// Time to measure.
    pub time: Duration,
    /// A thread for each, with the CPU that it is pinned to.
    pub threads: Vec<Option<usize>>,
    /// How they wait.
    pub wait: Wait,
    /// Whose CPU time is the server's.
    pub server: ServerCpu,
    /// Tells the messages of this run from those of others.
    pub run: u32,
}

/// What is sent where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// Every message comes back to the connection that sent it.
    Echo,
    /// Every message is published on a topic and comes to its subscribers.
    Push {
        /// Topics, at least 1. Each connection is subscribed to one of them; when there are more topics than
        /// connections, each topic has one connection.
        topics: usize,
    },
}

impl Load {
    /// Its name, and how many topics it has.
    pub const fn describe(self) -> (&'static str, usize) {
        match self {
            Self::Echo => ("echo", 0),
            Self::Push { topics } => ("push", topics),
        }
    }
}

/// When messages are sent. Rates are messages a second over all connections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// By a schedule; what finds no room waits, and the clock runs. Nothing is left out.
    Open {
        /// Messages a second.
        rate: f64,
    },
    /// The next one when an earlier one has come back, at most at `rate`; what the schedule wanted meanwhile
    /// is left out.
    Closed {
        /// Messages a second; `None` is as many as come back.
        rate: Option<f64>,
    },
    /// As many as come back. Of a topic the next ones are published together, when all subscribers have got the
    /// earlier ones: what is sent with one write is then the server's doing only, not that of the moment.
    Bursts,
}

impl Pace {
    /// Messages a second that are asked for.
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

/// What was counted, warm-up included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages sent; for pushes, messages published.
    pub sent: u64,
    /// Messages that came, each counted once; for pushes, deliveries.
    pub received: u64,
    /// Messages that did not come within two seconds after the last that came.
    pub lost: u64,
    /// Messages that came again.
    pub duplicated: u64,
    /// Messages that came after a later one of their stream.
    pub reordered: u64,
    /// Messages whose bytes were not those that were sent, or that were never sent.
    pub corrupt: u64,
    /// Messages that the schedule of an open loop wanted and that could not be sent at all.
    pub unsent: u64,
    /// Messages that the schedule of a closed loop wanted and that were left out.
    pub omitted: u64,
    /// Messages that the server refused, and said so.
    pub refused: u64,
    /// Connections that ended early.
    pub disconnected: u64,
}

impl Counts {
    /// Adds what came of one stream, of which so many were sent.
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

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Since the first message was due.
    pub elapsed: Duration,
    /// Warm-up and measured time.
    pub total: Duration,
    /// Messages received so far.
    pub received: u64,
}

/// What a run measured.
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
    /// Part of the measured time in which the busiest thread had something to do.
    pub generator_busy: f64,
}
