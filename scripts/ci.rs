//! The checks of every change, one after the other.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};

use crate::{checks, command, smoke, succeed, tidy};

/// Runs all steps, prints how long each took, and stops at the first one that fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    let begin = Instant::now();
    for (name, step) in STEPS {
        println!("ci: {name} ...");
        let start = Instant::now();
        let outcome = step.run(root);
        let seconds = start.elapsed().as_secs_f32();
        println!("ci: {name} {} in {seconds:.1} s", if outcome.is_ok() { "passed" } else { "FAILED" });
        outcome.with_context(|| format!("step `{name}`"))?;
    }
    println!("ci: all {} steps passed in {:.0} s", STEPS.len(), begin.elapsed().as_secs_f32());
    Ok(())
}

/// The cheap steps come first. Everything before loom shares the build of the dev profile, smoke and stress that
/// of the release profile.
const STEPS: &[(&str, Step)] = &[
    ("fmt", Step::Cargo("cargo fmt --all --check")),
    ("tidy", Step::Ours(tidy::run)),
    ("clippy", Step::Cargo("cargo clippy --workspace --all-targets -- -D warnings")),
    ("rustdoc", Step::Cargo("cargo doc --workspace --no-deps")),
    ("test", Step::Cargo("cargo test --workspace")),
    ("interop", Step::Ours(checks::interop)),
    ("loom", Step::Ours(checks::loom)),
    ("sim", Step::Ours(checks::sim_of_ci)),
    ("smoke", Step::Ours(smoke::run)),
    ("stress", Step::Ours(|root| checks::stress(root, &["--short"]))),
];

enum Step {
    Cargo(&'static str),
    Ours(fn(&Path) -> Result<()>),
}

impl Step {
    fn run(&self, root: &Path) -> Result<()> {
        match self {
            Self::Cargo(line) => succeed(command(root, line).env("RUSTDOCFLAGS", "-D warnings")),
            Self::Ours(step) => step(root),
        }
    }
}
