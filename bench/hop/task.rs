//! A task of one shard and a task of another send each other a message in turn, through what is public.
//!
//! Each shard has a connection of its own listener, of a protocol that has nothing to say on the wire: it
//! takes a push as a message for the task beside it. So a broadcast to that listener is a message from
//! shard to shard, over the same queue and by the same pump as any other.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    future::poll_fn,
    io::Write as _,
    net::TcpStream,
    sync::mpsc,
    task::{Poll, Waker},
    time::Duration,
};

use hdrhistogram::Histogram;
use shardcast::{
    Bytes, Connection, CpuChoice, Listener, Reply, Request, Server, ServerConfig, ServerHandle, Service,
    ShardCount, Spin,
    proto::{self, Command, Home, Progress, Protocol, Session, Sniff, Time},
    task,
};
use shardcast_os::clock;

use super::{Hop, WARM_UP, histogram};

/// Two shards that never sleep, and a task on each.
///
/// # Errors
/// The server cannot start, or does not answer.
pub fn between_tasks(cpus: [usize; 2], time: Duration) -> Result<Hop, Box<dyn Error>> {
    let (report, reports) = mpsc::channel();
    let listener = |name: &'static str, other: &'static str| {
        let report = report.clone();
        Listener::new(name, "127.0.0.1:0").protocol(HopProtocol, move |server| Hopper {
            server: server.clone(),
            other,
            time: (name == FIRST).then_some(time),
            report: report.clone(),
        })
    };
    let config = ServerConfig {
        shards: ShardCount::Exactly(2),
        cpus: CpuChoice::List(cpus.to_vec()),
        spin: Spin::Always,
        ..ServerConfig::default()
    };
    let server = Server::builder()
        .config(config)
        .listen(listener(FIRST, SECOND))
        .listen(listener(SECOND, FIRST))
        .start()?;
    let mut connections = Vec::new();
    for (home, name) in [FIRST, SECOND].into_iter().enumerate() {
        let mut connection = TcpStream::connect(server.address(name).ok_or("it listens")?)?;
        connection.write_all(&[home as u8])?;
        connections.push(connection);
        reports.recv_timeout(PATIENCE)?;
    }
    server.handle().broadcast(FIRST, TOKEN)?;
    let nanos = reports.recv_timeout(time + PATIENCE)?.ok_or("a task told twice that it is there")?;
    server.drain(Duration::ZERO)?;
    Ok(Hop::from_round_trips(&nanos))
}

/// Its first byte says on which shard a connection lives.
struct HopProtocol;

impl Protocol for HopProtocol {
    fn name(&self) -> &'static str {
        "hop"
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        prefix.first().map_or(Sniff::NeedBytes(1), |&home| Sniff::Match(Home::Shard(home.into())))
    }

    fn accept(&self, _now: Time) -> Box<dyn Session> {
        Box::new(HopSession)
    }
}

struct HopSession;

impl Session for HopSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, proto::Error> {
        Ok(Progress::silent(input.len()))
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        INBOX.with(Inbox::arrive);
        Err(command)
    }
}

/// Where the messages for this shard's task arrive.
#[derive(Default)]
struct Inbox {
    messages: Cell<usize>,
    waiting: RefCell<Option<Waker>>,
}

thread_local! {
    static INBOX: Inbox = Inbox::default();
}

impl Inbox {
    fn arrive(&self) {
        self.messages.set(self.messages.get() + 1);
        if let Some(task) = self.waiting.borrow_mut().take() {
            task.wake();
        }
    }

    async fn message() {
        poll_fn(|cx| {
            INBOX.with(|inbox| match inbox.messages.get() {
                0 => {
                    *inbox.waiting.borrow_mut() = Some(cx.waker().clone());
                    Poll::Pending
                }
                messages => {
                    inbox.messages.set(messages - 1);
                    Poll::Ready(())
                }
            })
        })
        .await;
    }
}

/// Starts the task of its shard, and tells that it is there.
struct Hopper {
    server: ServerHandle,
    other: &'static str,
    /// How long to measure; the other task only answers.
    time: Option<Duration>,
    report: mpsc::Sender<Option<Histogram<u64>>>,
}

impl Service for Hopper {
    fn opened(&self, _connection: &Connection) {
        let (server, other, report) = (self.server.clone(), self.other, self.report.clone());
        match self.time {
            Some(time) => task::spawn("hop", ask(server, other, time, report)),
            None => task::spawn("hop", answer(server, other)),
        }
        let _ = self.report.send(None);
    }

    fn request(&self, _connection: &Connection, _request: Request<'_>, _reply: &mut Reply<'_>) {}
}

async fn ask(
    server: ServerHandle,
    other: &'static str,
    time: Duration,
    report: mpsc::Sender<Option<Histogram<u64>>>,
) {
    let mut nanos = histogram();
    Inbox::message().await;
    let began = clock::now_nanos();
    let mut last = began;
    for trip in 0u64.. {
        let _ = server.broadcast(other, TOKEN);
        Inbox::message().await;
        let now = clock::now_nanos();
        if trip >= WARM_UP {
            nanos.saturating_record(now - last);
        }
        last = now;
        if u128::from(now - began) > time.as_nanos() {
            break;
        }
    }
    let _ = report.send(Some(nanos));
}

async fn answer(server: ServerHandle, other: &'static str) {
    loop {
        Inbox::message().await;
        let _ = server.broadcast(other, TOKEN);
    }
}

const FIRST: &str = "first";
const SECOND: &str = "second";
const TOKEN: Bytes = Bytes::from_static(b"hop");
const PATIENCE: Duration = Duration::from_secs(5);
