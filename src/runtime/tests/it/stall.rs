//! A stalled shard reports what blocks it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shardcast::{
    source::{self, Progress, Source, Wait},
    task,
};

use crate::support::{
    PATIENCE, Peer, Recorder, Totals, alone, config, eventually, frame, framed, start, within,
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Stalls a shard until a line about it names `culprit`: on a busy machine the detector may not run while a stall
    /// lasts.
    #[track_caller]
    fn tells_of(&self, culprit: &str, mut stall: impl FnMut()) {
        let is_logged = || self.text().lines().any(|line| line.contains("stalled") && line.contains(culprit));
        eventually(PATIENCE, || {
            stall();
            within(Duration::from_secs(1), is_logged)
        });
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source that keeps its shard from everything else.
struct Blocks;

impl Source for Blocks {
    fn poll(&mut self) -> Progress {
        std::thread::sleep(Duration::from_millis(200));
        Progress::Idle
    }

    fn wait(&mut self) -> Wait {
        Wait::Doorbell
    }
}

#[test]
fn what_blocks_a_shard_is_named_and_counted() {
    alone("stall::what_blocks_a_shard_is_named_and_counted", || {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        let recorder = Recorder::default();
        let (server, address) = start(config(), framed("slow-listener", &recorder), "slow-listener");
        let stalls = || Totals::of(&server.handle()).shards(|shard| shard.stalls);
        let mut peer = Peer::connect(address);

        log.tells_of("slow-listener", || peer.echo(1, b"block"));
        eventually(PATIENCE, || stalls() >= 1);
        let longest = || server.handle().stats().iter().map(|shard| shard.turn_max_nanos).max();
        assert!(longest() >= Some(100_000_000), "{:?}", longest());
        eventually(PATIENCE, || {
            let log = log.text();
            log.lines().any(|line| line.contains("no longer stalled") && line.contains("slow-listener"))
        });

        // While it lasts: the line must come before the end.
        let lasting =
            || log.text().lines().any(|line| line.contains("still stalled") && line.contains("a long one"));
        let (ended, end) = flume::bounded(1);
        let run = server.handle().run_on(0, move || {
            task::spawn("a long one", async move {
                let _ = end.recv_timeout(PATIENCE);
            });
        });
        run.expect("room");
        eventually(PATIENCE, lasting);
        ended.send(()).expect("it waits");

        let before = stalls();
        log.tells_of("a task that blocks", || peer.send(&frame(2, b"task-block")));
        eventually(PATIENCE, || stalls() > before);

        // Two in one turn, which both take too long.
        let two_block = || {
            let run = server.handle().run_on(0, || {
                for name in ["the first of two", "the second of two"] {
                    task::spawn(name, async {
                        task::yield_now().await;
                        std::thread::sleep(Duration::from_millis(200));
                    });
                }
            });
            run.expect("room");
        };
        log.tells_of("the first of two", &two_block);
        log.tells_of("the second of two", &two_block);

        // Woken from outside, while the shard sleeps.
        let before = stalls();
        log.tells_of("a sleeper that blocks", || {
            let (wake, woken) = flume::bounded(1);
            let run = server.handle().run_on(0, move || {
                task::spawn("a sleeper that blocks", async move {
                    let _ = woken.recv_async().await;
                    std::thread::sleep(Duration::from_millis(200));
                });
            });
            run.expect("room");
            std::thread::sleep(Duration::from_millis(50));
            wake.send(()).expect("the task waits");
        });
        eventually(PATIENCE, || stalls() > before);

        let before = stalls();
        log.tells_of("a source that blocks", || {
            let run = server.handle().run_on(0, || {
                task::spawn("keeps a source", async {
                    let _source = source::add("a source that blocks", Blocks);
                    task::sleep(Duration::from_millis(1)).await;
                });
            });
            run.expect("room");
        });
        eventually(PATIENCE, || stalls() > before);

        peer.echo(3, b"all is well again");
        let connection = recorder.connection_of(&peer);
        assert_eq!(connection.send(frame(0, b"pushes too")), Ok(()));
        assert_eq!(peer.read_frame(), (0, b"pushes too".to_vec()));
    });
}
