//! Tasks of task queues run after the other work of a turn, and have all that other tasks have.

use std::{
    future::{pending, poll_fn},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use shardcast::{
    Connection, Failure, Listener, Reply, Request, Server, ServerHandle, Service, ShardCount,
    stats::TaskQueueStats,
    task::{self, Queue, QueueError},
};

use crate::support::{PATIENCE, Script, ScriptClient, Totals, config, eventually, start};

/// A server of one shard with this service.
fn serve(service: &Words) -> (Server, SocketAddr) {
    let service = service.clone();
    let listener = Listener::new("words", "127.0.0.1:0").protocol(Script, move |_| service.clone());
    start(config().with(|it| it.shards = ShardCount::Exactly(1)), listener, "words")
}

/// Runs `body` on shard 0; its result comes back.
#[track_caller]
fn on_shard<T: Send + 'static>(server: &Server, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (report, reported) = flume::bounded(1);
    server.handle().run_on(0, move || _ = report.send(body())).expect("there is room");
    reported.recv_timeout(PATIENCE).expect("it runs")
}

fn queue_stats(server: &ServerHandle, name: &str) -> TaskQueueStats {
    let all = server.stats().into_iter().flat_map(|shard| shard.task_queues);
    all.into_iter().find(|queue| queue.name == name).expect("it was made")
}

/// Never ends; counts its polls.
async fn hog(polls: Arc<AtomicU64>) {
    loop {
        polls.fetch_add(1, Ordering::SeqCst);
        run_for(Duration::from_micros(100));
        task::yield_now().await;
    }
}

fn run_for(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn start_hog(server: &Server, name: &'static str, shares: u16) -> Arc<AtomicU64> {
    let polls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&polls);
    on_shard(server, move || task::spawn_in(&queue(name, shares), name, hog(counted)));
    polls
}

