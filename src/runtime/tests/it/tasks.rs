//! Tasks are woken from any thread, and nothing remains of them.

use std::{
    cell::RefCell,
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use futures_lite::future::{or, race};
use shardcast::{Server, ServerHandle, Spin, task};

use crate::support::{PATIENCE, Totals, alone, config, eventually, resident_bytes};

fn server(spin: Spin) -> Server {
    let config = config().with(|it| it.spin = spin);
    Server::builder().config(config).start().expect("the server starts")
}

/// Runs a task on a shard; its result comes through the channel.
fn run<T: Send + 'static, F: Future<Output = T> + 'static>(
    server: &ServerHandle,
    shard: u16,
    make: impl FnOnce() -> F + Send + 'static,
) -> flume::Receiver<T> {
    let (report, reported) = flume::bounded(1);
    let body = move || task::spawn("a test", async move { _ = report.send(make().await) });
    server.run_on(shard, body).expect("there is room");
    reported
}

#[track_caller]
fn result<T>(reported: &flume::Receiver<T>) -> T {
    reported.recv_timeout(LONG).expect("the task ends")
}

#[test]
fn a_task_may_give_up_any_number_of_sleeps() {
    let server = server(Spin::Never);
    let rounds = run(&server.handle(), 0, || async {
        for _ in 0..40_000 {
            race(task::yield_now(), task::sleep(HOUR)).await;
        }
    });
    result(&rounds);
    server.drain(PATIENCE).expect("the shards end well");
}

#[test]
fn a_sleep_that_was_given_up_leaves_no_timer_and_no_memory() {
    alone("tasks::a_sleep_that_was_given_up_leaves_no_timer_and_no_memory", || {
        let server = server(Spin::Never);
        let handle = server.handle();
        let receive = |times: u32| {
            let received = run(&handle, 0, move || async move {
                let (sender, receiver) = flume::bounded(1);
                for number in 0..times {
                    sender.send(number).expect("there is room");
                    let timed_out = async {
                        task::sleep(HOUR).await;
                        None
                    };
                    let received = or(timed_out, async { receiver.recv_async().await.ok() }).await;
                    assert_eq!(received, Some(number));
                }
            });
            result(&received);
        };
        receive(1000);
        let timers = || Totals::of(&handle).shards(|shard| shard.timers);
        let (memory, before) = (resident_bytes(), timers());
        receive(1_000_000);
        eventually(PATIENCE, || timers() == before);
        let grown = resident_bytes().saturating_sub(memory);
        assert!(grown < 16 << 20, "{grown} bytes more");
    });
}

#[test]
fn a_sleep_holds_one_timer_however_often_it_is_polled() {
    let server = server(Spin::Never);
    let handle = server.handle();
    let timers = || Totals::of(&handle).shards(|shard| shard.timers);
    let before = timers();
    let (go_on, resumed) = flume::bounded::<()>(1);
    let polled = run(&handle, 0, || async move {
        let mut sleeps = [pin!(task::sleep(HOUR)), pin!(task::sleep(2 * HOUR))];
        for _ in 0..1000 {
            race(
                task::yield_now(),
                poll_fn(|cx| {
                    // With another waker each time, like code that joins futures.
                    let waker = Waker::from(Arc::new(Wrapper(cx.waker().clone())));
                    let cx = &mut std::task::Context::from_waker(&waker);
                    for sleep in &mut sleeps {
                        assert!(sleep.as_mut().poll(cx).is_pending());
                    }
                    Poll::Pending
                }),
            )
            .await;
        }
        let _ = resumed.recv_async().await;
    });
    eventually(PATIENCE, || timers() == before + 2);
    go_on.send(()).expect("the task waits");
    result(&polled);
    eventually(PATIENCE, || timers() == before);
}

/// A waker that wraps another one.
struct Wrapper(Waker);

impl std::task::Wake for Wrapper {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

#[test]
fn a_sleep_wakes_the_waker_of_its_last_poll() {
    let server = server(Spin::Never);
    let slept = run(&server.handle(), 0, || async {
        let mut sleep = Box::pin(task::sleep(Duration::from_millis(20)));
        assert!(futures_lite::future::poll_once(&mut sleep).await.is_none());
        // The sleep moves to another task, which has another waker.
        let (done, awaited) = flume::bounded(1);
        task::spawn("sleeps on", async move {
            sleep.await;
            let _ = done.send(());
        });
        awaited.recv_async().await
    });
    assert_eq!(result(&slept), Ok(()));
}

/// Counts the turns of a shard: its task is polled once in each.
#[derive(Clone, Default)]
struct Turns(Arc<AtomicU64>);

impl Turns {
    fn count(server: &ServerHandle, shard: u16) -> Self {
        let turns = Self::default();
        let counter = turns.clone();
        let count = async move {
            loop {
                counter.0.fetch_add(1, Ordering::SeqCst);
                task::yield_now().await;
            }
        };
        server.run_on(shard, move || task::spawn("counts turns", count)).expect("there is room");
        turns
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The turns of a shard in which messages for it were sent (or later turns), and in which its task received them.
#[derive(Default)]
struct Messages {
    sent: Vec<u64>,
    received: Vec<u64>,
}

impl Messages {
    /// The current turn may already have taken wake-ups when a message is sent; the next one has not.
    #[track_caller]
    fn were_in_time(sent: &[u64], received: &[u64]) {
        assert_eq!(sent.len(), received.len());
        let late: Vec<_> =
            sent.iter().zip(received).filter(|(sent, received)| **received > **sent + 2).collect();
        assert!(late.is_empty(), "{} of {} were late: {:?}", late.len(), sent.len(), late.first());
    }
}

/// Answers each message. `here` counts the turns of its own shard, `there` those of the shard that asks.
async fn answer(
    asked: flume::Receiver<u64>,
    answers: flume::Sender<u64>,
    [here, there]: [Turns; 2],
    trips: u64,
) -> Messages {
    let mut messages = Messages::default();
    for _ in 0..trips {
        let Ok(message) = asked.recv_async().await else { break };
        messages.received.push(here.now());
        let _ = answers.send(message);
        messages.sent.push(there.now());
    }
    messages
}

#[test]
fn a_wake_of_another_shard_is_seen_in_the_next_turn() {
    let server = server(Spin::Always);
    let handle = server.handle();
    let [first, second] = [0, 1].map(|shard| Turns::count(&handle, shard));
    let ((ask, asked), (answers, answered)) = (flume::bounded(1), flume::bounded(1));
    let turns = [first.clone(), second.clone()];
    let answering = run(&handle, 0, move || answer(asked, answers, turns, TRIPS));
    let asking = run(&handle, 1, move || async move {
        let mut messages = Messages::default();
        for trip in 0..TRIPS {
            ask.send(trip).expect("the other task receives");
            messages.sent.push(first.now());
            assert_eq!(answered.recv_async().await, Ok(trip));
            messages.received.push(second.now());
        }
        messages
    });
    let (asking, answering) = (result(&asking), result(&answering));
    Messages::were_in_time(&asking.sent, &answering.received);
    Messages::were_in_time(&answering.sent, &asking.received);
}

#[test]
fn a_wake_of_a_thread_is_seen_in_the_next_turn() {
    let server = server(Spin::Always);
    let handle = server.handle();
    let turns = Turns::count(&handle, 0);
    let ((ask, asked), (answers, answered)) = (flume::bounded(1), flume::bounded(1));
    let counted = [turns.clone(), Turns::default()];
    let answering = run(&handle, 0, move || answer(asked, answers, counted, TRIPS));
    let mut sent = Vec::new();
    for trip in 0..TRIPS {
        ask.send(trip).expect("the task receives");
        sent.push(turns.now());
        assert_eq!(answered.recv_timeout(LONG), Ok(trip));
    }
    Messages::were_in_time(&sent, &result(&answering).received);
}

#[test]
fn no_wake_of_four_threads_is_lost() {
    const EACH: usize = 25_000;
    let server = server(Spin::Never);
    let flags: Arc<[AtomicBool; 4]> = Arc::default();
    let (give, given) = flume::bounded(1);
    let theirs = Arc::clone(&flags);
    let seen = run(&server.handle(), 0, move || {
        let mut seen = 0;
        poll_fn(move |cx| {
            let _ = give.try_send(cx.waker().clone());
            seen += theirs.iter().filter(|flag| flag.swap(false, Ordering::SeqCst)).count();
            if seen == 4 * EACH { Poll::Ready(seen) } else { Poll::Pending }
        })
    });
    let waker: Waker = given.recv_timeout(LONG).expect("the task was polled");
    let threads: Vec<_> = (0..4)
        .map(|index| {
            let (flags, waker) = (Arc::clone(&flags), waker.clone());
            thread::spawn(move || {
                for round in 0..EACH {
                    flags[index].store(true, Ordering::SeqCst);
                    if round % 2 == 0 {
                        waker.wake_by_ref()
                    } else {
                        wake_a_clone(&waker)
                    }
                    // The task must see each of them; the test hangs if it misses one.
                    while flags[index].load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    assert_eq!(result(&seen), 4 * EACH);
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
}

#[test]
fn a_task_that_is_woken_while_its_shard_goes_to_sleep_runs() {
    let server = server(Spin::Never);
    let handle = server.handle();
    let ((ask, asked), (answers, answered)) = (flume::bounded(1), flume::bounded(1));
    let received = run(&handle, 0, move || answer(asked, answers, Default::default(), 20_000));
    for trip in 0..20_000_u64 {
        ask.send(trip).expect("the task receives");
        assert_eq!(answered.recv_timeout(LONG), Ok(trip));
        // Sometimes the shard sleeps already, sometimes it is about to.
        (0..trip % 64 * 16).for_each(|_| std::hint::spin_loop());
    }
    assert_eq!(result(&received).received.len(), 20_000);
}

#[test]
fn a_waker_outlives_its_task_and_wakes_no_other() {
    let server = server(Spin::Never);
    let handle = server.handle();
    let old = waker_of_a_task_that_ended(&handle);
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let (end, ended) = flume::bounded::<()>(1);
    // It gets the number of the task that ended.
    let next = run(&handle, 0, move || async move {
        let mut end = pin!(ended.recv_async());
        let counting = poll_fn(|cx| {
            counted.fetch_add(1, Ordering::SeqCst);
            end.as_mut().poll(cx).map(drop)
        });
        counting.await;
    });
    eventually(PATIENCE, || polls.load(Ordering::SeqCst) == 1);
    old.wake_by_ref();
    wake_a_clone(&old);
    let there = old.clone();
    let woken = run(&handle, 0, move || async move { there.wake() });
    result(&woken);
    let woken = run(&handle, 1, move || async move { old.wake() });
    result(&woken);
    // One turn later all of them were handled.
    result(&run(&handle, 0, task::yield_now));
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    end.send(()).expect("the task waits");
    result(&next);
    assert_eq!(polls.load(Ordering::SeqCst), 2);
}

fn wake_a_clone(waker: &Waker) {
    let clone = waker.clone();
    clone.wake();
}

fn waker_of_a_task_that_ended(server: &ServerHandle) -> Waker {
    result(&run(server, 0, || poll_fn(|cx| Poll::Ready(cx.waker().clone()))))
}

thread_local! {
    static LATE: RefCell<Option<Dropped>> = const { RefCell::new(None) };
}

/// Wakes when it is dropped.
struct Dropped(Waker);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.wake_by_ref();
    }
}

#[test]
fn a_waker_is_harmless_after_its_server_has_ended() {
    let server = server(Spin::Never);
    let handle = server.handle();
    let (give, given) = flume::bounded(1);
    let body = move || {
        task::spawn("never ends", async move {
            poll_fn(|cx| Poll::Ready(_ = give.send(cx.waker().clone()))).await;
            pending::<()>().await;
        });
    };
    handle.run_on(0, body).expect("there is room");
    let waker: Waker = given.recv_timeout(LONG).expect("the task was polled");
    let wakers = [waker, waker_of_a_task_that_ended(&handle)];
    server.drain(PATIENCE).expect("the shards end well");
    for waker in wakers {
        (0..1000).for_each(|_| wake_a_clone(&waker));
        waker.wake_by_ref();
        let elsewhere = thread::spawn(move || {
            // A waker that is used while its thread ends, when the thread-local values may be gone.
            LATE.set(Some(Dropped(waker.clone())));
            waker.wake();
        });
        elsewhere.join().expect("it does not panic");
    }
    drop(handle);
}

#[test]
fn a_task_that_panics_when_it_is_dropped_ends_nothing() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("when dropped");
        }
    }
    let server = server(Spin::Never);
    let handle = server.handle();
    let body = || {
        task::spawn("panics when dropped", async {
            let _panics = Panics;
            pending::<()>().await;
        });
    };
    handle.run_on(0, body).expect("there is room");
    eventually(PATIENCE, || Totals::of(&handle).shards(|shard| shard.tasks) == 1);
    server.drain(PATIENCE).expect("the shards end well");
    assert_eq!(Totals::of(&handle).shards(|shard| shard.panics), 1);
}

#[test]
fn tasks_that_wait_do_not_keep_a_shard_awake() {
    let server = server(Spin::Never);
    let handle = server.handle();
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    for shard in [0, 1] {
        let wakers = Arc::clone(&wakers);
        let body = move || {
            for _ in 0..1000 {
                let wakers = Arc::clone(&wakers);
                let waits = poll_fn(move |cx| {
                    wakers.lock().expect("no thread panics with it").push(cx.waker().clone());
                    Poll::<()>::Pending
                });
                task::spawn("waits", waits);
            }
        };
        handle.run_on(shard, body).expect("there is room");
    }
    let known = || wakers.lock().expect("no thread panics with it").len();
    eventually(PATIENCE, || known() == 2000);
    // All at once, from a thread: each is polled, which adds its waker again.
    let woken = std::mem::take(&mut *wakers.lock().expect("no thread panics with it"));
    woken.iter().for_each(Waker::wake_by_ref);
    eventually(PATIENCE, || known() == 2000);
    eventually(PATIENCE, || handle.turn_times().iter().all(Duration::is_zero));
}

const TRIPS: u64 = 1000;
const HOUR: Duration = Duration::from_secs(3600);

/// Longer than [`PATIENCE`]: two shards that spin while other tests run on the same two cores.
const LONG: Duration = Duration::from_secs(120);
