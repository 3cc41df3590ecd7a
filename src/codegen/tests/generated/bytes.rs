//! The bytes of generated types, against those of the official compilers' code.
//!
//! Recorded from TarsCpp 3.0.22 (`tars2cpp`, and with `--check-default=false`) for the same .tars files,
//! which are `golden/gv.tars`, `opt.tars` and `bench.tars`; TarsGo, `@tars/stream` and phptars write the
//! same for the structs of `gv.tars`.

use shardcast::__codegen::{DecodeStruct, TarsStruct, TarsWriter};

use crate::types::{bn, go, gv};

#[test]
fn structs_without_defaults() {
    let p = |x, s: &str| gv::P { x, s: s.into() };
    check(&p(0, ""), "0c1600");
    check(&p(123_456, "hello"), "020001e240160568656c6c6f");
    let n = gv::N { pp: p(1, "a"), vp: vec![p(2, "b"), p(3, "c")], mp: [("k".into(), p(4, "d"))].into() };
    check(&n, "0a00011601610b1900020a00021601620b0a00031601630b28000106016b1a00041601640b");
    check(&gv::N::default(), "0a0c16000b190c280c");
    check(&gv::T15 { a: 1, b: 2, c: "x".into(), d: 1 << 32 }, "e001f00f02f6100178f3ff0000000100000000");
    check(&gv::One { v: 0 }, "0c");
    check(&gv::Un { a: 255, b: 65_535, c: u32::MAX }, "0100ff120000ffff2300000000ffffffff");
    check(&gv::Un::default(), "0c1c2c");
}

#[test]
fn optional_fields_at_their_defaults() {
    check(&go::Opt::default(), "4c5001aa0c0bbc");
    check(&go::Req::default(), "0005160178290c3a0c0b");
    let all = "0c100526003601784c5001650000000000000000743fc00000890c980caa0c16000bbccd000cd007e0ff";
    check_unabridged(&go::Opt::default(), all);
    check_unabridged(&go::Req::default(), "0005160178290c3a0c16000b");
}

#[test]
fn optional_fields_with_other_values() {
    let zeroed = go::Opt { b: 0, d: String::new(), f: false, h: 0.0, n: 0, o: 0, ..go::Opt::default() };
    check(&zeroed, "1c36004c5c7400000000aa0c0bbcdcec");
    let set = go::Opt {
        a: 1,
        b: 6,
        c: "c".into(),
        d: String::new(),
        e: true,
        f: false,
        g: 2.5,
        h: 0.0,
        i: vec![1],
        j: [("k".into(), 1)].into(),
        k: go::P { x: 3, s: "s".into() },
        l: go::E2::Y,
        m: vec![1, 2],
        n: 0,
        o: 0,
    };
    let bytes = concat!(
        "00011006260163360040015c6540040000000000007400000000890001000198000106016b1001aa00031601730b",
        "b001cd0000020102dcec"
    );
    check(&set, bytes);
    check_unabridged(&set, bytes);
}

/// TarsCpp takes numbers that differ by less than a millionth for the same, and loses them; TarsGo and we
/// do not.
#[test]
fn no_number_is_lost() {
    let tiny = go::Opt { g: 1e-9, h: 1.5000001, ..go::Opt::default() };
    check(&tiny, "4c5001653e112e0be826d695743fc00001aa0c0bbc");
}

#[test]
fn the_message_of_the_benchmark() {
    let tags = (0..4).map(|i| (format!("key-{i}"), format!("value-{i}"))).collect();
    let message = bn::Msg {
        flag: true,
        kind: 7,
        level: 1234,
        seq: 123_456_789,
        ts: 1_700_000_000_123,
        price: PRICE,
        title: "a".repeat(32),
        vals: (0..16).map(|i| i * 1000).collect(),
        tags,
        inner: bn::Inner { id: 42, name: "inner-name".into(), score: 0.5 },
    };
    check(&message, MESSAGE);
}

fn check<T>(value: &T, hex: &str)
where
    T: TarsStruct + for<'de> DecodeStruct<'de> + PartialEq + std::fmt::Debug,
{
    assert_eq!(text(&value.to_vec()), hex);
    assert_eq!(T::from_slice(&value.to_vec()).as_ref(), Ok(value));
}

/// With defaults written.
fn check_unabridged(value: &impl TarsStruct, hex: &str) {
    let mut w = TarsWriter::new().elide_defaults(false);
    value.write_fields(&mut w);
    assert_eq!(text(w.as_bytes()), hex);
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::approx_constant, reason = "as it was recorded")]
const PRICE: f64 = 3.14159;
const MESSAGE: &str = concat!(
    "000110072104d232075bcd15430000018bcfe5687b55400921f9f01b866e662061616161616161616161616161",
    "616161616161616161616161616161616161617900100c0103e80107d0010bb8010fa0011388011770011b5801",
    "1f40012328012710012af8012ee00132c80136b0013a9888000406056b65792d30160776616c75652d3006056b",
    "65792d31160776616c75652d3106056b65792d32160776616c75652d3206056b65792d33160776616c75652d33",
    "9a002a160a696e6e65722d6e616d65253fe00000000000000b",
);