fn queue(name: &str, shares: u16) -> Queue {
    task::queue(name, shares).expect("there are few")
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

/// Answers in the queue `words`, does what a word says.
#[derive(Clone, Default)]
struct Words {
    /// Futures that were dropped.
    dropped: Arc<AtomicU64>,
}

struct Guard(Arc<AtomicU64>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service for Words {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let word = String::from_utf8_lossy(request.body).into_owned();
        let queue = queue("words", 1);
        match &*word {
            "now" => return reply.body().extend_from_slice(b"now"),
            "task-panic" => {
                let body = async { panic!("as asked, in a task") };
                task::spawn_in_for(&queue, connection, "panics", body);
                return reply.body().extend_from_slice(b"soon");
            }
            _ => {}
        }
        let guard = Guard(Arc::clone(&self.dropped));
        let inline = Arc::new(AtomicBool::new(true));
        let is_inline = Arc::clone(&inline);
        reply.answer_in(&queue, "word", async move {
            let _guard = guard;
            assert!(!is_inline.load(Ordering::SeqCst), "it is not polled at once");
            match &*word {
                "yield" => task::yield_now().await,
                "sleep" => task::sleep(Duration::from_millis(2)).await,
                "panic" => panic!("as asked"),
                "fail" => return Err(Failure::new(7, "as asked")),
                "never" => pending().await,
                "greedy" => loop {
                    run_for(Duration::from_millis(30));
                    task::yield_now().await;
                },
                _ => {}
            }
            Ok(Queue::current().map_or_else(String::new, |queue| format!("{word} in {}", queue.name())))
        });
        inline.store(false, Ordering::SeqCst);
    }
}

#[test]
fn handlers_run_in_a_queue_and_answer() {
    let words = Words::default();
    let (server, address) = serve(&words);
    let mut client = ScriptClient::connect(address);
    client.say("failures\nyield;sleep;at once;fail;panic\n");
    client.receives(&[
        "at once in words",
        "failed 7 as asked",
        "forgotten",
        "yield in words",
        "sleep in words",
    ]);
    eventually(PATIENCE, || count(&words.dropped) == 5);
    let totals = Totals::of(&server.handle());
    assert_eq!((totals.shards(|shard| shard.panics), totals.shards(|shard| shard.tasks)), (1, 0));
    let queue = queue_stats(&server.handle(), "words");
    // Three are polled once, two twice.
    assert_eq!((queue.shares, queue.tasks, queue.polls), (1, 0, 7));
    assert!(queue.run_nanos > 0);
    server.stop().expect("a clean stop");
}

#[test]
fn a_panic_in_a_queue_closes_the_connection_of_its_task_only() {
    let (server, address) = serve(&Words::default());
    let mut bystander = ScriptClient::connect(address);
    let mut client = ScriptClient::connect(address);
    client.say("task-panic\n");
    assert_eq!(client.rest(), ["soon"]);
    bystander.say("yield\n");
    bystander.receives(&["yield in words"]);
    assert_eq!(Totals::of(&server.handle()).closed("panic"), 1);
    assert_eq!(queue_stats(&server.handle(), "words").tasks, 0);
    server.stop().expect("a clean stop");
}

#[test]
fn tasks_end_with_their_connection_although_their_queue_has_used_up_its_shares() {
    let words = Words::default();
    let (server, address) = serve(&words);
    let hog_polls = start_hog(&server, "hog", 1000);
    for round in 1..=20 {
        let mut client = ScriptClient::connect(address);
        // After its first poll, the queue has used up its shares for half a minute.
        client.say("quit\ngreedy;never;never\nnow\n");
        client.receives(&["now"]);
        let waits = || queue_stats(&server.handle(), "words").tasks == 3;
        eventually(PATIENCE, waits);
        drop(client);
        eventually(PATIENCE, || count(&words.dropped) == 3 * round);
        eventually(PATIENCE, || queue_stats(&server.handle(), "words").tasks == 0);
    }
    // Nothing of those tasks is left in the queue, although new ones have their numbers.
    on_shard(&server, || queue("words", 1).set_shares(1000)).expect("in range");
    let mut client = ScriptClient::connect(address);
    client.say("yield;yield;yield;yield;yield\n");
    client.receives(&["yield in words"; 5]);
    assert!(count(&hog_polls) > 1);
    server.drain(Duration::from_millis(10)).expect("tasks of queues end with the server");
}

#[test]
fn hogs_do_not_starve_the_pump_and_run_once_per_turn() {
    let (server, address) = serve(&Words::default());
    let turns = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&turns);
    on_shard(&server, move || {
        task::spawn("counts turns", async move {
            loop {
                counted.fetch_add(1, Ordering::SeqCst);
                task::yield_now().await;
            }
        });
    });
    let before = count(&turns);
    let hogs =
        [("one", 1), ("two", 1000), ("three", 1000)].map(|(name, shares)| start_hog(&server, name, shares));
    let mut client = ScriptClient::connect(address);
    for _ in 0..200 {
        client.say("now\n");
        client.receives(&["now"]);
    }
    // Even the one with the least shares runs.
    eventually(PATIENCE, || count(&hogs[0]) > 1);
    for hog in hogs {
        let (polls, turns) = (count(&hog), count(&turns) - before);
        assert!(polls <= turns + 1, "{polls} polls in {turns} turns");
    }
    let handle = server.handle();
    server.drain(PATIENCE).expect("tasks of queues end with the server");
    assert_eq!(Totals::of(&handle).shards(|shard| shard.tasks), 0);
}

#[test]
fn threads_wake_tasks_of_queues_while_their_shard_sleeps() {
    let (server, _) = serve(&Words::default());
    let ((ask, asked), (answers, answered)) = (flume::bounded::<u64>(1), flume::bounded(1));
    on_shard(&server, move || {
        let answer = async move {
            while let Ok(number) = asked.recv_async().await {
                let _ = answers.send(number);
            }
        };
        task::spawn_in(&queue("answers", 1), "answers", answer);
    });
    for number in 0..5000 {
        ask.send(number).expect("the task receives");
        assert_eq!(answered.recv_timeout(PATIENCE), Ok(number));
        // Sometimes the shard sleeps already, sometimes it is about to.
        (0..number % 64 * 16).for_each(|_| std::hint::spin_loop());
    }
    // While the task waits, it keeps nothing awake.
    eventually(PATIENCE, || server.handle().turn_times().iter().all(Duration::is_zero));
    drop(ask);
    eventually(PATIENCE, || queue_stats(&server.handle(), "answers").tasks == 0);
}

