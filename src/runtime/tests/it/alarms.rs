//! A shard that sleeps is woken for its timers, and not more often than that.

use std::time::Duration;

use shardcast::{Server, ServerHandle, task};

use crate::support::{PATIENCE, Totals, config, eventually};

/// Sleeps in a task of the first shard.
fn sleep(server: &ServerHandle, duration: Duration) -> flume::Receiver<()> {
    let (report, reported) = flume::bounded(1);
    let body = move || {
        task::spawn("sleeps", async move {
            task::sleep(duration).await;
            let _ = report.send(());
        });
    };
    server.run_on(0, body).expect("room");
    reported
}

#[test]
fn an_alarm_under_way_is_not_set_again_whenever_an_earlier_one_has_gone_off() {
    let server = Server::builder().config(config()).start().expect("the server starts");
    let handle = server.handle();
    let long = sleep(&handle, Duration::from_secs(3));
    for _ in 0..300 {
        let parks = Totals::of(&handle).shards(|shard| shard.parks);
        sleep(&handle, Duration::from_millis(1)).recv_timeout(PATIENCE).expect("it ends");
        // The shard then waits for the long one.
        eventually(PATIENCE, || Totals::of(&handle).shards(|shard| shard.parks) > parks + 1);
    }
    let completions = || Totals::of(&handle).shards(|shard| shard.ring_completions);
    let before = completions();
    long.recv_timeout(PATIENCE).expect("it ends");
    let more = completions() - before;
    assert!(more < 100, "{more} completions to end one sleep");
}
