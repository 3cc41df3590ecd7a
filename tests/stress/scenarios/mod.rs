//! The scenarios, and their common parts.

mod admin;
mod churn;
mod conflate;
mod descriptors;
mod drain;
mod expiry;
mod flood;
mod leave;
mod log;
mod malformed;
mod membership;
mod memory;
mod once;
mod order;
mod prefixes;
mod reload;
mod requests;
mod reset;
mod resume;
mod shares;
mod silent;
mod slow;
mod start;
mod stop;
mod streams;
mod stuck_log;

use std::{error::Error, fmt, thread::JoinHandle};

use crate::{
    control::Control,
    random::Random,
    server::{Footprint, Server, Setup},
};

/// One scenario: what it does, and a line of notes on success.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&mut Trial) -> Outcome<String>,
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "churn", about: "connections that come and go in every way", run: churn::run },
    Scenario { name: "malformed", about: "invalid bytes, from many at once", run: malformed::run },
    Scenario { name: "silent", about: "sockets that send nothing, beside one that does", run: silent::run },
    Scenario { name: "order", about: "many publishers on many topics over all shards", run: order::run },
    Scenario { name: "resume", about: "a crowd that is cut off and comes back at once", run: resume::run },
    Scenario {
        name: "membership",
        about: "subscribers that come and go during publications",
        run: membership::run,
    },
    Scenario { name: "slow", about: "readers that stop, under each policy", run: slow::run },
    Scenario { name: "descriptors", about: "more connections than descriptors", run: descriptors::run },
    Scenario { name: "log", about: "a log that cannot be written or is not read", run: log::run },
    Scenario { name: "start", about: "starts with fewer descriptors than needed", run: start::run },
    Scenario {
        name: "flood-publish",
        about: "publications without pause, beside others",
        run: flood::publish,
    },
    Scenario { name: "flood-presence", about: "the same with PRESENCE", run: flood::presence },
    Scenario {
        name: "flood-subscribe",
        about: "the same with subscriptions to everything",
        run: flood::subscribe,
    },
    Scenario { name: "flood-echo", about: "the same with requests to the service", run: flood::echo },
    Scenario { name: "flood-ping", about: "the same with heartbeats", run: flood::ping },
    Scenario {
        name: "requests",
        about: "requests that wait as long as possible, and a reset",
        run: requests::run,
    },
    Scenario {
        name: "delayed",
        about: "one address delays all it may, beside another",
        run: shares::delayed,
    },
    Scenario {
        name: "rate-limited",
        about: "the same over the rate limit of a topic",
        run: shares::rate_limited,
    },
    Scenario { name: "topics", about: "the same with topics", run: shares::topics },
    Scenario { name: "subscriptions", about: "the same with subscriptions", run: shares::subscriptions },
    Scenario { name: "address", about: "the same with connections", run: shares::connections },
    Scenario { name: "prefixes", about: "many topics, and every prefix of their names", run: prefixes::run },
    Scenario { name: "leave", about: "many subscriptions that end together", run: leave::run },
    Scenario { name: "once", about: "a prefix and a topic below it, from a position", run: once::run },
    Scenario { name: "expiry", about: "publications that expire on their way", run: expiry::run },
    Scenario { name: "conflate", about: "the last value of every key", run: conflate::run },
    Scenario {
        name: "assembly",
        about: "largest frames without their end, in bounded memory",
        run: memory::assembly,
    },
    Scenario { name: "large-bodies", about: "large publications, in bounded memory", run: memory::bodies },
    Scenario { name: "trickle", about: "requests in pieces of a few bytes", run: streams::trickle },
    Scenario {
        name: "half-closed",
        about: "requests, and the end of the stream at once",
        run: streams::half_closed,
    },
    Scenario { name: "unread", about: "requests whose answers are read last", run: streams::unread },
    Scenario { name: "reset", about: "connections that are reset before they are accepted", run: reset::run },
    Scenario { name: "admin", about: "slow HTTP clients, and operators", run: admin::run },
    Scenario { name: "reload", about: "limits that change all the time", run: reload::run },
    Scenario { name: "stuck-log", about: "a log without room from the start", run: stuck_log::run },
    Scenario { name: "drain", about: "SIGTERM under load, with clients that never close", run: drain::run },
    Scenario {
        name: "stop-acknowledged",
        about: "SIGTERM between publications and their delivery",
        run: stop::acknowledged,
    },
    Scenario { name: "stop-mixed", about: "SIGTERM with peers that never finish", run: stop::mixed },
];

