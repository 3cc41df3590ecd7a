use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use shardcast::proto::{
    Time,
    outbox::{Outbox, OutboxBounds, OverflowPolicy, Parcel, Pushing},
};

use super::{Micro, measure};

/// Queues `MESSAGES` pushes of `size` bytes, or responses, and takes them out for one send.
pub fn outbox(size: usize, seconds: f64) -> Vec<Micro> {
    let frame = Bytes::from(vec![0x5A; size]);
    vec![
        shared(&frame, seconds),
        pushes("outbox: pushes, sent together", &frame, None, OverflowPolicy::Disconnect, seconds),
        pushes("outbox: pushes with keys, sent together", &frame, Some(0), OverflowPolicy::Conflate, seconds),
        full("outbox: full, the oldest dropped", &frame, OverflowPolicy::DropOldest, seconds),
        full("outbox: full, replaced by key", &frame, OverflowPolicy::Conflate, seconds),
        answers(&frame, seconds),
    ]
}

/// The least: a reference to shared bytes is made and dropped.
fn shared(frame: &Bytes, seconds: f64) -> Micro {
    measure("outbox: a reference to a push (baseline)", MESSAGES, seconds, || {
        for _ in 0..MESSAGES {
            drop(black_box(frame.clone()));
        }
    })
}

fn pushes(name: &str, frame: &Bytes, key: Option<u64>, overflow: OverflowPolicy, seconds: f64) -> Micro {
    let (mut outbox, bounds) = (Outbox::default(), bounds(overflow));
    let mut spare = Vec::new();
    measure(name, MESSAGES, seconds, || {
        for number in 0..MESSAGES as u64 {
            let key = key.map(|key| key + number);
            black_box(outbox.push(pushing(frame, key), NOW, &bounds));
        }
        send(&mut outbox, &bounds, &mut spare);
    })
}

/// The outbox is full at every push.
fn full(name: &str, frame: &Bytes, overflow: OverflowPolicy, seconds: f64) -> Micro {
    let (mut outbox, bounds) = (Outbox::default(), bounds(overflow));
    for key in 0..bounds.messages_max as u64 {
        outbox.push(pushing(frame, Some(key)), NOW, &bounds);
    }
    measure(name, MESSAGES, seconds, || {
        for key in 0..MESSAGES as u64 {
            black_box(outbox.push(pushing(frame, Some(key)), NOW, &bounds));
        }
    })
}

fn answers(frame: &Bytes, seconds: f64) -> Micro {
    let (mut outbox, bounds) = (Outbox::default(), bounds(OverflowPolicy::Disconnect));
    let mut spare = Vec::new();
    measure("outbox: answers, sent together", MESSAGES, seconds, || {
        for _ in 0..MESSAGES {
            let mut run = outbox.take_run(NOW, || std::mem::take(&mut spare));
            run.bytes.extend_from_slice(frame);
            black_box(outbox.put_run(run, 1));
        }
        send(&mut outbox, &bounds, &mut spare);
    })
}

fn pushing(frame: &Bytes, key: Option<u64>) -> Pushing {
    Pushing { frame: frame.clone(), key, posted: NOW, expires: Time::NEVER }
}

/// Takes everything out, as if the kernel were always ready; the buffers are reused.
fn send(outbox: &mut Outbox, bounds: &OutboxBounds, spare: &mut Vec<u8>) {
    while let Some(parcel) = outbox.take(bounds, NOW, || std::mem::take(spare)) {
        if let Parcel::Gathered(mut bytes) = black_box(parcel) {
            bytes.clear();
            *spare = bytes;
        }
        outbox.sent();
    }
}

fn bounds(overflow: OverflowPolicy) -> OutboxBounds {
    OutboxBounds::default().with(|it| {
        it.bytes_max = 1 << 20;
        it.messages_max = 1024;
        it.age_max = Duration::ZERO;
        it.overflow = overflow;
    })
}

const NOW: Time = Time::from_nanos(1);

/// The number that one turn of a busy shard brings for one peer.
const MESSAGES: usize = 64;
