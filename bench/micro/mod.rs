//! Small pieces of a message's path, each by itself, without kernel and network.

mod framing;
mod outbox;

use serde::Serialize;
use shardcast_os::clock;

use crate::runner::median;

pub use framing::framing;
pub use outbox::outbox;

/// What one piece costs.
#[derive(Clone, Debug, Serialize)]
pub struct Micro {
    /// Which piece.
    pub name: String,
    /// Nanoseconds of one operation: the median over many batches.
    pub nanos: f64,
    /// The fastest batch: what it costs when nothing disturbs.
    pub nanos_min: f64,
}

/// Repeats `batch`, which does `operations` of what is measured, for about `seconds`.
pub fn measure(name: &str, operations: usize, seconds: f64, mut batch: impl FnMut()) -> Micro {
    let began = clock::now_nanos();
    let warm = began + (seconds * 1e8) as u64;
    while clock::now_nanos() < warm {
        batch();
    }
    let end = began + (seconds * 1e9) as u64;
    let mut times = Vec::new();
    let mut before = clock::now_nanos();
    while before < end || times.is_empty() {
        batch();
        let now = clock::now_nanos();
        times.push((now - before) as f64 / operations as f64);
        before = now;
    }
    let nanos_min = times.iter().copied().fold(f64::MAX, f64::min);
    Micro { name: name.to_owned(), nanos: median(times), nanos_min }
}
