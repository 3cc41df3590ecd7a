use std::time::Duration;

/// Pauses between attempts to connect: doubling, with jitter so that the clients of a server that
/// restarts do not come back all at once.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    doublings: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max, doublings: 0, random: seed }
    }

    /// The next pause: between half of the bound and the whole of it.
    pub(super) fn pause(&mut self) -> Duration {
        let bound = self.min.saturating_mul(1 << self.doublings).min(self.max);
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        let half = bound / 2;
        let spread = u64::try_from((bound - half).as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(self.next_below(spread.saturating_add(1)))
    }

    /// The peer has proved that it works: start from the shortest pause again.
    pub(super) fn reset(&mut self) {
        self.doublings = 0;
    }

    fn next_below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_random()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of 128 bits")
    }

    /// SplitMix64: every seed is a good one.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Keeps the shift in range; any pause in use is at its maximum long before.
const DOUBLINGS_MAX: u32 = 31;
