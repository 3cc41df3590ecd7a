//! Limits are of the whole process, so this test has one of its own.
#![cfg(not(loom))]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast_os::rlimit::{MEMLOCK_BYTES_MIN, raise_memlock, raise_nofile};

#[test]
fn limits_are_raised_as_far_as_the_process_may() {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: hard }).unwrap();
    assert_eq!(raise_nofile().unwrap(), hard.unwrap_or(u64::MAX));
    assert_eq!(getrlimit(Resource::Nofile).current, hard);

    let hard = getrlimit(Resource::Memlock).maximum;
    setrlimit(Resource::Memlock, Rlimit { current: Some(4096), maximum: hard }).unwrap();
    let raised = raise_memlock(MEMLOCK_BYTES_MIN);
    assert_eq!(getrlimit(Resource::Memlock).current.unwrap_or(u64::MAX), raised);
    if hard.is_none_or(|hard| hard >= MEMLOCK_BYTES_MIN) {
        assert!(raised >= MEMLOCK_BYTES_MIN, "{raised}");
    } else {
        // The hard limit, where it may not be raised either.
        assert!(raised >= MEMLOCK_BYTES_MIN || Some(raised) == hard, "{raised}");
    }
}
