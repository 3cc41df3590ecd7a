//! Bytes recorded from TarsCpp, the PHP extension, @tars/stream, TarsJava and TarsGo: what any of them wrote
//! is read, and what is written is what TarsCpp wrote.

use std::collections::BTreeMap;

use serde_json::Value;
use shardcast_proto::tars::{
    TarsFields,
    codec::{DecodeError, DecodeStruct, TarsReader, TarsStruct, TarsWriter, UnsignedBytes},
};

use super::types::{FromVector, Msg, N, One, P, T15, Un, bytes, hex, tars_struct, with_type};

#[test]
fn every_recorded_field_is_written_and_read_byte_by_byte() {
    let mut checked = 0;
    for vector in vectors() {
        if let Some(tag) = vector["tag"].as_u64() {
            let tag = tag.try_into().expect("a tag");
            with_type!(text(&vector["type"]), check_field(&vector, tag));
            checked += 1;
        }
    }
    assert_eq!(checked, 190);
}

fn check_field<T: FromVector>(vector: &Value, tag: u8) {
    let case = text(&vector["case"]);
    let written = encoded(&T::from_vector(&vector["value"]), tag);
    assert_eq!(hex(&written), text(&vector["hex"]), "{case}: written");
    assert_eq!(hex(&encoded(&decoded::<T>(&written, tag), tag)), hex(&written), "{case}: read");
    let fields = TarsFields::read_all(&written).expect("a field");
    assert_eq!(hex(&fields.to_vec()), hex(&written), "{case}: read without a schema");
    check_others::<T>(vector, tag, &written);
}

/// What others wrote means the same, except that a zero without its sign has none.
fn check_others<T: FromVector>(vector: &Value, tag: u8, written: &[u8]) {
    let Some(others) = vector["not_by"].as_object() else { return };
    for (who, other) in others {
        let meant = encoded(&decoded::<T>(&bytes(text(other)), tag), tag);
        let meant = hex(&meant).replace("0500000000", "0580000000");
        let wrote = hex(written).replace("0500000000", "0580000000");
        assert_eq!(meant, wrote, "{}: {who}", text(&vector["case"]));
    }
}

fn encoded<T: FromVector>(value: &T, tag: u8) -> Vec<u8> {
    let mut w = TarsWriter::new();
    w.field(tag, value);
    w.into_vec()
}

fn decoded<T: FromVector>(field: &[u8], tag: u8) -> T {
    let mut r = TarsReader::new(field);
    let value = r.require(tag).unwrap_or_else(|error| panic!("{}: {error}", hex(field)));
    r.finish().expect("one field");
    value
}

#[test]
fn the_message_of_the_benchmark_is_written_and_read_byte_by_byte() {
    let vector = vectors().find(|vector| vector["case"] == "struct_bench_msg").expect("the vector");
    let message = Msg::from_vector(&vector["value"]);
    assert_eq!(hex(&message.to_vec()), text(&vector["hex"]));
    assert_eq!(Msg::from_slice(&bytes(text(&vector["hex"]))), Ok(message));
}

tars_struct!(GoP, "GO.P" { 0 x: i32 = require, 1 s: String = optional });
/// Every type with and without a default.
#[derive(Clone, Debug, PartialEq)]
struct Opt {
    a: i32,
    b: i32,
    c: String,
    d: String,
    e: bool,
    f: bool,
    g: f64,
    h: f32,
    i: Vec<i32>,
    j: BTreeMap<String, i32>,
    k: GoP,
    l: i32,
    m: Vec<u8>,
    n: i64,
    o: i16,
}

impl TarsStruct for Opt {
    const NAME: &'static str = "GO.Opt";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.optional(0, &self.a);
        w.optional_or(1, &self.b, &5);
        w.optional(2, &self.c);
        w.optional_or(3, &self.d, "x");
        w.optional(4, &self.e);
        w.field(5, &self.f);
        w.optional(6, &self.g);
        w.optional_or(7, &self.h, &1.5);
        w.optional(8, &self.i);
        w.optional(9, &self.j);
        w.optional(10, &self.k);
        w.field(11, &self.l); // an enum
        w.optional(12, &self.m);
        w.optional_or(13, &self.n, &7);
        w.optional_or(14, &self.o, &-1);
    }
}

