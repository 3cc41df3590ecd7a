//! The encoding of values: recorded bytes, round trips, and what a few bytes cannot do to a reader.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;
use shardcast_proto::{
    seastar::{
        ConnectionId, Frame, Layout,
        serialize::{
            Decode, DecodeError, DecodeErrorKind, DecodeOwned, Encode, Reader, Tail, from_bytes, from_slice,
            to_vec,
        },
        split_request, split_response,
    },
    serialize_struct,
};

use super::recording::recording;

#[derive(Clone, Debug, PartialEq)]
struct Everything {
    numbers: (i8, i16, i32, i64, u8, u16, u32, u64),
    floats: (f32, f64),
    flags: Vec<bool>,
    text: String,
    bytes: Bytes,
    lists: Vec<Vec<u64>>,
    nested: Vec<Nested>,
    id: ConnectionId,
    unit: (),
    later: Tail<Box<Nested>>,
}

serialize_struct!(Everything { numbers, floats, flags, text, bytes, lists, nested, id, unit, later });

#[derive(Clone, Debug, PartialEq)]
struct Nested {
    id: i32,
    inner: Vec<Self>,
}

serialize_struct!(Nested { id, inner });

#[derive(Debug, PartialEq)]
struct Nothing {}

serialize_struct!(Nothing {});

#[test]
fn recorded_arguments_and_results_are_read_and_written() {
    let text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
    check_request("13-echo-defaults", 0, 1, text.to_owned());
    check_request("13-echo-defaults", 1, 2, (2, 3));
    check_request("21-exception-user-duration", 1, 3, (1, "sys".to_owned()));
    // A stream, as a sink.
    check_request("51-stream-bidirectional", 0, 5, (666, ConnectionId::new(5, 0)));
    let response = recorded("51-stream-bidirectional", false, 0);
    let layout = Layout { timeout: true, duration: true };
    let payload = split_response(&response, layout, 100).expect("valid").expect("whole").payload;
    assert_eq!(from_slice(payload), Ok(ConnectionId::new(5, 0)));
}

fn check_request<T>(name: &str, index: usize, verb: u64, expected: T)
where
    T: Encode + PartialEq + std::fmt::Debug,
    for<'de> T: Decode<'de>,
{
    let request = recorded(name, true, index);
    let layout = Layout { timeout: !name.starts_with("21"), duration: true };
    let Frame { head, payload, .. } = split_request(&request, layout, 100).expect("valid").expect("whole");
    assert_eq!(head.verb, verb, "{name}");
    assert_eq!(to_vec(&expected), payload, "{name}");
    assert_eq!(from_slice(payload).as_ref(), Ok(&expected), "{name}");
}

/// A frame of the first connection after the negotiation.
fn recorded(name: &str, is_from_client: bool, index: usize) -> Vec<u8> {
    let recording = recording(name);
    let mut frames =
        recording.frames.into_iter().filter(|it| it.connection == 0 && it.is_from_client == is_from_client);
    frames.nth(index + 1).and_then(|it| it.bytes).expect("a frame")
}

