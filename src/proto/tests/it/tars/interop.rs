//! Random values against `@tars/stream`, an implementation that shares nothing with ours: it reads what is
//! written here and writes the same bytes again.
//!
//! Left out is what `docs/tars-codec.md` says it does in another way: zeros in floats, keys of maps that are
//! integers or bools, longs beyond 2^53, and text that is not UTF-8.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use proptest::{collection, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use shardcast_proto::tars::codec::{Encode, TarsWriter, UnsignedBytes};

use super::types::{P, hex};

#[test]
#[ignore = "needs `npm ci` in tests/interop; .ci/run does both"]
fn an_independent_implementation_reads_and_writes_the_same_bytes() {
    let mut cases = Vec::new();
    let mut values = Values { runner: TestRunner::deterministic(), cases: &mut cases };
    values.add("bool", any::<bool>());
    values.add("byte", any::<i8>());
    values.add("unsigned byte", any::<u8>());
    values.add("short", any::<i16>());
    values.add("unsigned short", any::<u16>());
    values.add("int", int());
    values.add("unsigned int", int().prop_map(i32::cast_unsigned));
    values.add("long", long());
    values.add("float", any::<f32>().prop_filter("it drops the sign", |value| *value != 0.0));
    values.add("double", double());
    values.add("string", text());
    values.add("vector<byte>", collection::vec(any::<u8>(), 0..300));
    values.add("vector<unsigned byte>", collection::vec(any::<u8>(), 0..300).prop_map(UnsignedBytes));
    values.add("vector<bool>", collection::vec(any::<bool>(), 0..20));
    values.add("vector<short>", collection::vec(any::<i16>(), 0..20));
    values.add("vector<int>", collection::vec(int(), 0..300));
    values.add("vector<long>", collection::vec(long(), 0..20));
    values.add("vector<double>", collection::vec(double(), 0..20));
    values.add("vector<string>", collection::vec(text(), 0..20));
    values.add("vector<vector<byte>>", collection::vec(collection::vec(any::<u8>(), 0..9), 0..9));
    values.add("vector<vector<int>>", collection::vec(collection::vec(int(), 0..9), 0..9));
    values.add("vector<struct GV::P>", collection::vec(p(), 0..9));
    values.add("map<string,string>", collection::btree_map(key(), text(), 0..9));
    values.add(
        "map<string,vector<byte>>",
        collection::btree_map(key(), collection::vec(any::<u8>(), 0..9), 0..9),
    );
    values.add("map<string,map<string,int>>", {
        collection::btree_map(key(), collection::btree_map(key(), int(), 0..4), 0..4)
    });
    values.add("map<string,struct GV::P>", collection::btree_map(key(), p(), 0..9));
    values.add("struct GV::P", p());
    assert_eq!(cases.len(), 27 * CASES_EACH);
    for ((declared, ours), theirs) in cases.iter().zip(oracle(&cases)) {
        assert_eq!(&theirs, ours, "{declared}");
    }
}

struct Values<'c> {
    runner: TestRunner,
    cases: &'c mut Vec<(&'static str, String)>,
}

impl Values<'_> {
    /// Encodes random values of a type.
    fn add<T: Encode + std::fmt::Debug>(
        &mut self,
        declared: &'static str,
        strategy: impl Strategy<Value = T>,
    ) {
        for _ in 0..CASES_EACH {
            let value = strategy.new_tree(&mut self.runner).expect("a value").current();
            let mut w = TarsWriter::new();
            w.field(0, &value);
            self.cases.push((declared, hex(w.as_bytes())));
        }
    }
}

/// What `@tars/stream` makes of all cases, in their order.
fn oracle(cases: &[(&'static str, String)]) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop");
    let mut node = Command::new("node");
    let node = node.arg("oracle.js").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.spawn().expect("node");
    let mut input = child.stdin.take().expect("a pipe");
    let text: String = cases.iter().map(|(declared, digits)| format!("{declared} {digits}\n")).collect();
    // It answers while it reads, and neither side waits for the other with a full pipe.
    let writer = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<String> = output.lines().map(|line| line.expect("a line")).collect();
    writer.join().expect("the writer").expect("it read everything");
    assert!(child.wait().expect("an end").success());
    assert_eq!(lines.len(), cases.len());
    lines
}

/// Around the borders of the widths.
fn int() -> impl Strategy<Value = i32> {
    (any::<i32>(), 0_u32..32).prop_map(|(value, shift)| value >> shift)
}

fn long() -> impl Strategy<Value = i64> {
    (any::<i64>(), 11_u32..64).prop_map(|(value, shift)| value >> shift)
}

fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("it drops the sign", |value| *value != 0.0)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,10}", ".{80,120}"]
}

/// Not like an integer, and not `__proto__`.
fn key() -> impl Strategy<Value = String> {
    "[a-z]{1,5}"
}

fn p() -> impl Strategy<Value = P> {
    (int(), text()).prop_map(|(x, s)| P { x, s })
}

const CASES_EACH: usize = 100;