impl<'de> DecodeStruct<'de> for Opt {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self {
            a: r.optional(0)?,
            b: r.optional_or(1, 5)?,
            c: r.optional(2)?,
            d: r.optional_or_else(3, || "x".into())?,
            e: r.optional(4)?,
            f: r.optional_or(5, true)?,
            g: r.optional(6)?,
            h: r.optional_or(7, 1.5)?,
            i: r.optional(8)?,
            j: r.optional(9)?,
            k: r.optional(10)?,
            l: r.optional(11)?,
            m: r.optional(12)?,
            n: r.optional_or(13, 7)?,
            o: r.optional_or(14, -1)?,
        })
    }
}

tars_struct!(Req, "GO.Req" {
    0 a: i32 = require, 1 b: String = require, 2 c: Vec<i32> = require, 3 d: GoP = require,
});

/// All default forms that were recorded are read alike; with and without elision, TarsCpp's are written.
#[test]
fn defaults_are_left_out_as_tarscpp_leaves_them_out() {
    let zeroed = Opt { b: 0, d: String::new(), f: false, h: 0.0, n: 0, o: 0, ..Opt::default() };
    let set = Opt {
        a: 1,
        b: 6,
        c: "c".into(),
        d: String::new(),
        e: true,
        f: false,
        g: 2.5,
        h: 0.0,
        i: vec![1],
        j: [("k".to_owned(), 1)].into(),
        k: GoP { x: 3, s: "s".into() },
        l: 1,
        m: vec![1, 2],
        n: 0,
        o: 0,
    };
    check_elision("opt_default", &Opt::default());
    check_elision("opt_set", &set);
    check_elision("opt_zeroed", &zeroed);
    let required = Req { a: 5, b: "x".into(), c: Vec::new(), d: GoP::default() };
    check_elision("req_default", &required);
}

/// Where TarsCpp loses what differs from the default by less than 1e-6, nothing is lost, as in Go.
#[test]
fn a_tiny_float_is_not_the_default() {
    let tiny = Opt { g: 1e-9, h: 1.500_000_1, ..Opt::default() };
    let from_go = vectors().find(|vector| vector["case"] == "default_elision/opt_tiny_float#go");
    let from_go = bytes(text(&from_go.expect("the vector")["hex"]));
    assert_eq!(Opt::from_slice(&from_go).as_ref(), Ok(&tiny));
    assert_eq!(Opt::from_slice(&tiny.to_vec()), Ok(tiny));
}

fn check_elision<T>(case: &str, value: &T)
where
    T: TarsStruct + PartialEq + std::fmt::Debug + for<'de> DecodeStruct<'de>,
{
    let prefix = format!("default_elision/{case}#");
    let mut seen = 0;
    for vector in vectors() {
        let Some(who) = text(&vector["case"]).strip_prefix(&prefix) else { continue };
        let recorded = text(&vector["hex"]);
        // Go leaves an optional bool out whatever its default, so it reads as the default.
        if who != "go" || case == "opt_default" {
            assert_eq!(T::from_slice(&bytes(recorded)).as_ref(), Ok(value), "{case}: read from {who}");
        }
        if who.split('+').any(|name| name == "cpp") {
            assert_eq!(hex(&value.to_vec()), recorded, "{case}: written");
        }
        if who.contains("cpp_check_default_false") {
            let mut w = TarsWriter::new().elide_defaults(false);
            value.write_fields(&mut w);
            assert_eq!(hex(w.as_bytes()), recorded, "{case}: written in full");
        }
        seen += 1;
    }
    assert!(seen >= 2, "{case}: {seen} vectors");
}

impl Default for Opt {
    fn default() -> Self {
        Self::from_slice(&[]).expect("a struct of optional fields")
    }
}

pub(super) fn vectors() -> impl Iterator<Item = Value> {
    include_str!("../../vectors/tars-codec/vectors.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
