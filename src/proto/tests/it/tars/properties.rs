//! What holds for any value, and for any damage to it.

use proptest::{collection, prelude::*};
use shardcast_proto::{
    tars::{
        TarsFields, TarsValue,
        codec::{
            ByteString, DecodeLimits, DecodeStruct, Pairs, TarsReader, TarsStruct, TarsWriter, UnsignedBytes,
        },
        json,
        packet::{
            FRAME_LEN_MAX_DEFAULT, RequestPacket, RequestRef, ResponsePacket, ReturnCode, StringMap, Version,
            split_frame,
        },
    },
    testing::fuzz::{self, BorrowedShape, Shape},
};

proptest! {
    #[test]
    fn any_struct_comes_back(shape in shape()) {
        let found = Shape::from_slice(&shape.to_vec());
        prop_assert_eq!(found.as_ref(), Ok(&shape));
        let mut in_full = TarsWriter::new().elide_defaults(false);
        shape.write_fields(&mut in_full);
        prop_assert_eq!(Shape::from_slice(in_full.as_bytes()), Ok(shape));
    }

    #[test]
    fn any_struct_comes_back_from_json(shape in shape()) {
        let text = json::to_vec(&shape).expect("plain values");
        prop_assert_eq!(json::from_slice(&text), Ok(shape));
    }

    #[test]
    fn any_value_comes_back_without_a_schema(fields in fields()) {
        let written = fields.to_vec();
        let found = TarsFields::read_all(&written);
        prop_assert_eq!(found.as_ref().map(TarsFields::to_vec), Ok(written));
        prop_assert_eq!(found, Ok(fields));
    }

    #[test]
    fn a_borrowing_reader_sees_what_an_owning_one_does(shape in shape()) {
        let written = shape.to_vec();
        let borrowed = BorrowedShape::from_slice(&written).expect("what was just written");
        prop_assert_eq!((borrowed.text, borrowed.raw), (&*shape.text, &*shape.raw));
        let pairs: Vec<_> = shape.pairs.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        prop_assert_eq!(borrowed.pairs.0, pairs);
    }

    #[test]
    fn fields_of_a_newer_peer_are_skipped(shape in shape(), unknown in fields()) {
        let mut known: Vec<_> = TarsFields::read_all(&shape.to_vec()).expect("fields").0;
        let is_known = |tag| matches!(tag, 0..=5 | 14..=19 | 100..=102 | 200 | 201 | 255);
        known.extend(unknown.0.into_iter().filter(|(tag, _)| !is_known(*tag)));
        known.sort_by_key(|(tag, _)| *tag);
        prop_assert_eq!(Shape::from_slice(&TarsFields(known).to_vec()), Ok(shape));
    }

    #[test]
    fn any_packet_comes_back_and_its_prefixes_need_more(request in request(), response in response()) {
        let mut stream = Vec::new();
        request.encode(&mut stream).expect("a short packet");
        let len = stream.len();
        response.encode(&mut stream).expect("a short packet");
        for at in 0..len {
            prop_assert_eq!(split_frame(&stream[..at], FRAME_LEN_MAX_DEFAULT), Ok(None));
        }
        let (body, taken) = split_frame(&stream, FRAME_LEN_MAX_DEFAULT).expect("a length").expect("a packet");
        prop_assert_eq!(taken, len);
        prop_assert_eq!(RequestRef::decode(body).map(|found| found.to_owned()), Ok(request));
        prop_assert_eq!(ResponsePacket::decode(&stream[len + 4..]), Ok(response));
    }

    /// The targets check that what is read is written to the same, and what it takes.
    #[test]
    fn any_damage_is_an_error_or_a_value(shape in shape(), request in request(), damage in damage()) {
        let mut body = shape.to_vec();
        hurt(&mut body, &damage);
        fuzz::tars_reader(&body);
        let mut packet = Vec::new();
        RequestPacket { buffer: body.into(), ..request }.encode(&mut packet).expect("a short packet");
        fuzz::tars_tup(&packet);
        hurt(&mut packet, &damage);
        fuzz::tars_packet(&packet);
        fuzz::tars_tup(&packet);
        let mut text = json::to_vec(&shape).expect("plain values");
        hurt(&mut text, &damage);
        fuzz::tars_json(&text);
    }

    #[test]
    fn any_limit_is_kept(shape in shape(), depth_max in 0_u16..6, memory_max in 0_usize..1000) {
        let limits = DecodeLimits::default().with(|it| {
            it.depth_max = depth_max;
            it.memory_max = memory_max;
        });
        let written = shape.to_vec();
        if let Ok(found) = Shape::read_fields(&mut TarsReader::new(&written).limits(limits)) {
            prop_assert!(size_of_val(&*found.inner) + size_of_val(&*found.list) <= memory_max);
            prop_assert_eq!(found, shape);
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    flat_shape().prop_recursive(3, 12, 4, |inner| {
        (flat_shape(), collection::vec(inner, 0..4)).prop_map(|(outer, inner)| Shape { inner, ..outer })
    })
}

fn flat_shape() -> impl Strategy<Value = Shape> {
    let integers = (
        any::<bool>(),
        any::<i8>(),
        any::<u8>(),
        prop_oneof![any::<i16>(), -2_i16..3],
        any::<u16>(),
        narrow_or_wide().prop_map(|value| value as i32),
        narrow_or_wide().prop_map(|value| value as u32),
        narrow_or_wide(),
    );
    let others = (
        any::<f32>(),
        any::<f64>(),
        ".{0,6}",
        ".{0,300}",
        collection::vec(any::<u8>(), 0..300),
        collection::vec(any::<i16>(), 0..20),
        collection::vec(any::<u8>(), 0..5),
        collection::btree_map(any::<i32>(), collection::vec(any::<u8>(), 0..5), 0..5),
        collection::vec((".{0,3}", any::<f64>()), 0..5),
    );
    (integers, others).prop_map(|(integers, others)| {
        let (flag, byte, unsigned_byte, short, unsigned_short, int, unsigned_int, long) = integers;
        let (float, double, text, any_text, raw, list, unsigned_list, table, pairs) = others;
        // An object has each key once, in any order; as JSON it would not come back.
        let pairs: std::collections::BTreeMap<_, _> = pairs.into_iter().collect();
        Shape {
            flag,
            byte,
            unsigned_byte,
            short,
            unsigned_short,
            int,
            unsigned_int,
            long,
            float,
            double,
            text,
            any_text: ByteString::from(any_text),
            raw,
            list,
            unsigned_list: UnsignedBytes(unsigned_list),
            table,
            pairs: pairs.into_iter().collect::<Pairs<_, _>>(),
            inner: Vec::new(),
        }
    })
}

/// Integers around the borders of the widths.
fn narrow_or_wide() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
}

fn fields() -> impl Strategy<Value = TarsFields> {
    collection::vec((any::<u8>(), value()), 0..6).prop_map(TarsFields)
}

fn value() -> impl Strategy<Value = TarsValue> {
    let leaf = prop_oneof![
        narrow_or_wide().prop_map(TarsValue::Int),
        any::<f32>().prop_map(TarsValue::Float),
        any::<f64>().prop_map(TarsValue::Double),
        collection::vec(any::<u8>(), 0..300).prop_map(|bytes| TarsValue::String(bytes.into())),
        collection::vec(any::<u8>(), 0..300).prop_map(TarsValue::Bytes),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(TarsValue::List),
            collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(TarsValue::Map),
            collection::vec((any::<u8>(), inner), 0..5)
                .prop_map(|fields| TarsValue::Struct(TarsFields(fields))),
        ]
    })
}

