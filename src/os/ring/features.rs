use std::{fmt, io, str::FromStr};

use io_uring::IoUring;

use super::RingConfig;

/// A feature that newer kernels have. Without it the ring uses the next best way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Feature {
    /// The kernel finishes work only when the shard enters it (Linux 6.1); otherwise
    /// [`Feature::CoopTaskrun`].
    DeferTaskrun,
    /// The kernel finishes work without interrupting the shard (5.19); otherwise it interrupts.
    CoopTaskrun,
    /// One entry accepts many connections (5.19); otherwise one entry each.
    MultishotAccept,
    /// One entry receives many times (6.0); otherwise one entry each.
    MultishotReceive,
    /// The submission queue needs no index array (6.6); otherwise it has one.
    NoSqArray,
    /// A shard that waits for its ring does not count as waiting for I/O (6.15); otherwise it does, and an
    /// idle server raises `/proc/pressure/io`.
    NoIowait,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::DeferTaskrun,
        Self::CoopTaskrun,
        Self::MultishotAccept,
        Self::MultishotReceive,
        Self::NoSqArray,
        Self::NoIowait,
    ];

    /// Its name in the configuration and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeferTaskrun => "defer-taskrun",
            Self::CoopTaskrun => "coop-taskrun",
            Self::MultishotAccept => "multishot-accept",
            Self::MultishotReceive => "multishot-receive",
            Self::NoSqArray => "no-sqarray",
            Self::NoIowait => "no-iowait",
        }
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|feature| feature.name() == name);
        found.ok_or_else(|| format!("no io_uring feature is called {name:?}; there are {}", Features::ALL))
    }
}

/// A set of [`Feature`]s.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Features(u8);

impl Features {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b11_1111);

    /// Whether `feature` is in the set.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    /// The set and `feature`.
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    /// The set without `feature`.
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u8))
    }

    /// The features that `self` has and `other` does not have.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Feature::ALL.into_iter().filter(|&it| self.has(it)).map(Feature::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// A ring could not be created.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Seccomp, a security module or `kernel.io_uring_disabled` forbids it.
    #[error(
        "io_uring is forbidden here: allow io_uring_setup, io_uring_enter and io_uring_register in the \
         container's seccomp profile, or set sysctl kernel.io_uring_disabled=0"
    )]
    Forbidden,
    /// The kernel has no io_uring at all.
    #[error("this kernel has no io_uring (or a seccomp profile hides it): Linux 5.19 or newer is needed")]
    Missing,
    /// The kernel has io_uring, but without buffer rings.
    #[error(
        "this kernel's io_uring is too old: it lacks provided buffer rings; Linux 5.19 or newer is needed"
    )]
    TooOld,
    /// Locked memory is short.
    #[error("locked memory is short: RLIMIT_MEMLOCK, which all processes of this user share, is used up")]
    LockedMemory,
    /// The kernel refused the file table.
    #[error("no room for {slots} connections: {error}; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)")]
    Slots {
        /// The requested number of slots.
        slots: u32,
        /// The kernel's error.
        error: io::Error,
    },
    /// The number of receive buffers is invalid.
    #[error("{count} receive buffers: must be a power of two, at most {max}, of at least one byte")]
    BufferCount {
        /// The requested number of buffers.
        count: u16,
        /// The greatest possible number.
        max: u16,
    },
    /// Any other error.
    #[error("io_uring: {0}")]
    Io(io::Error),
}

impl RingError {
    fn from_setup(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Forbidden,
            Some(libc::ENOSYS) => Self::Missing,
            Some(libc::ENOMEM) => Self::LockedMemory,
            _ => Self::Io(error),
        }
    }

    pub(super) fn from_buffer_registration(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EINVAL) => Self::TooOld,
            Some(libc::ENOMEM) => Self::LockedMemory,
            _ => Self::Io(error),
        }
    }
}

/// Creates the ring with the most features that the kernel accepts; the newest features are given up first.
///
/// The kernel cannot be asked for multishot operations in advance: it refuses the first one, and the ring
/// then falls back.
pub(super) fn build(config: &RingConfig) -> Result<(IoUring, Features), RingError> {
    let wanted = Features::ALL.minus(config.disable);
    let mut features = wanted;
    for give_up in [None, Some(Feature::NoSqArray), Some(Feature::DeferTaskrun), Some(Feature::CoopTaskrun)] {
        if let Some(feature) = give_up {
            features = features.without(feature);
        }
        match try_build(config, features) {
            Ok(io) => {
                let has_no_iowait = io.params().is_feature_no_iowait();
                let found = if has_no_iowait { features } else { features.without(Feature::NoIowait) };
                return Ok((io, found));
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => return Err(RingError::from_setup(error)),
        }
    }
    Err(RingError::TooOld)
}

fn try_build(config: &RingConfig, features: Features) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .dontfork()
        .setup_clamp()
        .setup_cqsize(config.entries.saturating_mul(super::CQ_FACTOR))
        .setup_submit_all();
    if features.has(Feature::DeferTaskrun) {
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
    } else if features.has(Feature::CoopTaskrun) {
        builder.setup_coop_taskrun().setup_taskrun_flag();
    }
    if features.has(Feature::NoSqArray) {
        builder.setup_no_sqarray();
    }
    builder.build(config.entries)
}
