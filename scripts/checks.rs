//! Checks that need a separate build.

use std::path::Path;

use anyhow::Result;

use crate::{command, succeed};

/// Model-checks the concurrent parts of `os` under loom, in a separate target directory, because the
/// flag rebuilds everything.
pub(crate) fn loom(root: &Path) -> Result<()> {
    let mut cargo = command(root, "cargo test -p shardcast-os --release --test loom");
    succeed(cargo.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", "target/loom"))
}

/// Runs the tests that Miri can run: all of proto, and os without the kernel.
pub(crate) fn miri(root: &Path) -> Result<()> {
    let installed = command(root, "cargo +nightly miri --version").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("miri: skipped, it is not installed; `rustup +nightly component add miri` does that");
        return Ok(());
    }
    for line in MIRI_RUNS {
        let mut cargo = command(root, line);
        // Property tests look at the working directory and would otherwise take hours.
        cargo.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "8");
        succeed(cargo.env("CARGO_TARGET_DIR", "target/miri"))?;
    }
    Ok(())
}

/// Runs the stress scenarios against the release binary.
pub(crate) fn stress(root: &Path, arguments: &[&str]) -> Result<()> {
    succeed(&mut command(
        root,
        "cargo build --release -p shardcast-cli -p shardcast-stress --bin shardcast --bin stress",
    ))?;
    succeed(command(root, "cargo run -q --release -p shardcast-stress --").args(arguments))
}

/// Compares the code that we compile from a .tars file with npm's `@tars/stream`, and our clients and servers with those
/// of `@tars/rpc`. It installs both in the locked versions.
pub(crate) fn interop(root: &Path) -> Result<()> {
    for tool in ["node", "npm"] {
        let version = command(root, &format!("{tool} --version")).output();
        if !version.is_ok_and(|output| output.status.success()) {
            println!("interop: skipped, {tool} is not installed");
            return Ok(());
        }
    }
    succeed(&mut command(&root.join("tests/interop"), "npm ci --no-audit --no-fund"))?;
    // As for the tests, with the examples: another choice of packages would build most of them once more.
    succeed(&mut command(root, "cargo test --workspace --no-run"))?;
    succeed(&mut command(root, "cargo test --workspace --test interop -- --ignored"))
}

/// Runs the simulation with its own command line, in a fast build with assertions.
pub(crate) fn sim(root: &Path, words: &[&str]) -> Result<()> {
    let mut cargo = command(root, "cargo run -q --profile sim -p shardcast-sim --");
    succeed(cargo.args(words))
}

/// The number of seeds that every change must pass.
pub(crate) fn sim_of_ci(root: &Path) -> Result<()> {
    sim(root, &["--seeds", "2000"])
}

/// Runs the simulation of streams, which is among the tests, with this number of seeds, in a fast build with assertions.
pub(crate) fn streams(root: &Path, seeds: &str) -> Result<()> {
    let line = "cargo test -q --profile sim -p shardcast-proto --test it -- seastar::teardown::every_stream";
    succeed(command(root, line).env("SHARDCAST_STREAM_SEEDS", seeds))
}

/// Kills of servers and clients of tcpshm, and of a process with a journal after each instruction: the long forms of two
/// tests.
pub(crate) struct Storm<'a> {
    kills: &'a str,
    seed: &'a str,
    steps: &'a str,
}

impl<'a> Storm<'a> {
    /// Reads the words after the command; `None` if they are not valid.
    pub(crate) fn read(words: &[&'a str]) -> Option<Self> {
        let mut storm = Self { kills: "1000", seed: "1", steps: "200" };
        for pair in words.chunks(2) {
            match *pair {
                ["--kills", kills] => storm.kills = kills,
                ["--seed", seed] => storm.seed = seed,
                ["--steps", messages] => storm.steps = messages,
                _ => return None,
            }
        }
        [storm.kills, storm.seed, storm.steps].iter().all(|it| it.parse::<u64>().is_ok()).then_some(storm)
    }

    /// Runs both, and shows their summaries.
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        self.kill(root)?;
        if self.steps == "0" { Ok(()) } else { self.step(root) }
    }

    /// In the build of the tests.
    fn kill(&self, root: &Path) -> Result<()> {
        // All of the package: the test starts its examples.
        succeed(&mut command(root, "cargo test -q -p shardcast-examples --no-run"))?;
        let line = "cargo test -q -p shardcast-examples --test tcpshm -- --exact --nocapture";
        let mut cargo = command(root, line);
        cargo.arg("kills_at_any_time_lose_nothing_and_change_no_order");
        cargo.env("SHARDCAST_STORM_KILLS", self.kills).env("SHARDCAST_STORM_SEED", self.seed);
        succeed(&mut cargo)
    }

    /// In an optimized build, in which the compiler orders the stores.
    fn step(&self, root: &Path) -> Result<()> {
        let line = "cargo test -q --release -p shardcast --test it -- --exact --nocapture";
        let mut cargo = command(root, line);
        cargo.arg("tcpshm::steps::a_kill_after_any_instruction_loses_nothing");
        succeed(cargo.env("SHARDCAST_STEPS_MESSAGES", self.steps))
    }
}

const MIRI_RUNS: &[&str] = &[
    "cargo +nightly miri test -p shardcast-proto --lib",
    // The modules of os without system calls. A test with a system call stops Miri at once, so this list stays correct.
    "cargo +nightly miri test -p shardcast-os --lib -- spsc park",
];