/// A failed check: expected and observed, in one line.
pub(crate) struct Failure(pub(crate) String);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails with both values if they differ.
pub(crate) fn same<T: PartialEq + fmt::Debug>(what: &str, expected: T, observed: T) -> Outcome<()> {
    if expected == observed {
        return Ok(());
    }
    Err(Failure(format!("{what}: expected {expected:?}, observed {observed:?}")))
}

/// The results of the threads; the first failure if there is one.
pub(crate) fn join_all<T>(threads: Vec<JoinHandle<Outcome<T>>>) -> Outcome<Vec<T>> {
    let join = |thread: JoinHandle<Outcome<T>>| {
        thread.join().unwrap_or_else(|_| Err(Failure("a thread panicked".into())))
    };
    threads.into_iter().map(join).collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scale {
    Full,
    Short,
}

/// One run of one scenario.
pub(crate) struct Trial {
    pub(crate) random: Random,
    scale: Scale,
    server: Option<(Server, Footprint)>,
    control: Option<Control>,
}

impl Trial {
    pub(crate) const fn new(seed: u64, scale: Scale) -> Outcome<Self> {
        Ok(Self { random: Random::new(seed), scale, server: None, control: None })
    }

    /// `full`, or a tenth of it.
    pub(crate) const fn size(&self, full: u32) -> u32 {
        match self.scale {
            Scale::Full => full,
            Scale::Short => full.div_ceil(10),
        }
    }

    /// Starts a server and a control connection to it.
    pub(crate) fn start(&mut self, setup: &Setup) -> Outcome<&mut Server> {
        let server = Server::start(setup)?;
        self.control = Some(Control::start(server.address)?);
        let footprint = server.footprint();
        Ok(&mut self.server.insert((server, footprint)).0)
    }

    /// The server that was started.
    pub(crate) fn server(&self) -> Outcome<&Server> {
        self.server.as_ref().map(|it| &it.0).ok_or_else(|| Failure("no server was started".into()))
    }

    /// Takes the server, which the scenario ends itself: the control connection ends first.
    pub(crate) fn take_server(&mut self) -> Outcome<Server> {
        if let Some(control) = self.control.take() {
            control.end()?;
        }
        self.server.take().map(|it| it.0).ok_or_else(|| Failure("no server was started".into()))
    }

    /// Checks that the server has released everything, and ends it.
    pub(crate) fn conclude(&mut self) -> Outcome<()> {
        if let Some(control) = self.control.take() {
            control.end()?;
        }
        let Some((mut server, before)) = self.server.take() else { return Ok(()) };
        server.eventually(|server| {
            let left = server.metric("shardcast_connections", &[])?;
            Ok((left > 0).then(|| format!("{left} connections are left after all have ended")))
        })?;
        let opened = server.metric("shardcast_connections_opened_total", &[])?;
        let closed = server.metric("shardcast_connections_closed_total", &[])?;
        same("connections opened, and closed", opened, closed)?;
        server.eventually(|server| {
            let now = server.footprint().descriptors;
            // The control connection has ended; those of a page may still be ending.
            Ok((now > before.descriptors)
                .then(|| format!("descriptors: {} before, {now} after", before.descriptors)))
        })?;
        let queued = server.metric("shardcast_queue_bytes", &[])?;
        same("bytes queued without connections", 0, queued)?;
        same("panics", 0, server.metric("shardcast_shard_task_panics_total", &[])?)?;
        // What was freed is returned to the system within some seconds.
        server.eventually(|server| {
            let resident = server.footprint().resident_bytes;
            Ok((resident > before.resident_bytes + RESIDENT_SLACK_BYTES)
                .then(|| format!("memory: {} bytes before, {resident} after", before.resident_bytes)))
        })?;
        server.signal(rustix::process::Signal::TERM);
        let status = server.wait(crate::server::PATIENCE)?;
        same("exit code", Some(0), status.code())
    }
}

/// Memory that pools and the allocator may keep after the busiest moment: buffers of 16 MiB per shard, and slots.
const RESIDENT_SLACK_BYTES: u64 = 96 << 20;
