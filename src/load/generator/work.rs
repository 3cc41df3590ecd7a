//! What the threads of a run do, from their connections to their results. A run chooses it once, so that the code for a
//! message is compiled for its protocol.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    thread,
    time::Duration,
};

use shardcast::proto::topics::Wire;
use shardcast_os::ring::RingConfig;

use super::{
    Caller, Counts, Plan, Recorder, Result,
    calls::Calls,
    connections::Connections,
    drive::{Timing, drive},
    echo::Echo,
    fanout::Fanout,
    live::ThreadLive,
    payload,
    push::{self, Push, Share, Shared},
    sequence::Sequence,
    stamper::{Checked, Plain, Stamper},
};
use crate::{
    frame::{self, Framed},
    framing::Framing,
    links::Links,
};

/// What every thread of a run does.
pub(super) trait Work: Sync {
    /// The connections of one thread.
    type Connections;

    /// Connects, or takes existing connections. After it, the thread may begin.
    ///
    /// # Errors
    /// The server cannot be reached, or does not support this load.
    fn connect(&self, part: &Part<'_>, sockets: Option<Vec<TcpStream>>) -> Result<Self::Connections>;

    /// Opens an idle connection, which has this number.
    ///
    /// # Errors
    /// The server cannot be reached, or the load has no idle connections.
    fn connect_idle(&self, _plan: &Plan, _number: usize) -> io::Result<TcpStream> {
        Err(io::Error::other("this load has none"))
    }

    /// What an idle connection sends from time to time.
    fn heartbeat(&self) -> Option<Vec<u8>> {
        None
    }

    /// Sends and receives to the end.
    ///
    /// # Errors
    /// The connections cannot be used any more.
    fn run(&self, part: &Part<'_>, connections: Self::Connections, timing: &Timing) -> Result<Found>;
}

/// The part of a plan that one thread has.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a Shared,
    pub(super) share: Share,
    pub(super) live: &'a ThreadLive,
}

/// The result of one thread.
pub(super) struct Found {
    pub(super) recorder: Recorder,
    pub(super) counts: Counts,
    /// Topic, and its messages at one subscriber.
    pub(super) subscriptions: Vec<(usize, Sequence)>,
    pub(super) worked_nanos: u64,
}

/// [`Load::Echo`](super::Load::Echo) over a protocol.
pub(super) struct EchoOver<F>(pub(super) F);

impl<F: Framing> Work for EchoOver<F> {
    type Connections = Links;

    fn connect(&self, part: &Part<'_>, sockets: Option<Vec<TcpStream>>) -> Result<Links> {
        links(part, part.share.connections, sockets, |address| self.0.connect(address))
    }

    fn connect_idle(&self, plan: &Plan, _number: usize) -> io::Result<TcpStream> {
        self.0.connect(plan.address)
    }

    fn run(&self, part: &Part<'_>, links: Links, timing: &Timing) -> Result<Found> {
        let stamper = Checked::new(payload::Stamper::new(part.plan.run, part.plan.size), self.0.clone());
        echo(part, links, timing, stamper, Recorder::new(timing.window))
    }
}

/// [`Load::Push`](super::Load::Push) over a protocol, with the encoding of its topics.
pub(super) struct PushOver<F, W>(pub(super) F, pub(super) W);

impl<F: Framing, W: Wire + Clone + Sync> Work for PushOver<F, W> {
    type Connections = Links;

    fn connect(&self, part: &Part<'_>, sockets: Option<Vec<TcpStream>>) -> Result<Links> {
        let Part { plan, shared, share, .. } = *part;
        // The last one publishes.
        let mut links = links(part, share.connections + 1, sockets, |address| self.0.connect(address))?;
        push::subscribe(&mut links, (self.0.clone(), self.1.clone()), shared, share, plan.run)?;
        Ok(links)
    }

    fn run(&self, part: &Part<'_>, mut links: Links, timing: &Timing) -> Result<Found> {
        let Part { plan, shared, share, live } = *part;
        let protocol = (self.0.clone(), self.1.clone());
        let (stamper, loop_kind) =
            ((payload::Stamper::new(plan.run, plan.size), plan.run), (plan.loop_kind, timing.schedule));
        let recorder = Recorder::new(timing.window);
        let mut push = Push::new(protocol, stamper, shared, share, plan.depth, loop_kind, recorder)?;
        let worked_nanos = drive(&mut links, &mut push, timing, live)?;
        let push::Found { recorder, counts, subscriptions } = push.finish(&links);
        Ok(Found { recorder, counts, subscriptions, worked_nanos })
    }
}

/// [`Load::PlainEcho`](super::Load::PlainEcho).
pub(super) struct PlainEcho;

impl Work for PlainEcho {
    type Connections = Links;

