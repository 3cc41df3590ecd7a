//! What a few bytes, or many, cannot do to a reader.

use std::collections::BTreeMap;

use shardcast_proto::tars::{
    TarsFields,
    codec::{
        Decode, DecodeError, DecodeErrorKind, DecodeLimits, DecodeStruct, TarsReader, TarsWriter, Wanted,
    },
    json::{self, JsonErrorKind},
};

use super::types::{P, bytes};

/// Containers around a value: what opens them, how many levels that makes, and what closes them.
const NESTS: [(&[u8], usize, &[u8]); 3] =
    [(&[0x0A], 1, &[0x0B]), (&[0x09, 0x00, 1], 1, &[]), (&[0x08, 0x00, 1, 0x0C, 0x1A], 2, &[0x0B])];

#[test]
fn sixty_four_levels_are_read_and_skipped_and_no_more() {
    for (open, levels, close) in NESTS {
        let nested = |depth: usize| {
            let times = depth / levels;
            [open.repeat(times), vec![0x0C], close.repeat(times)].concat()
        };
        let deep = nested(64);
        TarsFields::read_all(&deep).expect("64 levels");
        skip_all(&deep).expect("64 levels");
        let too_deep = nested(64 + levels);
        assert_eq!(kind(TarsFields::read_all(&too_deep)), DecodeErrorKind::TooDeep(64), "{open:02x?}");
        assert_eq!(kind(skip_all(&too_deep)), DecodeErrorKind::TooDeep(64), "{open:02x?}");
    }
}

#[test]
fn ten_megabytes_of_openings_are_refused_at_once() {
    for (open, ..) in NESTS {
        let input = open.repeat((10 << 20) / open.len());
        assert_eq!(kind(TarsFields::read_all(&input)), DecodeErrorKind::TooDeep(64));
        assert_eq!(kind(skip_all(&input)), DecodeErrorKind::TooDeep(64));
        let unknown = [&[0x00, 1][..], &input].concat();
        assert_eq!(kind(TarsReader::new(&unknown).option::<i32>(200)), DecodeErrorKind::TooDeep(64));
    }
}

#[test]
fn a_depth_of_ones_own_holds() {
    let limits = DecodeLimits::default().with(|it| it.depth_max = 1);
    let read = |input: &[u8]| TarsFields::read_fields(&mut TarsReader::new(input).limits(limits));
    read(&bytes("0a0b")).expect("one level");
    assert_eq!(kind(read(&bytes("0a0a0b0b"))), DecodeErrorKind::TooDeep(1));
}

/// A struct of two bytes on the wire takes many in memory.
#[test]
fn elements_take_no_more_memory_than_allowed() {
    let mut w = TarsWriter::new();
    w.field(0, &vec![P::default(); 1000]);
    let limits = |memory_max| DecodeLimits::default().with(|it| it.memory_max = memory_max);
    let need = 1000 * size_of::<P>();
    let read = |memory_max| {
        TarsReader::new(w.as_bytes()).limits(limits(memory_max)).require::<Vec<P>>(0).map(|list| list.len())
    };
    assert_eq!(read(need), Ok(1000));
    assert_eq!(kind(read(need - 1)), DecodeErrorKind::TooMuchMemory(need - 1));
    let read = TarsFields::read_fields(&mut TarsReader::new(w.as_bytes()).limits(limits(need)));
    assert_eq!(kind(read), DecodeErrorKind::TooMuchMemory(need));
}

