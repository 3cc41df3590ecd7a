//! The clock for all behaviour: monotonic, never set back, and the same for all processes of the host.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the monotonic clock since some point before this process began.
///
/// Costs about 20 ns (no system call): read it once per turn, not once per message.
#[inline]
pub fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Both are never negative on the monotonic clock, and 64 bits last for 584 years of uptime.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back() {
        let mut last = now_nanos();
        for _ in 0..1000 {
            let now = now_nanos();
            assert!(now >= last);
            last = now;
        }
    }
}