#[test]
fn a_task_that_a_task_of_a_queue_starts_is_in_the_same_queue() {
    let (server, _) = serve(&Words::default());
    let (report, reported) = flume::unbounded();
    on_shard(&server, move || {
        let one = queue("one", 10);
        let name = || Queue::current().map(|queue| queue.name().to_owned());
        assert_eq!(name(), None);
        task::spawn_in(&one, "parent", async move {
            let send = move |what| _ = report.send((what, name()));
            send("parent");
            let sender = send.clone();
            task::spawn("child", async move {
                sender("child, at once");
                task::yield_now().await;
                sender("child, later");
                let other = sender.clone();
                task::spawn_in(&queue("two", 20), "elsewhere", async move { other("elsewhere") });
            });
            task::yield_now().await;
            send("parent, later");
        });
    });
    let mut all: Vec<_> = (0..5).map(|_| reported.recv_timeout(PATIENCE).expect("it runs")).collect();
    all.sort_unstable();
    let one = || Some("one".to_owned());
    let two = || Some("two".to_owned());
    let expected = [
        ("child, at once", one()),
        ("child, later", one()),
        ("elsewhere", two()),
        ("parent", one()),
        ("parent, later", one()),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_shard_has_so_many_queues_and_each_name_has_one() {
    let (server, _) = serve(&Words::default());
    on_shard(&server, || {
        for number in 0..64 {
            assert_eq!(queue(&number.to_string(), 1 + number).shares(), 1 + number);
        }
        assert_eq!(task::queue("one more", 1).err(), Some(QueueError::TooMany));
        let known = queue("63", 1000);
        assert_eq!(known.shares(), 64);
        for shares in [0, 1001, u16::MAX] {
            assert_eq!(task::queue("63", shares).err(), Some(QueueError::Shares(shares)));
            assert_eq!(known.set_shares(shares), Err(QueueError::Shares(shares)));
        }
        assert_eq!(known.set_shares(5), Ok(()));
        assert_eq!(known.shares(), 5);
    });
    let stats = server.handle().stats().remove(0).task_queues;
    assert_eq!((stats.len(), &*stats[63].name, stats[63].shares), (64, "63", 5));
}

#[test]
fn a_factory_makes_queues_and_starts_tasks_in_them() {
    let (report, reported) = flume::unbounded();
    let listener = Listener::new("words", "127.0.0.1:0").protocol(Script, move |_| {
        let (queue, report) = (queue("of the factory", 10), report.clone());
        task::spawn_in(&queue, "started by the factory", async move {
            task::yield_now().await;
            let _ = report.send(Queue::current().map(|queue| queue.name().to_owned()));
        });
        Words::default()
    });
    let (server, _) = start(config(), listener, "words");
    for _shard in 0..2 {
        assert_eq!(reported.recv_timeout(PATIENCE), Ok(Some("of the factory".to_owned())));
    }
    eventually(PATIENCE, || Totals::of(&server.handle()).shards(|shard| shard.tasks) == 0);
}

#[test]
fn a_future_that_is_woken_before_its_queue_runs_is_polled_once() {
    let (server, _) = serve(&Words::default());
    let polls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&polls);
    on_shard(&server, move || {
        let (give, given) = flume::bounded(1);
        task::spawn_in(
            &queue("one", 1),
            "counts",
            poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = give.try_send(cx.waker().clone());
                Poll::<()>::Pending
            }),
        );
        task::spawn("wakes", async move {
            let waker = given.recv_async().await.expect("it is polled");
            // Several times in one turn.
            (0..10).for_each(|_| waker.wake_by_ref());
        });
    });
    eventually(PATIENCE, || count(&polls) == 2);
    on_shard(&server, || {});
    assert_eq!(queue_stats(&server.handle(), "one").polls, 2);
}
