//! How long the operations take that each message needs. Nothing is asserted: it prints.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use shardcast_proto::tcpshm::journal::{Durability, Journal, JournalConfig};

use super::{BEGINNING, IDENTITY, RING_AT};

#[test]
#[ignore = "measures; run with `cargo test --release -p shardcast-proto --test it speed -- --ignored --nocapture`"]
fn operations_of_each_message_are_measured() {
    for len in [64, 1024] {
        println!("{}\n{}", measure(len, 16), measure(len, 64));
    }
}

fn measure(len: usize, batch: u64) -> String {
    let config = JournalConfig::default();
    assert_eq!(config.durability, Durability::Process);
    let store = vec![0; RING_AT + (1 << 20)];
    let mut journal = Journal::create(store, IDENTITY, BEGINNING, config).expect("possible").finish().0;
    let (body, mut out) = (vec![7; len], Vec::new());
    let mut best = [Duration::MAX; 4];
    // The best of many rounds: other programs use the processor too.
    for _ in 0..ROUNDS {
        let mut times = [Duration::ZERO; 4];
        for _ in 0..BATCHES {
            round(&mut journal, &body, &mut out, batch, &mut times);
        }
        (0..4).for_each(|it| best[it] = best[it].min(times[it]));
    }
    let each = best.map(|time| time.as_nanos() as f64 / (BATCHES * batch) as f64);
    format!(
        "{len} B, batches of {batch}: append {:.1} ns, copy_unsent {:.1} ns, acknowledge {:.1} ns, set_received {:.1} ns",
        each[0], each[1], each[2], each[3]
    )
}

fn round(
    journal: &mut Journal<Vec<u8>>,
    body: &[u8],
    out: &mut Vec<u8>,
    batch: u64,
    times: &mut [Duration; 4],
) {
    let mut last = Instant::now();
    let mut lap = |at: usize| {
        let now = Instant::now();
        times[at] += now - last;
        last = now;
    };
    for _ in 0..batch {
        journal.append(1, black_box(body)).expect("there is room");
    }
    lap(0);
    out.clear();
    let copied = journal.copy_unsent(out, usize::MAX, |header| header[4..].fill(1));
    assert_eq!(copied, Ok(batch as usize));
    lap(1);
    journal.acknowledge(journal.next()).expect("they were sent");
    lap(2);
    for _ in 0..batch {
        journal.set_received(black_box(journal.received() + 1));
    }
    lap(3);
}

const ROUNDS: u64 = 300;
const BATCHES: u64 = 300;
