use std::time::Duration;

/// Pauses between attempts: doubling up to a maximum, with jitter, so that the clients of a restarted server
/// do not all return at once.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// use shardcast_proto::rpc::Backoff;
///
/// let (min, max) = (Duration::from_millis(100), Duration::from_secs(10));
/// let mut backoff = Backoff::new(min, max, 7);
/// assert!((min / 2..=min).contains(&backoff.pause()));
/// assert!((min..=min * 2).contains(&backoff.pause()));
/// backoff.reset();
/// assert!(backoff.pause() <= min);
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    doublings: u32,
    random: u64,
}

impl Backoff {
    /// The first pause is at most `min`, the last at most `max`. The same `seed` gives the same pauses; two
    /// clients should have different ones.
    pub const fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max, doublings: 0, random: seed }
    }

    /// The next pause: between half of its bound and its bound. The bound doubles with each pause.
    pub fn pause(&mut self) -> Duration {
        let bound = self.min.saturating_mul(1 << self.doublings).min(self.max);
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        let half = bound / 2;
        let spread = u64::try_from((bound - half).as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(self.next_below(spread.saturating_add(1)))
    }

    /// An attempt succeeded: the next pause is the shortest again.
    pub const fn reset(&mut self) {
        self.doublings = 0;
    }

    fn next_below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_random()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of 128 bits")
    }

    /// SplitMix64: every seed is good.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Keeps the shift in range; any realistic pause is at its maximum long before.
const DOUBLINGS_MAX: u32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn pauses_double_up_to_the_maximum_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(millis(100), millis(1000), 3);
        for bound in [100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.pause();
            assert!((millis(bound / 2)..=millis(bound)).contains(&pause), "{pause:?} of {bound} ms");
        }
        backoff.reset();
        assert!(backoff.pause() <= millis(100));
    }

    #[test]
    fn jitter_comes_from_the_seed_alone() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(millis(100), millis(10_000), seed);
            [(); 8].map(|()| backoff.pause())
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
    }

    #[test]
    fn extremes_neither_overflow_nor_panic() {
        let mut still = Backoff::new(Duration::ZERO, Duration::ZERO, 1);
        assert_eq!(still.pause(), Duration::ZERO);
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX, 1);
        for _ in 0..64 {
            assert!(endless.pause() > Duration::from_secs(1));
        }
        let mut inverted = Backoff::new(millis(100), millis(10), 1);
        assert!(inverted.pause() <= millis(10), "the maximum holds");
    }
}
