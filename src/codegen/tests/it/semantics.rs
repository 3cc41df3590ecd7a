//! What is a program and what is none, case by case.
//!
//! `vectors/idl_semantics.jsonl` was recorded from tars2cpp 3.0.22, tars2go 1.2.4 and tars2java 1.7; its
//! `proposed` says what we do with each case, and [`DECIDED`] what we do where it leaves a choice.

use serde_json::Value;
use shardcast_build::Error;

use crate::{builder, written};

#[test]
fn every_recorded_case_is_decided_as_written_down() {
    let mut wrong = Vec::new();
    let cases: Vec<Value> =
        CASES.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    for case in &cases {
        let (name, idl) = (text(case, "case"), text(case, "idl"));
        let expected = DECIDED.iter().find(|(decided, _)| *decided == name).map(|(_, decision)| *decision);
        let expected = expected.unwrap_or_else(|| text(case, "proposed"));
        let found = decide(name, &source(name, idl));
        if found != expected {
            wrong.push(format!("{name}: {found} instead of {expected}\n  {idl}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn decide(name: &str, idl: &str) -> &'static str {
    match builder().check(&[written(&format!("semantics_{name}"), idl)]) {
        Ok(warnings) if warnings.is_empty() => "accept",
        Ok(_) => "accept with a lint",
        Err(Error::Invalid(_)) => "reject",
        Err(other) => panic!("{name}: {other}"),
    }
}

/// Two cases are shortened in the recording: they are about how many parameters there are.
fn source(name: &str, idl: &str) -> String {
    let count = match name {
        "big_ops" => 256,
        "ops255" => 255,
        _ => return idl.to_owned(),
    };
    let parameters: Vec<String> = (0..count).map(|index| format!("int p{index}")).collect();
    format!("module M {{ interface I {{ void f({}); }}; }};", parameters.join(","))
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().expect("each case has text there")
}

/// What was left open, and what we decided otherwise.
const DECIDED: &[(&str, &str)] = &[
    ("array_name_colon", "reject"),
    ("const_float_int", "reject"), // for `const int B = 1.5`
    // Rust keeps them apart; C++ does not.
    ("enum_dup_across", "accept with a lint"),
    ("global_scope", "accept"),
    ("kw_op", "accept"),
    // As a list of pairs: a test of TarsCpp has such a map.
    ("map_float_key", "accept with a lint"),
    // All fields are compared.
    ("map_struct_key_nokey", "accept with a lint"),
    ("map_vec_key", "reject"),
    ("struct_no_trailing", "reject"),
    // The framework's own files use such names.
    ("tars_prefix", "accept with a lint"),
    // More than the official C++ compiler, and as tars2go.
    ("undef_use_before", "accept with a lint"),
];

const CASES: &str = include_str!("../vectors/idl_semantics.jsonl");
