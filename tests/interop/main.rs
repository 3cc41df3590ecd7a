//! `interop.tars`, compiled here by `shardcast-build`, against `@tars/stream`, an implementation that shares
//! nothing with ours and reads the same file with a separate parser (`tars.js`): random values go both ways.
//!
//! `docs/tars-codec.md` lists what the two write differently; the last test here shows it.
//!
//! The same for calls: the client and the server of `@tars/rpc` with the interface of `examples/tars/hello.tars`
//! against ours (`client.rs`, `server.rs`).
#![forbid(unsafe_code)]

mod client;
mod node;
mod oracle;
mod server;
mod values;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use shardcast::tars::codec::{DecodeStruct, TarsStruct};

use full::interop::{Bytes, Defaults, Flags, Floats, Integers, Lists, Maps, Nested, Point};
use oracle::{ask, hex, unhex};

shardcast::include_tars!();

/// The same structs, but with fields at their defaults written too, as in JavaScript.
mod full {
    include!(concat!(env!("OUT_DIR"), "/full/mod.rs"));
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn javascript_writes_what_rust_wrote_again() {
    let mut cases = Vec::new();
    add(&mut cases, values::integers());
    add(&mut cases, values::floats());
    add(&mut cases, values::bytes());
    add(&mut cases, values::point());
    add(&mut cases, values::lists());
    add(&mut cases, values::maps());
    add(&mut cases, values::nested());
    add(&mut cases, values::defaults());
    let lines = cases.iter().map(|(name, bytes)| format!("again {name} {}", hex(bytes)));
    for ((name, ours), theirs) in cases.iter().zip(ask(lines)) {
        assert_eq!(theirs, hex(ours), "{name}");
    }
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn rust_writes_what_javascript_wrote_again() {
    check_random::<Integers>();
    check_random::<Floats>();
    check_random::<Bytes>();
    check_random::<Point>();
    check_random::<Lists>();
    check_random::<Maps>();
    check_random::<Nested>();
    check_random::<Defaults>();
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn fields_that_are_left_out_have_the_same_defaults_on_both_sides() {
    let mut cases = Vec::new();
    add(&mut cases, values::defaults());
    cases.push(("Defaults", Defaults::default().to_vec()));
    let short: Vec<Vec<u8>> = cases.iter().map(|(_, bytes)| again::<interop::Defaults>(bytes)).collect();
    let shorter = cases.iter().zip(&short).filter(|((_, full), short)| short.len() < full.len());
    assert!(shorter.count() > CASES_EACH / 2);
    let lines = short.iter().map(|bytes| format!("again Defaults {}", hex(bytes)));
    for ((_, full), theirs) in cases.iter().zip(ask(lines)) {
        assert_eq!(theirs, hex(full));
    }
    assert_eq!(ask(["again Defaults ".to_owned()]), [hex(&Defaults::default().to_vec())]);
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn the_two_disagree_where_it_is_documented() {
    let floats = Floats { single: 0.0, twice: -0.0, ..Floats::default() };
    let maps = Maps { by_number: [(-1, vec![]), (1, vec![])].into(), ..Maps::default() };
    let lists = Lists { longs: vec![(1 << 53) + 1], ..Lists::default() };
    let flags = Flags { by_flag: [(true, 5)].into() };
    let theirs = ask([
        format!("again Floats {}", hex(&floats.to_vec())),
        format!("again Maps {}", hex(&maps.to_vec())),
        format!("again Lists {}", hex(&lists.to_vec())),
        format!("again Flags {}", hex(&flags.to_vec())),
    ]);

    assert!(hex(&floats.to_vec()).starts_with("0400000000158000000000000000"));
    assert!(theirs[0].starts_with("0c1c"), "zeros in a byte, without a sign");
    let read = Floats::from_slice(&unhex(&theirs[0])).expect("floats");
    assert_eq!(read.twice.to_bits(), 0, "the sign is lost");

    assert_ne!(theirs[1], hex(&maps.to_vec()), "negative keys come last");
    assert_eq!(Maps::from_slice(&unhex(&theirs[1])), Ok(maps), "any order is read");

    let read = Lists::from_slice(&unhex(&theirs[2])).expect("lists");
    assert_eq!(read.longs, [1 << 53], "a number of JavaScript is rounded");

    let read = Flags::from_slice(&unhex(&theirs[3])).expect("flags");
    assert_eq!(read.by_flag, [(false, 5)].into(), "true became false");
}

/// Encodes random values of a struct.
fn add<T: TarsStruct>(cases: &mut Vec<(&'static str, Vec<u8>)>, strategy: impl Strategy<Value = T>) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..CASES_EACH {
        let value = strategy.new_tree(&mut runner).expect("a value").current();
        cases.push((name::<T>(), value.to_vec()));
    }
}

/// Reads and writes random values of JavaScript.
fn check_random<T: for<'de> DecodeStruct<'de>>() {
    let name = name::<T>();
    for theirs in ask((0..CASES_EACH).map(|seed| format!("random {name} {seed}"))) {
        assert_eq!(hex(&again::<T>(&unhex(&theirs))), theirs, "{name}");
    }
}

fn again<T: for<'de> DecodeStruct<'de>>(bytes: &[u8]) -> Vec<u8> {
    T::from_slice(bytes).expect("a struct").to_vec()
}

fn name<T: TarsStruct>() -> &'static str {
    T::NAME.strip_prefix("Interop.").expect("it is of that module")
}

const CASES_EACH: usize = 100;
