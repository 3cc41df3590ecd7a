//! What is generated, file by file. When that changes, the expectation is rewritten and the test fails:
//! look at `git diff`. `tests/generated` compiles and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shardcast_build::{Builder, BytesType, MapType, StringType};

use crate::{builder, faults, files_in, written};

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
        .type_attribute("Users::Source", "#[repr(transparent)]")
        .field_attribute("Users::UserInfo.sName", "#[cfg(all())]")
        .module_prefix("crate::kept")
        .extern_path("Common", "crate::types::common")
        .extern_path("Users::UserKey", "crate::plain::users::UserKey");
    check("kept", builder, &["plain", "rich"]);
}

#[test]
fn names_that_are_one_in_rust_are_refused() {
    let source =
        "module M { struct user { 0 require int aB; 1 require int a_b; }; struct User { 0 require int a; };
        enum E { aB, A_B }; const int k = 1; const int K = 2; }; module m { };";
    let reported = refused("clashes", source, builder());
    assert_eq!(
        reported,
        [
            "`M` and `m` are both `m` in Rust",
            "`user` and `User` are both `User` in Rust",
            "`k` and `K` are both `K` in Rust",
            "`aB` and `a_b` are both `a_b` in Rust",
            "`aB` and `A_B` are both `A_B` in Rust",
        ]
    );
    let source = "module M { struct i32 { 0 require int a; }; enum E { name }; };";
    assert_eq!(
        refused("meant", source, builder().keep_names(true)),
        [
            "`i32` has a meaning of its own in the generated code",
            "`name` has a meaning of its own in the generated code",
        ]
    );
}

#[test]
fn a_default_that_is_not_text_needs_strings_of_bytes() {
    let source = r#"module M { struct S { 0 optional string a = "\xd6\xd0"; }; const string C = "\xd6"; };"#;
    assert_eq!(refused("no_text", source, builder()), ["the default of `a` is not UTF-8"]);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/no_text");
    let bytes = builder().string_type(StringType::Bytes).out_dir(&out);
    bytes.compile(&[written("no_text", source)]).expect("strings are bytes");
    let code = fs::read_to_string(out.join("m.rs")).expect("it was just written");
    assert!(code.contains(r#"pub const C: &[u8] = b"\xd6";"#), "{code}");
    assert!(code.contains(r#"a: r.optional_or_else(0, || b"\xd6\xd0"[..].into())?"#), "{code}");
}

/// What is said about `source`, of which no Rust can be made.
fn refused(name: &str, source: &str, builder: Builder) -> Vec<String> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/refused");
    let faults = faults(builder.out_dir(out).generate(&[written(name, source)]));
    faults.into_iter().map(|fault| fault.message).collect()
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
