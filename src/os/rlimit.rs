//! The two limits of a process that a server runs into: open files, and locked memory.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and returns it; `u64::MAX` is no limit.
///
/// # Errors
///
/// When the system refuses; the limit is then as it was.
pub fn raise_nofile() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Makes sure that `bytes` may be locked in memory: raises the soft limit, and the hard one where permitted.
///
/// glommio refuses to start below [`MEMLOCK_BYTES_MIN`], whatever the kernel and the capabilities of the process.
///
/// # Errors
///
/// When the limit stays too low. The text names the limit and how to raise it.
pub fn ensure_memlock(bytes: u64) -> Result<(), MemlockError> {
    let limit = getrlimit(Resource::Memlock);
    let Some(raised) = raised(limit, bytes) else { return Ok(()) };
    setrlimit(Resource::Memlock, raised)
        .map_err(|_| MemlockError { have_bytes: limit.current.unwrap_or(u64::MAX), need_bytes: bytes })
}

/// What glommio asks for, in bytes.
pub const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;

/// Less memory may be locked than the server needs, and it may not raise the limit itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the limit of locked memory (RLIMIT_MEMLOCK) is {} KiB, and {} KiB are needed: run `ulimit -l {}` before \
     starting (as root, or with a higher hard limit in /etc/security/limits.conf), set `LimitMEMLOCK={}K` in the \
     systemd unit, or start the container with `--ulimit memlock={}`",
    .have_bytes / 1024, .need_bytes.div_ceil(1024), .need_bytes.div_ceil(1024), .need_bytes.div_ceil(1024),
    .need_bytes
)]
pub struct MemlockError {
    /// The soft limit.
    pub have_bytes: u64,
    /// What was asked for.
    pub need_bytes: u64,
}

/// The limit to set so that `bytes` are allowed; `None` when they are already.
fn raised(limit: Rlimit, bytes: u64) -> Option<Rlimit> {
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= bytes);
    if enough(limit.current) {
        return None;
    }
    Some(match enough(limit.maximum) {
        true => Rlimit { current: limit.maximum, ..limit },
        false => Rlimit { current: Some(bytes), maximum: Some(bytes) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_raised_no_further_than_it_must_be() {
        let limit = |current, maximum| Rlimit { current, maximum };
        for (have, expected) in [
            (limit(None, None), None),
            (limit(Some(100), Some(100)), None),
            (limit(Some(99), Some(100)), Some(limit(Some(100), Some(100)))),
            (limit(Some(99), Some(300)), Some(limit(Some(300), Some(300)))),
            (limit(Some(99), None), Some(limit(None, None))),
            (limit(Some(99), Some(99)), Some(limit(Some(100), Some(100)))),
        ] {
            assert_eq!(raised(have, 100), expected, "{have:?}");
        }
    }

    #[test]
    fn the_error_names_the_limit_and_the_fix() {
        let text = MemlockError { have_bytes: 65536, need_bytes: MEMLOCK_BYTES_MIN }.to_string();
        for part in
            ["RLIMIT_MEMLOCK", "64 KiB", "512 KiB", "`ulimit -l 512`", "LimitMEMLOCK=512K", "memlock=524288"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
