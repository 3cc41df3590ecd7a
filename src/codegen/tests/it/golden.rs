//! What is generated, file by file. When that changes, the expectation is rewritten and the test fails:
//! look at `git diff`. `tests/generated` compiles and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shardcast_build::{Builder, BytesType, MapType, StringType};

use crate::{builder, files_in};

#[test]
fn plain_files_come_out_as_before() {
    check("plain", builder(), &["plain"]);
}

#[test]
fn every_type_comes_out_as_before() {
    check("types", builder(), &["rich", "gv", "opt", "bench", "hello"]);
}

#[test]
fn names_of_rust_and_of_the_code_itself_come_out_as_before() {
    check("hygiene", builder(), &["hygiene"]);
}

#[test]
fn lines_are_broken_as_before() {
    check("long", builder().serde(true), &["long"]);
}

#[test]
fn optional_fields_as_options_come_out_as_before() {
    check("optional", builder().optional_fields(true).serde(true), &["plain"]);
}

#[test]
fn other_types_come_out_as_before() {
    let builder = builder()
        .map_type(MapType::Hash)
        .string_type(StringType::Bytes)
        .bytes_type(BytesType::Bytes)
        .elide_defaults(false);
    check("other", builder, &["plain"]);
}

#[test]
fn names_and_attributes_that_were_asked_for_come_out_as_before() {
    let builder = builder()
        .keep_names(true)
        .string_type(StringType::Lossy)
        .type_attribute(".", "#[non_exhaustive]")
        .type_attribute("Users::UserKey", "#[derive(Copy)]")
        .field_attribute("Users::UserInfo.sName", "#[cfg(all())]")
        .module_prefix("crate::kept")
        .extern_path("Common", "crate::types::common")
        .extern_path("Users::UserKey", "crate::plain::users::UserKey");
    check("kept", builder, &["plain", "rich"]);
}

/// Generates `files` and compares with the folder `case`, which rustfmt must find well laid out.
fn check(case: &str, builder: Builder, files: &[&str]) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = golden.join(case);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden").join(case);
    let _ = fs::remove_dir_all(&out);
    let files: Vec<PathBuf> = files.iter().map(|file| golden.join(format!("{file}.tars"))).collect();
    let generated = builder.out_dir(&out).generate(&files).unwrap_or_else(|error| panic!("{error}"));

    let mut changed = Vec::new();
    for path in &generated.files {
        let expectation = folder.join(path.file_name().expect("a file"));
        let text = fs::read_to_string(path).expect("it was just written");
        if fs::read_to_string(&expectation).unwrap_or_default() != text {
            fs::create_dir_all(&folder).expect("a folder for the expectation");
            fs::write(&expectation, text).expect("the expectation can be written");
            changed.push(expectation);
        }
    }
    assert!(changed.is_empty(), "rewritten, look at git diff: {changed:?}");
    let names = |folder: &Path| -> Vec<_> {
        files_in(folder, "rs").iter().map(|path| path.file_name().map(ToOwned::to_owned)).collect()
    };
    assert_eq!(names(&folder), names(&out), "files that are not generated any more");
    assert_laid_out(&generated.files);
}

/// With the default settings, whatever those of this repository are.
fn assert_laid_out(files: &[PathBuf]) {
    let settings = "max_width=100,use_small_heuristics=Default";
    let checked = Command::new("rustfmt")
        .args(["--edition", "2024", "--check", "--config", settings])
        .args(files)
        .output()
        .expect("rustfmt is installed");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
