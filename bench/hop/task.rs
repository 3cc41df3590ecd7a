//! A task of one shard and a task of another send each other a message in turn, with `ServerHandle::run_on`:
//! the same queues and the same pump as for any other message between shards.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    future::poll_fn,
    sync::mpsc,
    task::{Poll, Waker},
    time::Duration,
};

use hdrhistogram::Histogram;
use shardcast::{CpuChoice, Server, ServerConfig, ServerHandle, ShardCount, Spin, task};

use super::{Hop, Rounds, WARM_UP};

/// Two shards that never sleep, and a task on each.
///
/// # Errors
/// The server cannot start, or does not respond.
pub fn between_tasks(cpus: [usize; 2], time: Duration) -> Result<Hop, Box<dyn Error>> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(2);
        it.cpus = CpuChoice::List(cpus.to_vec());
        it.spin = Spin::Always;
    });
    let server = Server::builder().config(config).start()?;
    let handle = server.handle();
    let (report, reported) = mpsc::channel();
    let (asking, answering) = (handle.clone(), handle.clone());
    handle.run_on(1, move || task::spawn("hop", answer(answering)))?;
    handle.run_on(0, move || task::spawn("hop", ask(asking, time, report)))?;
    let nanos = reported.recv_timeout(time + PATIENCE)?;
    server.drain(Duration::ZERO)?;
    Ok(Hop::from_round_trips(&nanos))
}

async fn ask(server: ServerHandle, time: Duration, report: mpsc::Sender<Histogram<u64>>) {
    let mut rounds = Rounds::begin(time, WARM_UP);
    loop {
        send(&server, 1);
        Inbox::message().await;
        if !rounds.end_one() {
            break;
        }
    }
    rounds.report(&report);
}

async fn answer(server: ServerHandle) {
    loop {
        Inbox::message().await;
        send(&server, 0);
    }
}

/// One message. At most one is in progress, so there is room.
fn send(server: &ServerHandle, to: u16) {
    let sent = server.run_on(to, || INBOX.with(Inbox::arrive));
    debug_assert!(sent.is_ok(), "one message at a time always fits");
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

const PATIENCE: Duration = Duration::from_secs(5);
