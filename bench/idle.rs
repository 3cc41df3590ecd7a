//! What the loop of the baseline does without work: poll for a while, then sleep on the ring's eventfd.

use std::{fmt, io, str::FromStr, time::Duration};

use shardcast_os::{clock, ring::Ring};

/// How long to poll before sleeping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spin {
    /// Sleep at once, or after this long.
    For(Duration),
    /// Never sleep.
    Always,
}

impl Spin {
    /// How long to poll.
    pub const fn limit(self) -> Duration {
        match self {
            Self::For(limit) => limit,
            Self::Always => Duration::MAX,
        }
    }
}

impl FromStr for Spin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(Self::Always);
        }
        let micros = text.parse().map_err(|_| "0, microseconds, or always".to_owned())?;
        Ok(Self::For(Duration::from_micros(micros)))
    }
}

impl From<Spin> for shardcast::Spin {
    fn from(spin: Spin) -> Self {
        match spin {
            Spin::Always => Self::Always,
            Spin::For(Duration::ZERO) => Self::Never,
            Spin::For(limit) => Self::Adaptive(limit),
        }
    }
}

impl fmt::Display for Spin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(limit) => write!(f, "{}", limit.as_micros()),
            Self::Always => f.write_str("always"),
        }
    }
}

/// Waits between turns of one loop.
#[derive(Debug)]
pub struct Idle {
    spin: Spin,
    /// When the first turn that found nothing ended; 0 while there is work.
    since_nanos: u64,
}

impl Idle {
    /// Spins, then sleeps.
    pub const fn new(spin: Spin) -> Self {
        Self { spin, since_nanos: 0 }
    }

    /// Call after each turn, with whether it found anything.
    ///
    /// # Errors
    /// The eventfd cannot be read.
    #[inline]
    pub fn after_turn(&mut self, worked: bool, ring: &mut Ring) -> io::Result<()> {
        if worked {
            self.since_nanos = 0;
            return Ok(());
        }
        let Spin::For(limit) = self.spin else {
            std::hint::spin_loop();
            return Ok(());
        };
        let now = if limit.is_zero() { 0 } else { clock::now_nanos() };
        if self.since_nanos == 0 {
            self.since_nanos = now;
        }
        if u128::from(now - self.since_nanos) < limit.as_nanos() {
            std::hint::spin_loop();
            return Ok(());
        }
        self.since_nanos = 0;
        sleep(ring)
    }
}

fn sleep(ring: &mut Ring) -> io::Result<()> {
    ring.enable_notifications();
    if !ring.has_work() {
        match rustix::io::read(ring.eventfd(), &mut [0; 8]) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    ring.disable_notifications();
    Ok(())
}
