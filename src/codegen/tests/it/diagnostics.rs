//! What the user sees: every file of `diagnostics/` with what is said about it. When that changes, the
//! expectation is rewritten and the test fails: look at `git diff`.

use std::{fs, path::Path};

use shardcast_build::Error;

use crate::{builder, files_in};

#[test]
fn every_fault_is_reported_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let files = files_in(&folder, "tars");
    assert!(files.len() >= 8, "only {} files", files.len());
    let mut changed = Vec::new();
    for file in files {
        let reported = match builder().check(&[&file]) {
            Ok(warnings) => {
                let warnings: Vec<String> = warnings.iter().map(|warning| format!("{warning}\n\n")).collect();
                warnings.concat()
            }
            Err(error @ Error::Invalid(_)) => format!("{error}\n"),
            Err(other) => panic!("{}: {other}", file.display()),
        };
        let reported = reported.replace(&format!("{}/", folder.display()), "");
        let expectation = file.with_extension("txt");
        if fs::read_to_string(&expectation).unwrap_or_default() != reported {
            fs::write(&expectation, reported).expect("the expectation can be written");
            changed.push(expectation);
        }
    }
    assert!(changed.is_empty(), "rewritten, look at git diff: {changed:?}");
}
