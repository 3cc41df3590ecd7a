//! `shardcast idl fmt`

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use shardcast_build::format::format;

use crate::{
    exit::{EXIT_CONFIGURATION, EXIT_RUNTIME},
    output::{print, print_bytes, print_error},
};

/// Formats `files`, or lists those that are not formatted. A file that cannot be read does not affect the others.
pub(super) fn run(files: &[PathBuf], only_check: bool) -> anyhow::Result<ExitCode> {
    let mut changed = String::new();
    let mut faults = 0;
    for path in files {
        let source = match read(path) {
            Ok(source) => source,
            Err(error) => {
                print_error(format_args!("error: {error:#}"));
                faults += 1;
                continue;
            }
        };
        match format(path, &source) {
            Err(diagnostics) => {
                diagnostics.iter().for_each(|diagnostic| print_error(format_args!("{diagnostic}\n")));
                faults += diagnostics.len();
            }
            Ok(text) if is_standard(path) && !only_check => print_bytes(&text)?,
            Ok(text) if text == source => {}
            Ok(text) => {
                if !only_check {
                    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
                }
                changed.push_str(&format!("{}\n", path.display()));
            }
        }
    }
    print(&changed)?;
    Ok(match (faults, changed.is_empty() || !only_check) {
        (0, true) => ExitCode::SUCCESS,
        (0, false) => ExitCode::from(EXIT_RUNTIME),
        _ => ExitCode::from(EXIT_CONFIGURATION),
    })
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if !is_standard(path) {
        return fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let mut source = Vec::new();
    io::stdin().lock().read_to_end(&mut source).context("cannot read standard input")?;
    Ok(source)
}
