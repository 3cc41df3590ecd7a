//! Tells the program which revision it is built from, where git knows.
#![forbid(unsafe_code)]

use std::{path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env=SHARDCAST_REVISION={revision}");
    }
    // What changes when HEAD does: which branch it is, and the log of what it was.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|it| Path::new(it).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

/// What git prints; nothing where there is no git, or no checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