#[test]
fn errors_name_the_tag_and_the_place() {
    let mismatch = |wanted, found| DecodeErrorKind::TypeMismatch { wanted, found };
    use shardcast_proto::tars::codec::TypeCode::*;
    check::<i32>("1c 0601 61", 0, DecodeErrorKind::MissingField, Some(0), 0);
    check::<i32>("0601 61", 0, mismatch(Wanted::Int32, String1), Some(0), 0);
    check::<i32>("1c 2c 3601 61", 3, mismatch(Wanted::Int32, String1), Some(3), 2);
    check::<i8>("f1c8 0001", 200, mismatch(Wanted::Int8, Int16), Some(200), 0);
    check::<f32>("0c 15 0000000000000000", 1, mismatch(Wanted::Float, Double), Some(1), 1);
    check::<Vec<u8>>("060161", 0, mismatch(Wanted::Bytes, String1), Some(0), 0);
    check::<Vec<i32>>("0d00 0c", 0, mismatch(Wanted::List, SimpleList), Some(0), 0);
    check::<P>("0c", 0, mismatch(Wanted::Struct, Zero), Some(0), 0);
    check::<BTreeMap<i32, i32>>("0a0b", 0, mismatch(Wanted::Map, StructBegin), Some(0), 0);
    check::<Vec<i32>>("09 0003 0001", 0, DecodeErrorKind::LengthTooLarge { len: 3, left: 2 }, Some(0), 3);
    check::<BTreeMap<i32, i32>>(
        "08 0002 0c1c 0c",
        0,
        DecodeErrorKind::LengthTooLarge { len: 2, left: 3 },
        Some(0),
        3,
    );
    check::<String>("1605 6162", 1, DecodeErrorKind::LengthTooLarge { len: 5, left: 2 }, Some(1), 2);
    check::<String>(
        "07ffffffff61",
        0,
        DecodeErrorKind::LengthTooLarge { len: u32::MAX, left: 1 },
        Some(0),
        5,
    );
    check::<Vec<i32>>("09 00ff", 0, DecodeErrorKind::NegativeLength(-1), Some(0), 3);
    check::<Vec<u8>>("0d00 00ff", 0, DecodeErrorKind::NegativeLength(-1), Some(0), 4);
    check::<i32>("01 01", 0, DecodeErrorKind::UnexpectedEnd, Some(0), 2);
    check::<i32>("02 0102", 1, DecodeErrorKind::UnexpectedEnd, Some(0), 3);
    check::<i32>("f0", 20, DecodeErrorKind::UnexpectedEnd, None, 1);
    check::<P>("0a 0001 16 0161", 0, DecodeErrorKind::UnexpectedEnd, None, 6);
    check::<i32>("0c 1e", 1, DecodeErrorKind::UnknownType(14), None, 1);
    check::<i32>("0c 1f", 2, DecodeErrorKind::UnknownType(15), None, 1);
    check::<i32>("09 0001 0b", 1, DecodeErrorKind::UnexpectedStructEnd, None, 3);
    check::<String>("0603 61ff62", 0, DecodeErrorKind::InvalidUtf8, Some(0), 3);
    check::<P>("0a 0c 16 02 61ff 0b", 0, DecodeErrorKind::InvalidUtf8, Some(1), 5);
}

fn check<T: for<'de> Decode<'de> + std::fmt::Debug>(
    input: &str,
    tag: u8,
    kind: DecodeErrorKind,
    error_tag: Option<u8>,
    offset: usize,
) {
    let error = TarsReader::new(&bytes(&input.replace(' ', ""))).require::<T>(tag).expect_err(input);
    assert_eq!((error.kind(), error.tag(), error.offset()), (kind, error_tag, offset), "{input}");
}

#[test]
fn an_error_reads_as_a_sentence() {
    let error = TarsReader::new(&bytes("0601f1")).require::<i32>(0).expect_err("a string");
    let text = "tag 0, byte 0: expected an integer of at most 32 bits, found STRING1";
    assert_eq!(error.to_string(), text);
}

#[test]
fn bytes_after_the_last_field_can_be_refused() {
    let mut r = TarsReader::new(&[0x0C, 0x0B]);
    assert_eq!(r.require(0), Ok(0));
    assert_eq!(kind(r.finish()), DecodeErrorKind::TrailingData(1));
    assert_eq!(kind(TarsFields::read_all(&[0x0B])), DecodeErrorKind::TrailingData(1));
}

#[test]
fn json_has_its_bounds_too() {
    let deep = "[".repeat(10 << 20);
    let error = json::from_slice::<Vec<i32>>(deep.as_bytes()).expect_err("too deep");
    assert!(
        matches!(error.kind(), JsonErrorKind::Syntax(text) if text.contains("recursion limit")),
        "{error}"
    );
    for (text, expected) in [
        ("[1,", "EOF while parsing a value at line 1 column 3"),
        ("[1,null]", "[1]: expected an integer, found null"),
        ("[1,2.5]", "[1]: 2.5 is not an integer from -2147483648 to 2147483647"),
        ("[1,\"x\"]", "[1]: \"x\" is not an integer from -2147483648 to 2147483647"),
        ("{}", "expected an array, found an object"),
    ] {
        let error = json::from_slice::<Vec<i32>>(text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(
        json::from_slice::<bool>(b"1").map_err(|error| error.to_string()),
        Err("expected a bool, found a number".into())
    );
    assert_eq!(json::from_slice::<Vec<i64>>(b"[7.0, 1e3, \"-5\"]"), Ok(vec![7, 1000, -5]));
}

fn skip_all(input: &[u8]) -> Result<(), DecodeError> {
    let mut r = TarsReader::new(input);
    while let Some(head) = r.next_head()? {
        r.skip(head)?;
    }
    r.finish()
}

fn kind<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> DecodeErrorKind {
    result.expect_err("a fault").kind()
}
