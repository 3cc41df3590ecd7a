//! What is generated, file by file. When that changes, the expectation is rewritten and the test fails:
//! look at `git diff`. `tests/generated` compiles and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shardcast_build::{Builder, BytesType, MapType, StringType};

use crate::{builder, faults, files_in, written};

/// Without interfaces; [`builder`] has those.
fn types() -> Builder {
    builder().build_server(false).build_client(false)
}

#[test]
fn plain_files_come_out_as_before() {
    check("plain", types(), &["plain"]);
}

#[test]
fn every_type_comes_out_as_before() {
    check("types", types(), &["rich", "gv", "opt", "bench", "hello"]);
}

#[test]
fn names_of_rust_and_of_the_code_itself_come_out_as_before() {
    check("hygiene", builder().call_variants(true), &["hygiene"]);
}

#[test]
fn lines_are_broken_as_before() {
    check("long", builder().serde(true).call_variants(true), &["long"]);
}

#[test]
fn interfaces_come_out_as_before() {
    check("calls", builder().call_variants(true), &["echo", "calls"]);
}

#[test]
fn the_published_interface_of_topics_comes_out_as_before() {
    check("push", builder(), &["../../../../docs/push"]);
}

#[test]
fn interfaces_with_other_types_and_names_come_out_as_before() {
    let other = builder().map_type(MapType::Hash).string_type(StringType::Bytes).bytes_type(BytesType::Bytes);
    check("calls_other", other, &["calls"]);
    let kept = builder()
        .keep_names(true)
        .string_type(StringType::Lossy)
        .call_variants(true)
        .module_prefix("crate::calls_kept")
        .extern_path("Calls::Point", "crate::calls::calls::Point")
        .extern_path("Bench", "crate::calls::bench");
    check("calls_kept", kept, &["echo", "calls", "kept"]);
}

#[test]
fn optional_fields_as_options_come_out_as_before() {
    check("optional", types().optional_fields(true).serde(true), &["plain"]);
}

#[test]
fn other_types_come_out_as_before() {
    let builder = types()
        .map_type(MapType::Hash)
        .string_type(StringType::Bytes)
        .bytes_type(BytesType::Bytes)
        .elide_defaults(false);
    check("other", builder, &["plain"]);
}

#[test]
fn names_and_attributes_that_were_asked_for_come_out_as_before() {
    let builder = types()
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
fn names_that_interfaces_add_are_refused_if_they_are_taken() {
    let source = "module M {
        interface Hello { void f(out int a); void getUser(); void GetUser(); void g(int aB, int a_b); };
        struct HelloServant { 0 require int a; }; enum HelloFReply { A };
        struct HelloProxy { 0 require int a; }; interface hello { };
    };";
    let reported = refused("interfaces", source, builder());
    let both =
        |one: &str, other: &str, name: &str| format!("`{one}` and `{other}` are both `{name}` in Rust");
    let same = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| both("Hello", "hello", &format!("Hello{name}"))).collect()
    };
    let mut expected = vec![
        both("HelloServant", "Hello", "HelloServant"),
        both("HelloProxy", "Hello", "HelloProxy"),
        both("HelloFReply", "f", "HelloFReply"),
    ];
    expected.extend(same(&["Servant", "Dispatcher", "Sender", "Proxy", "Receiver"]));
    expected.push(both("getUser", "GetUser", "get_user"));
    expected.push(both("aB", "a_b", "a_b"));
    assert_eq!(reported, expected);

    let hints = |builder: Builder| -> Vec<(u32, Option<String>)> {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/refused");
        let source =
            "module M { interface I { void aB(); void A_b(); }; struct IProxy { 0 require int a; }; };";
        let faults = faults(builder.out_dir(out).generate(&[written("hints", source)]));
        faults.into_iter().map(|fault| (fault.column, fault.hint)).collect()
    };
    let (rename, keep) = ("rename one of them", "`keep_names` leaves names as they are");
    assert_eq!(hints(builder()), [(22, Some(rename.to_owned())), (42, Some(keep.to_owned()))]);
    assert_eq!(hints(builder().keep_names(true)), [(22, Some(rename.to_owned()))]);
}

#[test]
fn a_side_that_is_not_generated_takes_no_names() {
    let source = "module M { interface I { void f(); }; struct ISender { 0 require int a; }; };";
    assert_eq!(refused("one_side", source, builder()).len(), 1);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/one_side");
    for (builder, has, has_not) in [
        (builder().build_server(false), "pub struct IProxy(", "IServant"),
        (types(), "pub struct ISender {", "IProxy"),
        (builder().extern_path("M::I", "crate::I"), "pub struct ISender {", "IServant"),
    ] {
        builder.out_dir(&out).compile(&[written("one_side", source)]).expect("no name is taken");
        let code = fs::read_to_string(out.join("m.rs")).expect("it was just written");
        assert!(code.contains(has) && !code.contains(has_not), "{code}");
    }
}

#[test]
fn variants_take_the_names_of_the_official_generators() {
    let source = "module M { interface I { void f(); void f_sync(); void g(); void g_exception(); }; };";
    let variants = builder().call_variants(true);
    let expected = [
        "`f` and `f_sync` are both `f_sync` in Rust",
        "`g` and `g_exception` are both `callback_g_exception` in Rust",
    ];
    assert_eq!(refused("variants", source, variants.clone()), expected);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/variants");
    builder().out_dir(&out).compile(&[written("variants", source)]).expect("nothing has these names");
    let servers = variants.build_client(false).out_dir(&out);
    servers.compile(&[written("variants", source)]).expect("a server calls nothing");
}

#[test]
fn short_structs_are_laid_out_well_in_a_closure() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/short");
    let source = "module M { struct S { 0 require int v; }; interface I { void f(out int x); }; };";
    let lossy = builder().string_type(StringType::Lossy).out_dir(&out);
    let generated = lossy.generate(&[written("short", source)]).expect("it is a good file");
    assert_laid_out(&generated.files);
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

/// What is said about `source`, of which no Rust can be made, by a check too.
fn refused(name: &str, source: &str, builder: Builder) -> Vec<String> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden/refused");
    let checked = faults(builder.check(&[written(name, source)]));
    let refused = faults(builder.out_dir(out).generate(&[written(name, source)]));
    assert_eq!(refused, checked);
    refused.into_iter().map(|fault| fault.message).collect()
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
