//! CPU time of a call that takes less than a microsecond.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU time that a call takes: the best of `rounds` rounds of `calls` calls each.
///
/// The best, because other processes on the machine can only add time.
pub(crate) fn best_ns<T>(rounds: u32, calls: u32, mut call: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let start = thread_nanos();
        for _ in 0..calls {
            black_box(call());
        }
        (thread_nanos() - start) as f64 / f64::from(calls)
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
