//! The compiler through its public interface, on files.

mod breaking;
mod builder;
mod corpus;
mod diagnostics;
mod format;
mod golden;
mod grammar;
mod names;
mod semantics;

use std::{
    fs,
    path::{Path, PathBuf},
};

use shardcast_build::{Builder, Diagnostic, Error};

fn builder() -> Builder {
    Builder::new().emit_rerun_if_changed(false)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A file of its own for the test `name`.
fn written(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.tars"));
    fs::write(&path, text).expect("a place for the test");
    path
}

fn faults<T: std::fmt::Debug>(checked: Result<T, Error>) -> Vec<Diagnostic> {
    match checked {
        Err(Error::Invalid(diagnostics)) => diagnostics,
        other => panic!("expected faults, got {other:?}"),
    }
}

/// The files of `folder` whose names end in `.extension`, in order.
fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the tests");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    paths.sort();
    paths
}
