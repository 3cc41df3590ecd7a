//! Limits are of the whole process, so this test has one of its own.
#![cfg(not(loom))]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast_os::rlimit::{MEMLOCK_BYTES_MIN, MemlockError, ensure_memlock, raise_nofile};

#[test]
fn limits_are_raised_as_far_as_the_process_may() {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: hard }).unwrap();
    assert_eq!(raise_nofile().unwrap(), hard.unwrap_or(u64::MAX));
    assert_eq!(getrlimit(Resource::Nofile).current, hard);

    let hard = getrlimit(Resource::Memlock).maximum;
    setrlimit(Resource::Memlock, Rlimit { current: Some(4096), maximum: hard }).unwrap();
    match ensure_memlock(MEMLOCK_BYTES_MIN) {
        Ok(()) => {
            let soft = getrlimit(Resource::Memlock).current;
            assert!(soft.is_none_or(|soft| soft >= MEMLOCK_BYTES_MIN), "{soft:?}");
        }
        Err(error) => {
            assert!(hard.is_some_and(|hard| hard < MEMLOCK_BYTES_MIN), "{hard:?} would have done");
            assert_eq!(error, MemlockError { have_bytes: 4096, need_bytes: MEMLOCK_BYTES_MIN });
        }
    }
}
