//! Sets the revision that the program is built from, if git knows it.
#![forbid(unsafe_code)]

use std::{path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env=SHARDCAST_REVISION={revision}");
    }
    // The files that change with HEAD: the name of the branch, and the log of earlier values.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|it| Path::new(it).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

/// The output of git; nothing without git or a checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
