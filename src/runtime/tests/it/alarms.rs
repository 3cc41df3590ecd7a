//! A shard that sleeps is woken for its timers, and not more often than that.

use std::time::Duration;

use shardcast::{Server, ServerHandle, task};

use crate::support::{PATIENCE, Totals, config, eventually};

/// Sleeps in a task of the first shard; then comes how often that shard has gone to sleep by then.
fn sleep(server: &ServerHandle, duration: Duration) -> flume::Receiver<u64> {
    let (report, reported) = flume::bounded(1);
    let handle = server.clone();
    let body = move || {
        task::spawn("sleeps", async move {
            task::sleep(duration).await;
            let _ = report.send(parks(&handle));
        });
    };
    server.run_on(0, body).expect("room");
    reported
}

fn parks(server: &ServerHandle) -> u64 {
    server.stats()[0].parks
}

#[test]
fn an_alarm_under_way_is_not_set_again_whenever_an_earlier_one_has_gone_off() {
    let server = Server::builder().config(config()).start().expect("the server starts");
    let handle = server.handle();
    let long = sleep(&handle, Duration::from_secs(3));
    for _ in 0..300 {
        let before = sleep(&handle, Duration::from_millis(1)).recv_timeout(PATIENCE).expect("it ends");
        // The shard then waits for the long one.
        eventually(PATIENCE, || parks(&handle) > before);
    }
    let completions = || Totals::of(&handle).shards(|shard| shard.ring_completions);
    let before = completions();
    long.recv_timeout(PATIENCE).expect("it ends");
    let more = completions() - before;
    assert!(more < 100, "{more} completions to end one sleep");
}
