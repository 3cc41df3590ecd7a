//! Non-canonical and malformed fields, with what five implementations made of them and what a reader should.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shardcast_proto::tars::codec::{DecodeError, TarsReader, UnsignedBytes};

use super::{
    types::{FromVector, N, One, P, T15, Un, bytes, with_type},
    vectors::text,
};

#[test]
fn every_odd_field_is_read_or_refused_as_decided() {
    let cases = include_str!("../../vectors/tars-codec/decode.jsonl").lines();
    let cases: Vec<Value> = cases.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(cases.len(), 77);
    for case in &cases {
        with_type!(text(&case["type"]), check(case));
    }
}

fn check<T: FromVector>(case: &Value) {
    let name = text(&case["case"]);
    let input = bytes(text(&case["hex"]));
    let found = read::<T>(&input, case);
    match text(&case["proposed"]) {
        "error" => {
            let error = found.expect_err(name);
            assert!(error.offset() <= input.len(), "{name}: {error}");
        }
        // Of two equal keys the last one counts.
        "either" => assert_eq!(found.expect(name).shown(), json!([["s:61", 2]]), "{name}"),
        proposed => {
            let proposed: Value = serde_json::from_str(proposed).expect("a value");
            let found = found.expect(name).shown();
            // A whole float is proposed without its point.
            let same =
                found == proposed || found.as_f64().is_some_and(|float| Some(float) == proposed.as_f64());
            assert!(same, "{name}: {found}");
        }
    }
}

fn read<T: FromVector>(input: &[u8], case: &Value) -> Result<T, DecodeError> {
    let mut r = TarsReader::new(input);
    let tag = case["tag"].as_u64().expect("a tag").try_into().expect("8 bits");
    if case["optional"] == true {
        return r.optional_or_else(tag, || T::from_vector(&json!(-77)));
    }
    r.require(tag)
}