    fn connect(&self, part: &Part<'_>, sockets: Option<Vec<TcpStream>>) -> Result<Links> {
        links(part, part.share.connections, sockets, |address| Framed.connect(address))
    }

    fn run(&self, part: &Part<'_>, links: Links, timing: &Timing) -> Result<Found> {
        let stamper = Plain(frame::Stamper::new(part.plan.size));
        echo(part, links, timing, stamper, Recorder::latency_only(timing.window))
    }
}

/// [`Load::Fanout`](super::Load::Fanout).
pub(super) struct FanoutOnce;

impl Work for FanoutOnce {
    type Connections = Links;

    fn connect(&self, part: &Part<'_>, sockets: Option<Vec<TcpStream>>) -> Result<Links> {
        links(part, part.share.connections, sockets, |address| Framed.connect(address))
    }

    fn run(&self, part: &Part<'_>, mut links: Links, timing: &Timing) -> Result<Found> {
        let (stamper, recorder) =
            (frame::Stamper::new(part.plan.size), Recorder::latency_only(timing.window));
        let mut fanout = Fanout::new(stamper, part.share.connections, part.plan.depth, recorder);
        let worked_nanos = drive(&mut links, &mut fanout, timing, part.live)?;
        let (recorder, counts) = fanout.finish(&links);
        Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos })
    }
}

/// [`Load::Calls`](super::Load::Calls). They connect themselves.
pub(super) struct CallsBy(pub(super) Caller);

impl Work for CallsBy {
    type Connections = Calls;

    fn connect(&self, part: &Part<'_>, _sockets: Option<Vec<TcpStream>>) -> Result<Calls> {
        Calls::connect(part.plan, self.0)
    }

    fn run(&self, part: &Part<'_>, mut calls: Calls, timing: &Timing) -> Result<Found> {
        let window = timing.window;
        let (recorder, counts) = calls.run(Recorder::latency_only(window), window, part.live)?;
        Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos: 0 })
    }
}

pub(super) fn echo(
    part: &Part<'_>,
    mut links: impl Connections,
    timing: &Timing,
    stamper: impl Stamper,
    recorder: Recorder,
) -> Result<Found> {
    let Plan { depth, loop_kind, .. } = *part.plan;
    let connections = (part.share.first, part.share.connections);
    let mut echo = Echo::new(stamper, connections, depth, loop_kind, timing.schedule, recorder);
    echo.begin(&mut links);
    let worked_nanos = drive(&mut links, &mut echo, timing, part.live)?;
    let (recorder, counts) = echo.finish(&links);
    Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos })
}

/// So many connections on a ring of their own: `sockets`, or new ones.
fn links(
    part: &Part<'_>,
    connections: usize,
    sockets: Option<Vec<TcpStream>>,
    connect: impl Fn(SocketAddr) -> io::Result<TcpStream>,
) -> Result<Links> {
    let plan = part.plan;
    let buffers = (BUFFERS / plan.threads.len().next_power_of_two()).max(BUFFERS_MIN) as u16;
    let slots = u32::try_from(connections)?.max(1);
    let mut links = Links::new(&RingConfig { buffers, slots, ..RingConfig::default() })?;
    if let Some(sockets) = sockets {
        for stream in sockets {
            links.adopt(OwnedFd::from(stream))?;
        }
        return Ok(links);
    }
    for number in 0..connections {
        if number % CONNECTS == CONNECTS - 1 {
            thread::sleep(CONNECTS_PAUSE);
        }
        let stream =
            connect(plan.address).map_err(|error| format!("cannot connect to {}: {error}", plan.address))?;
        links.adopt(OwnedFd::from(stream))?;
    }
    Ok(links)
}

/// Receive buffers of all threads together, and the least of one thread.
const BUFFERS: usize = 4096;
const BUFFERS_MIN: usize = 512;

/// The number of connections after which to pause: when the queue of the listener is full, the kernel tries again only
/// after seconds.
const CONNECTS: usize = 64;
const CONNECTS_PAUSE: Duration = Duration::from_millis(1);
