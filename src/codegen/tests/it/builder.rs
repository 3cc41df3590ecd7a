//! The builder on real files.

use std::{fs, path::Path};

use shardcast_build::{Diagnostic, Error, Severity};

use crate::{builder, faults, fixture, written};

#[test]
fn included_files_are_found_beside_the_file_and_in_the_given_directories() {
    let warnings = builder().include(fixture("shared")).check(&[fixture("rich.tars")]);
    assert_eq!(warnings.expect("nothing is wrong with it"), vec![]);
}

#[test]
fn a_missing_include_says_where_it_was_looked_for() {
    let faults = faults(builder().check(&[fixture("rich.tars")]));
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].line, faults[0].column), (2, 10));
    assert_eq!(faults[0].message, "cannot find `common.tars`");
    let hint = faults[0].hint.as_deref().expect("a missing file has a hint");
    assert!(hint.contains("fixtures/common.tars"), "{hint}");
}

#[test]
fn a_circle_of_includes_ends_and_is_worth_a_warning() {
    let warnings = builder().check(&[fixture("circle_a.tars")]).expect("a cycle is not a fault");
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].severity, Severity::Warning);
    assert!(warnings[0].path.ends_with("circle_b.tars"), "{}", warnings[0]);
    assert!(warnings[0].message.contains("circle_a.tars -> "), "{}", warnings[0]);

    let denied = builder().deny_warnings(true).check(&[fixture("circle_a.tars")]);
    assert_eq!(faults(denied), warnings);
}

#[test]
fn a_file_cannot_include_itself() {
    let faults = faults(builder().check(&[fixture("itself.tars")]));
    assert_eq!((faults[0].line, faults[0].message.as_str()), (2, "a file cannot include itself"));
}

#[test]
fn comments_in_gbk_and_lines_ending_in_crlf_are_accepted() {
    assert_eq!(builder().check(&[fixture("gbk_crlf.tars")]).expect("it is a good file"), vec![]);
}

#[test]
fn a_configured_character_set_is_read() {
    let gbk = builder().charset("gbk");
    let (schema, warnings) = gbk.schema(&[fixture("gbk_crlf.tars")]).expect("it is a good file");
    assert_eq!((schema.modules[0].docs.as_slice(), warnings), (&["中文编码".to_owned()][..], vec![]));

    let error = builder().charset("klingon").check(&[fixture("hello.tars")]).expect_err("no such set");
    assert!(matches!(&error, Error::Charset(name) if name == "klingon"), "{error}");
    let error = builder().charset("utf-16").check(&[fixture("hello.tars")]).expect_err("not ASCII");
    assert!(matches!(&error, Error::Charset(_)), "{error}");
}

#[test]
fn every_fault_is_shown_with_its_line_and_a_caret() {
    let faults = faults(builder().check(&[fixture("faulty.tars")]));
    let shown: Vec<String> = faults.iter().map(without_directory).collect();
    assert_eq!(
        shown,
        [
            "faulty.tars:1:10: error: cannot find `absent.tars`\n 1 | #include \"absent.tars\"\n   |          ^^^^^^^^^^^^^\n   = help: looked for absent.tars; an include directory adds a place",
            "faulty.tars:2:1: error: `#include` needs a file name\n 2 | #include <common>\n   | ^^^^^^^^^^^^^^^^^\n   = help: write `#include \"file.tars\"`",
            "faulty.tars:5:23: error: unexpected character `$`\n 5 | \tstruct S { 0 require $ \u{fffd}\u{fffd}; };\n   | \t                     ^",
            "faulty.tars:5:25: error: only ASCII is allowed outside comments and strings\n 5 | \tstruct S { 0 require $ \u{fffd}\u{fffd}; };\n   | \t                       ^^",
            "faulty.tars:7:1: error: this comment is never closed\n 7 | /* open\n   | ^^^^^^^\n   = help: close it with `*/`",
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = builder().compile(&[fixture("absent.tars")]).expect_err("there is no such file");
    assert!(matches!(&error, Error::Read { path, .. } if path.ends_with("absent.tars")), "{error}");
}

#[test]
fn faults_are_bounded_whatever_is_wrong() {
    let repeated = |count: usize, line: fn(usize) -> String| (0..count).map(line).collect::<String>();
    let includes = repeated(1000, |index| format!("#include \"absent_{index}.tars\"\n"));
    let clashes = repeated(1000, |index| format!("const int a{index} = 1; const int A{index} = 2;\n"));
    let unknown = repeated(1000, |index| format!("struct S{index} {{ 0 require U{index} u; }};\n"));
    let operations = repeated(1000, |index| format!("void f{index}(int aB, int a_b, int AB, int A_b);"));
    for (name, source) in [
        ("bounded_includes", includes),
        ("bounded_parameters", format!("module M {{ interface I {{ {operations} }}; }};")),
        ("bounded_clashes", format!("module M {{ {clashes} }};")),
        ("bounded_unknown", format!("module M {{ {unknown} }};")),
    ] {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bounded");
        assert_eq!(faults(builder().out_dir(out).generate(&[written(name, source)])).len(), 50, "{name}");
    }
}

#[test]
fn a_thousand_structs_of_twenty_fields_compile() {
    let fields: String = (0..20).map(|tag| format!("{tag} optional vector<int> field{tag};")).collect();
    let structs: String = (0..1000).map(|index| format!("struct S{index} {{ {fields} }};")).collect();
    let source = written("thousand", format!("module Thousand {{ {structs} }};"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thousand");
    builder().out_dir(&out).compile(&[source]).expect("it is a good file");
    let code = fs::read_to_string(out.join("thousand.rs")).expect("it was just written");
    assert_eq!(code.matches("pub struct S").count(), 1000);
}

fn without_directory(fault: &Diagnostic) -> String {
    let directory = format!("{}/", fixture("").display().to_string().trim_end_matches('/'));
    fault.to_string().replace(&directory, "")
}
