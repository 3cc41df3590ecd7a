use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A point of monotonic time, in nanoseconds since an origin that the driver chose.
///
/// Cores never read a clock: their driver passes the time in, and a test passes any time it likes.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::Time;
///
/// let start = Time::from_nanos(1_000_000);
/// let deadline = start + Duration::from_secs(1);
/// assert_eq!(deadline.saturating_since(start), Duration::from_secs(1));
/// assert_eq!(start - deadline, Duration::ZERO);
/// assert_eq!(deadline.earlier(Duration::from_secs(1)).as_nanos(), 1_000_000);
/// assert!(deadline < Time::NEVER);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(u64);

impl Time {
    /// Later than every other time: a deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The point `duration` before this, or the origin.
    #[must_use]
    pub fn earlier(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}