#[test]
fn numbers_are_little_endian_and_of_fixed_length() {
    assert_eq!(to_vec(&-2_i8), [0xfe]);
    assert_eq!(to_vec(&0x0102_i16), [2, 1]);
    assert_eq!(to_vec(&0x0102_0304_i32), [4, 3, 2, 1]);
    assert_eq!(to_vec(&-2_i64), [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(to_vec(&1.0_f32), [0, 0, 0x80, 0x3f]);
    assert_eq!(to_vec(&1.0_f64), [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    assert_eq!(to_vec(&[true, false][..]), [2, 0, 0, 0, 1, 0]);
    assert_eq!(to_vec(&[1_u16, 2][..]), [2, 0, 0, 0, 1, 0, 2, 0]);
}

/// Strings of any type have the same bytes, as have pointers and what they point to.
#[test]
fn types_with_the_same_bytes_can_be_exchanged() {
    let expected = b"\x02\0\0\0ok";
    assert_eq!(to_vec("ok"), expected);
    assert_eq!(to_vec(&"ok".to_owned()), expected);
    assert_eq!(to_vec(&Bytes::from_static(b"ok")), expected);
    assert_eq!(to_vec(&b"ok".to_vec()), expected);
    assert_eq!(to_vec(&b"ok"[..]), expected);
    assert_eq!(to_vec(&(Rc::new("ok"),)), expected);
    assert_eq!(from_slice(expected), Ok("ok"));
    assert_eq!(from_slice(expected), Ok(&b"ok"[..]));
    assert_eq!(from_slice(expected), Ok(Bytes::from_static(b"ok")));
    assert_eq!(from_slice(expected), Ok(Rc::new(Arc::new(Box::new("ok".to_owned())))));
    assert_eq!(from_slice(expected), Ok((vec![b'o', b'k'], ())));
    assert_eq!(from_slice(expected), Ok(Nothing {}));
    assert!(to_vec(&Nothing {}).is_empty());
}

proptest! {
    #[test]
    fn values_come_back_as_they_were(value in everything()) {
        let bytes = to_vec(&value);
        prop_assert_eq!(from_bytes(&Bytes::from(bytes.clone())), Ok(value.clone()));
        prop_assert_eq!(from_slice(&bytes), Ok(value));
    }

    /// A cut is noticed, except right before what older senders do not have.
    #[test]
    fn a_cut_value_is_an_error(value in everything(), at in any::<prop::sample::Index>()) {
        let bytes = to_vec(&value);
        let old = to_vec(&Everything { later: Tail(None), ..value }).len();
        let cut = at.index(bytes.len());
        let result = from_slice::<Everything>(&bytes[..cut]);
        prop_assert_eq!(result.is_ok(), cut == old);
    }

    #[test]
    fn any_bytes_are_read_or_refused(input in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = from_slice::<(Vec<Nested>, Tail<String>, Tail<Vec<(bool, f64)>>)>(&input) {
            prop_assert!(input.starts_with(&to_vec(&value)));
        }
    }
}

fn everything() -> impl Strategy<Value = Everything> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..50).prop_map(Bytes::from);
    let lists = prop::collection::vec(prop::collection::vec(any::<u64>(), 0..5), 0..5);
    let floats = (any::<u16>().prop_map(f32::from), any::<i32>().prop_map(f64::from));
    let flags = prop::collection::vec(any::<bool>(), 0..9);
    let later = prop::option::of(nested().prop_map(Box::new)).prop_map(Tail);
    let first = (any::<(i8, i16, i32, i64, u8, u16, u32, u64)>(), floats, flags, any::<String>(), bytes());
    let second = (lists, prop::collection::vec(nested(), 0..3), any::<u64>().prop_map(ConnectionId), later);
    (first, second).prop_map(|((numbers, floats, flags, text, bytes), (lists, nested, id, later))| {
        Everything { numbers, floats, flags, text, bytes, lists, nested, id, unit: (), later }
    })
}

fn nested() -> impl Strategy<Value = Nested> {
    let leaf = any::<i32>().prop_map(|id| Nested { id, inner: Vec::new() });
    leaf.prop_recursive(4, 20, 3, |inner| {
        (any::<i32>(), prop::collection::vec(inner, 0..3)).prop_map(|(id, inner)| Nested { id, inner })
    })
}

#[test]
fn errors_name_the_fault_and_its_place() {
    check::<u32>(&[1, 2, 3], DecodeErrorKind::UnexpectedEnd, 0);
    check::<(u8, u32)>(&[1, 2], DecodeErrorKind::UnexpectedEnd, 1);
    check::<String>(&[1, 0], DecodeErrorKind::UnexpectedEnd, 0);
    check::<String>(&[2, 0, 0, 0, b'a'], DecodeErrorKind::LengthTooLarge { len: 2, left: 1 }, 4);
    check::<Bytes>(&[0xff; 9], DecodeErrorKind::LengthTooLarge { len: u32::MAX, left: 5 }, 4);
    check::<String>(&[1, 0, 0, 0, 0xff], DecodeErrorKind::InvalidUtf8, 5);
    check::<bool>(&[2], DecodeErrorKind::InvalidBool(2), 1);
    check::<(u8, Tail<u16>)>(&[1, 2], DecodeErrorKind::UnexpectedEnd, 1);
}

/// Seastar's server catches that there is not so much memory. Here, no more is taken than has arrived.
#[test]
fn claimed_counts_cost_nothing() {
    let claims = [0xff_u8; 4];
    check::<Vec<u8>>(&claims, DecodeErrorKind::UnexpectedEnd, 4);
    check::<Vec<u64>>(&claims, DecodeErrorKind::UnexpectedEnd, 4);
    check::<Vec<String>>(&claims, DecodeErrorKind::UnexpectedEnd, 4);
    check::<Vec<Vec<u8>>>(&claims, DecodeErrorKind::UnexpectedEnd, 4);
}

/// Values without bytes could be claimed without end.
#[test]
fn elements_take_no_more_memory_than_allowed() {
    let max = DecodeErrorKind::TooMuchMemory(128 << 20);
    check::<Vec<()>>(&[0xff; 4], max, 4);
    check::<Vec<Nothing>>(&[0xff; 4], max, 4);
    check::<Vec<Tail<u64>>>(&[0xff, 0xff, 0xff, 0xff], max, 4);
    // Also in many lists.
    let many = to_vec(&vec![vec![(); 1000]; 600]);
    check::<Vec<Vec<()>>>(&many, max, 4 + 4 * 525);
    assert_eq!(from_slice(&to_vec(&vec![(); 1000])), Ok(vec![(); 1000]));
    // Small ones that have bytes count no more than they take.
    let bits = vec![true; 1000];
    assert_eq!(Vec::<bool>::decode(&mut Reader::new(&to_vec(&bits)).memory_max(1000)), Ok(bits));

    let input = to_vec(&vec![String::new(); 10]);
    let read = |max| Vec::<String>::decode(&mut Reader::new(&input).memory_max(max));
    assert_eq!(read(10 * size_of::<String>()), Ok(vec![String::new(); 10]));
    let kind = DecodeErrorKind::TooMuchMemory(239);
    assert_eq!(read(10 * size_of::<String>() - 1).map_err(|error| error.kind), Err(kind));
}

/// A level takes a few bytes, so the input would choose how deep the recursion goes.
#[test]
fn sixty_four_levels_are_read_and_no_more() {
    let nested = |levels: usize| [[0, 0, 0, 0, 1, 0, 0, 0].repeat(levels), vec![0; 8]].concat();
    assert!(from_slice::<Nested>(&nested(63)).is_ok());
    for levels in [64, 100, 1_000_000] {
        check::<Nested>(&nested(levels), DecodeErrorKind::TooDeep(64), 64 * 8 + 8);
    }

    #[derive(Debug)]
    struct Chain {
        id: u8,
        next: Tail<Box<Self>>,
    }
    serialize_struct!(Chain { id, next });
    let chain: Chain = from_slice(&[1; 65]).expect("64 levels");
    assert_eq!((chain.id, to_vec(&chain)), (1, vec![1; 65]));
    check::<Chain>(&[1; 66], DecodeErrorKind::TooDeep(64), 65);
    check::<Chain>(&vec![1; 1 << 20], DecodeErrorKind::TooDeep(64), 65);
}

#[test]
fn bytes_are_parts_of_a_shared_input() {
    let input = Bytes::from(to_vec(&(7, vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")])));
    let (_, parts): (i32, Vec<Bytes>) = from_bytes(&input).expect("what was written");
    assert_eq!(parts, ["one", "two"]);
    assert!(parts.iter().all(|part| input.as_ptr_range().contains(&part.as_ptr())));
}

fn check<T: DecodeOwned + std::fmt::Debug>(input: &[u8], kind: DecodeErrorKind, offset: usize) {
    assert_eq!(from_slice::<T>(input).unwrap_err(), DecodeError { kind, offset });
}
