//! What `needs` computes for locked memory is what the kernel charges. The limit belongs to a user and a process, so
//! each try is a process of its own, of a user who has nothing else.
#![cfg(not(loom))]

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};
use shardcast_os::{
    executor,
    needs::{self, Charge},
    ring::{self, Feature, Features, Ring, RingConfig, RingError},
};

#[test]
fn a_ring_locks_what_is_computed() {
    const NAME: &str = "a_ring_locks_what_is_computed";
    for (entries, buffers, disable) in
        [(4096, 1024, Features::NONE), (128, 8, Features::NONE.with(Feature::NoSqArray))]
    {
        let config = RingConfig { entries, buffers, disable, ..RingConfig::default() };
        if let Some(limit) = limit_of_child() {
            if env::var("ENTRIES").is_ok_and(|it| it == entries.to_string()) {
                lower(limit);
                // Leaves without running destructors: what is locked is given back when the process has ended.
                match Ring::new(&config) {
                    Ok(_ring) => std::process::exit(MADE),
                    Err(RingError::LockedMemory) => std::process::exit(SHORT),
                    Err(error) => panic!("{error}"),
                }
            }
            continue;
        }
        let computed = ring::locked_bytes(&config, Features::ALL.minus(disable));
        let made = |limit: u64| is_made(child(NAME, limit).env("ENTRIES", entries.to_string()));
        if !made(computed) {
            panic!("{computed} bytes are not enough for {entries} entries");
        }
        if rings_are_charged() {
            assert!(!made(computed - 1), "{computed} bytes are more than enough for {entries} entries");
        }
    }
}

/// Rings and registered memory of the executor, by what is left of the limit beside it.
#[test]
fn an_executor_locks_what_is_computed() {
    const NAME: &str = "an_executor_locks_what_is_computed";
    let config = RingConfig::default();
    if let Some(limit) = limit_of_child() {
        lower(limit);
        let make = move || async move { Ring::new(&config).is_ok() };
        let thread = executor::spawn("executor", make, |_| ()).expect("a thread");
        let made = thread.join().expect("no panic").expect("an executor");
        std::process::exit(if made { MADE } else { SHORT });
    }
    let computed = needs::locked_bytes(1, &config, Features::ALL, Charge::Rings)
        - ring::locked_bytes(&config.probe(), Features::ALL);
    let made = |limit| is_made(&mut child(NAME, limit));
    assert!(made(computed), "{computed} bytes are not enough");
    if rings_are_charged() {
        // The ring with which glommio probes the kernel may be gone already, and that is all.
        let slack = 3 * 4096;
        assert!(!made(computed - slack), "{computed} bytes are more than enough");
    }
}

/// Whether a child, which has no privileges, is charged for its rings.
fn rings_are_charged() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Charge::of(&release, "CapEff: 0", "0 0 4294967295") == Charge::Rings
        && (getuid().is_root() || Charge::here() == Charge::Rings)
}

/// This binary, about to run the test `name` alone with this limit; without privileges, where that can be.
fn child(name: &str, limit: u64) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of this binary"));
    command.args([name, "--exact", "--nocapture"]).env(LIMIT, limit.to_string());
    if getuid().is_root() {
        // A user without other processes: the limit is for all processes of the user, also for those that have just ended.
        let user = 40_000 + (std::process::id() * 8 + USERS.fetch_add(1, Ordering::Relaxed)) % 20_000;
        command.uid(user).gid(user);
    }
    command
}

fn limit_of_child() -> Option<u64> {
    env::var(LIMIT).ok()?.parse().ok()
}

/// The soft limit is the one that counts.
fn lower(limit: u64) {
    let maximum = getrlimit(Resource::Memlock).maximum;
    setrlimit(Resource::Memlock, Rlimit { current: Some(limit), maximum }).expect("lower is permitted");
}

fn is_made(child: &mut Command) -> bool {
    let status = child.status().expect("other users may run this very binary");
    let code = status.code();
    assert!(matches!(code, Some(MADE | SHORT)), "{status}");
    code == Some(MADE)
}

/// Children that had a user of their own.
static USERS: AtomicU32 = AtomicU32::new(0);

const LIMIT: &str = "SHARDCAST_OS_MEMLOCK";
const MADE: i32 = 40;
const SHORT: i32 = 41;
