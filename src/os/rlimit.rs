//! The two limits of a process that matter to a server: open files, and locked memory.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and returns it; `u64::MAX` means no limit.
///
/// # Errors
///
/// The system refuses; the limit is then unchanged.
pub fn raise_nofile() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Raises the limit of locked memory towards `bytes` if it is lower: the soft limit up to the hard one, and
/// the hard one where permitted. Returns the soft limit in bytes; `u64::MAX` means no limit.
pub fn raise_memlock(bytes: u64) -> u64 {
    let limit = getrlimit(Resource::Memlock);
    let steps = [raised(limit, bytes), Some(Rlimit { current: limit.maximum, ..limit })];
    // If this is not permitted, the limit is unchanged, and the unchanged limit counts.
    let _ = steps.into_iter().flatten().find(|&it| it != limit && setrlimit(Resource::Memlock, it).is_ok());
    getrlimit(Resource::Memlock).current.unwrap_or(u64::MAX)
}

/// What glommio requires, in bytes, whatever the kernel charges, and for every user.
pub const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;

/// Less memory may be locked than the server needs, and it may not raise the limit itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the limit of locked memory (RLIMIT_MEMLOCK) is {} KiB{}, and {} KiB are needed: run `ulimit -l {set}` \
     before starting (as root, or with a higher hard limit in /etc/security/limits.conf), set \
     `LimitMEMLOCK={set}K` in the systemd unit, or start the container with `--ulimit memlock={}`",
    .have_bytes / 1024, shared(self), .need_bytes.div_ceil(1024), self.enough_bytes(),
    set = self.enough_bytes().div_ceil(1024),
)]
pub struct MemlockError {
    /// The limit.
    pub have_bytes: u64,
    /// What the server needs. If the limit allows it, other processes of the user hold a part of it.
    pub need_bytes: u64,
}

impl MemlockError {
    /// Whether the limit would be enough if other processes of the user held no part of it.
    pub const fn is_shared(&self) -> bool {
        self.have_bytes >= self.need_bytes
    }

    /// A limit that is enough, in bytes: other processes hold at most the current limit.
    const fn enough_bytes(&self) -> u64 {
        if self.is_shared() { self.have_bytes.saturating_add(self.need_bytes) } else { self.need_bytes }
    }
}

fn shared(error: &MemlockError) -> &'static str {
    if error.is_shared() { ", other processes of this user hold a part of it" } else { "" }
}

/// Fewer files may be open than the server needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the limit of open files (RLIMIT_NOFILE) is {have}, and {need} are needed: {open} are open, the rest is for \
     {shards} shards, {listeners} listeners and the first connections; run `ulimit -n {need}` or more before \
     starting, set `LimitNOFILE=` in the systemd unit, or start the container with `--ulimit nofile=`"
)]
pub struct DescriptorError {
    /// The limit.
    pub have: u64,
    /// Files that are open already.
    pub open: u64,
    /// The smallest sufficient limit; each connection needs one more.
    pub need: u64,
    /// Shards of the server.
    pub shards: usize,
    /// Listeners of the server.
    pub listeners: usize,
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
        assert!(!text.contains("other processes"), "{text}");
        for part in
            ["RLIMIT_MEMLOCK", "64 KiB", "512 KiB", "`ulimit -l 512`", "LimitMEMLOCK=512K", "memlock=524288"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = MemlockError { have_bytes: 1 << 20, need_bytes: 1 << 20 }.to_string();
        for part in ["other processes of this user", "1024 KiB are needed", "`ulimit -l 2048`"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