fn request() -> impl Strategy<Value = RequestPacket> {
    let numbers = (any::<i16>(), any::<i8>(), any::<i32>(), any::<i32>(), any::<i32>());
    (numbers, ".{1,40}", ".{1,10}", body(), headers(), headers()).prop_map(
        |(numbers, servant, func, buffer, context, status)| {
            let (version, packet_type, message_type, request_id, timeout_ms) = numbers;
            RequestPacket {
                version: Version(version),
                packet_type,
                message_type,
                request_id,
                servant,
                func,
                buffer: buffer.into(),
                timeout_ms,
                context,
                status,
            }
        },
    )
}

fn response() -> impl Strategy<Value = ResponsePacket> {
    let numbers = (any::<i16>(), any::<i8>(), any::<i32>(), any::<i32>(), any::<i32>());
    (numbers, ".{0,10}", body(), headers(), headers()).prop_map(
        |(numbers, result_desc, buffer, status, context)| {
            let (version, packet_type, request_id, message_type, ret) = numbers;
            ResponsePacket {
                version: Version(version),
                packet_type,
                request_id,
                message_type,
                ret: ReturnCode(ret),
                buffer: buffer.into(),
                status,
                result_desc,
                context,
            }
        },
    )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u8>(), 0..200)
}

fn headers() -> impl Strategy<Value = StringMap> {
    collection::btree_map(".{0,5}", ".{0,5}", 0..3)
}

/// Where, what, and with what.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..4)
}

fn hurt(bytes: &mut Vec<u8>, damage: &[(prop::sample::Index, u8, u8)]) {
    for (at, what, with) in damage {
        let at = at.index(bytes.len() + 1);
        match what {
            0 => bytes.insert(at, *with),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = *with,
            _ => {}
        }
    }
}
