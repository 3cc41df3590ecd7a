//! The scenarios, and their common parts.

mod admin;
mod calls;
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
mod visitors;

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
    scenario("churn", "connections that come and go in every way", churn::run),
    scenario("malformed", "invalid bytes, from many at once", malformed::run),
    scenario("calls", "calls of Tars RPC, beside invalid packets", calls::run),
    scenario("silent", "sockets that send nothing, beside one that does", silent::run),
    scenario("order", "many publishers on many topics over all shards", order::run),
    scenario("resume", "a crowd that is cut off and comes back at once", resume::run),
    scenario("membership", "subscribers that come and go during publications", membership::run),
    scenario("slow", "readers that stop, under each policy", slow::run),
    scenario("descriptors", "more connections than descriptors", descriptors::run),
    scenario("log", "a log that cannot be written or is not read", log::run),
    scenario("start", "starts with fewer descriptors than needed", start::run),
    scenario("flood-publish", "publications without pause, beside others", flood::publish),
    scenario("flood-presence", "the same with PRESENCE", flood::presence),
    scenario("flood-subscribe", "the same with subscriptions to everything", flood::subscribe),
    scenario("flood-echo", "the same with requests to the service", flood::echo),
    scenario("flood-ping", "the same with heartbeats", flood::ping),
    scenario("requests", "requests that wait as long as possible, and a reset", requests::run),
    scenario("delayed", "one address delays all it may, beside another", shares::delayed),
    scenario("rate-limited", "the same over the rate limit of a topic", shares::rate_limited),
    scenario("topics", "the same with topics", shares::topics),
    scenario("subscriptions", "the same with subscriptions", shares::subscriptions),
    scenario("address", "the same with connections", shares::connections),
    scenario("prefixes", "many topics, and every prefix of their names", prefixes::run),
    scenario("leave", "many subscriptions that end together", leave::run),
    scenario("once", "a prefix and a topic below it, from a position", once::run),
    scenario("expiry", "publications that expire on their way", expiry::run),
    scenario("conflate", "the last value of every key", conflate::run),
    scenario("assembly", "largest frames without their end, in bounded memory", memory::assembly),
    scenario("large-bodies", "large publications, in bounded memory", memory::bodies),
    scenario("trickle", "requests in pieces of a few bytes", streams::trickle),
    scenario("half-closed", "requests, and the end of the stream at once", streams::half_closed),
    scenario("unread", "requests whose answers are read last", streams::unread),
    scenario("reset", "connections that are reset before they are accepted", reset::run),
    scenario("admin", "slow HTTP clients, and operators", admin::run),
    scenario("reload", "limits that change all the time", reload::run),
    scenario("stuck-log", "a log without room from the start", stuck_log::run),
    scenario("drain", "SIGTERM under load, with clients that never close", drain::run),
    scenario("stop-acknowledged", "SIGTERM between publications and their delivery", stop::acknowledged),
    scenario("stop-mixed", "SIGTERM with peers that never finish", stop::mixed),
];

const fn scenario(
    name: &'static str,
    about: &'static str,
    run: fn(&mut Trial) -> Outcome<String>,
) -> Scenario {
    Scenario { name, about, run }
}

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
