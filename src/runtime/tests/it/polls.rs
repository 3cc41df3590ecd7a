//! When a task is polled, and with which waker.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use shardcast::{Server, task};

use crate::support::{PATIENCE, Totals, config, eventually};

fn server() -> Server {
    Server::builder().config(config()).start().expect("the server starts")
}

/// Runs `body` on shard 0.
fn on_shard(server: &Server, body: impl FnOnce() + Send + 'static) {
    server.handle().run_on(0, body).expect("there is room");
}

fn tasks(server: &Server) -> u64 {
    Totals::of(&server.handle()).shards(|shard| shard.tasks)
}

/// What tasks have done, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().expect("no task panics with it").push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no task panics with it").clone()
    }
}

#[test]
fn tasks_that_yield_take_turns() {
    let server = server();
    let log = Log::default();
    let lines = log.clone();
    on_shard(&server, move || {
        for name in ["a", "b", "c"] {
            let lines = lines.clone();
            task::spawn("takes turns", async move {
                for round in 0..4 {
                    lines.add(format!("{name}{round}"));
                    task::yield_now().await;
                }
            });
        }
    });
    let expected: Vec<_> =
        (0..4).flat_map(|round| ["a", "b", "c"].map(|name| format!("{name}{round}"))).collect();
    eventually(PATIENCE, || log.lines().len() == expected.len());
    assert_eq!(log.lines(), expected);
    eventually(PATIENCE, || tasks(&server) == 0);
}

/// Starts a task that starts one of its own type, and so on; then each yields this many times.
fn nest(depth: usize, yields: usize, log: Log) {
    task::spawn("nests", async move {
        log.add(format!("begins {depth}"));
        if depth > 0 {
            nest(depth - 1, yields, log.clone());
        }
        for _ in 0..yields {
            task::yield_now().await;
        }
        log.add(format!("ends {depth}"));
    });
}

#[test]
fn a_task_may_start_tasks_of_its_own_type() {
    for yields in [0, 1, 3] {
        let server = server();
        let log = Log::default();
        let lines = log.clone();
        on_shard(&server, move || (0..3).for_each(|_| nest(20, yields, lines.clone())));
        eventually(PATIENCE, || log.lines().len() == 3 * 2 * 21);
        eventually(PATIENCE, || tasks(&server) == 0);
        if yields == 0 {
            let begins = (0..=20).rev().map(|depth| format!("begins {depth}"));
            let one: Vec<_> = begins.chain((0..=20).map(|depth| format!("ends {depth}"))).collect();
            assert_eq!(log.lines(), [&one[..]; 3].concat());
        }
    }
}

#[test]
fn a_wake_of_a_thread_during_the_first_poll_is_not_lost() {
    let server = server();
    let (report, reported) = flume::bounded(1);
    on_shard(&server, move || {
        let mut polls = 0;
        let future = poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().expect("it does not panic");
            if polls == 100 { Poll::Ready(()) } else { Poll::Pending }
        });
        task::spawn("is woken while it is polled", async move {
            future.await;
            let _ = report.send(());
        });
    });
    assert_eq!(reported.recv_timeout(PATIENCE), Ok(()));
    eventually(PATIENCE, || tasks(&server) == 0);
}

/// Gives its waker at each poll; ready at the first one if it should be.
struct Gives {
    wakers: flume::Sender<Waker>,
    is_done: bool,
    polls: Arc<AtomicUsize>,
}

impl Future for Gives {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        let _ = self.wakers.send(cx.waker().clone());
        if self.is_done { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_waker_is_used_again_unless_it_is_held() {
    let server = server();
    let (wakers, given) = flume::unbounded();
    let polls = Arc::new(AtomicUsize::new(0));
    let next = |is_done| {
        let gives = Gives { wakers: wakers.clone(), is_done, polls: Arc::clone(&polls) };
        on_shard(&server, move || task::spawn("gives its waker", gives));
        given.recv_timeout(PATIENCE).expect("it is polled at once")
    };
    let first = next(true);
    let second = next(true);
    assert!(!first.will_wake(&second), "the first one is held");
    let released = second.data().addr();
    drop(second);
    let third = next(false);
    assert_eq!(third.data().addr(), released);
    assert_eq!(polls.load(Ordering::SeqCst), 3);
    // Since then, two futures have had the number of the third.
    first.wake();
    assert!(given.try_recv().is_err());
    third.wake_by_ref();
    let again = given.recv_timeout(PATIENCE).expect("it is polled again");
    assert!(again.will_wake(&third));
    assert_eq!(polls.load(Ordering::SeqCst), 4);
}
