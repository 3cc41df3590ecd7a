//! Fuzz targets of the Tars encoding, its packets, TUP and JSON.

use std::{collections::BTreeMap, fmt::Debug};

use bytes::Bytes;

use super::{BorrowedShape, Shape};
use crate::tars::{
    TarsFields, TarsValue,
    codec::{DecodeError, DecodeLimits, DecodeStruct, TarsReader, TarsStruct},
    json::{self, JsonObject},
    packet::{
        Request, RequestPacket, RequestRef, Response, ResponsePacket, ResponseRef, Version, split_frame,
    },
    tup::{Attributes, UniPacket, UniResponse},
};

/// Any bytes: what can be read can be skipped, is written and read to the same value, and takes no more
/// memory than the reader allows.
pub fn reader(data: &[u8]) {
    let limits = DecodeLimits { depth_max: 20, memory_max: 10_000 };
    let fields = TarsFields::read_fields(&mut TarsReader::new(data).limits(limits));
    if let Ok(fields) = fields {
        assert!(fields_memory(&fields) <= limits.memory_max, "more memory than allowed");
        let written = fields.to_vec();
        let again = TarsFields::read_all(&written).expect("what was just written");
        assert_eq!(again.to_vec(), written);
        skip_all(&written).expect("what can be read");
    }
    let _ = skip_all(data);
    if let Ok(shape) = Shape::from_slice(data) {
        let written = shape.to_vec();
        let again = Shape::from_slice(&written).expect("what was just written");
        assert_eq!(again.to_vec(), written);
        let borrowed = BorrowedShape::from_slice(&written).expect("what can be read");
        assert_eq!((borrowed.text.as_bytes(), borrowed.raw), (shape.text.as_bytes(), &*shape.raw));
    }
}

/// Any stream: packets are found wherever it is split, and are read and written to the same value, owned or
/// borrowed.
pub fn packet(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((body, len))) = split_frame(rest, 1000) {
        assert_eq!(split_frame(&rest[..len - 1], 1000), Ok(None), "a proper prefix");
        rest = &rest[len..];
        let request = RequestRef::decode(body).map(|packet| packet.to_owned());
        assert_eq!(RequestPacket::decode(body), request);
        if let Ok(packet) = request {
            rewritten(&packet, Request::encode, |body| RequestPacket::decode(body));
        }
        let response = ResponseRef::decode(body).map(|packet| packet.to_owned());
        assert_eq!(ResponsePacket::decode(body), response);
        if let Ok(packet) = response {
            rewritten(&packet, Response::encode, |body| ResponsePacket::decode(body));
        }
    }
}

/// Any arguments of any version, alone and in packets. The first byte is the version.
pub fn tup(data: &[u8]) {
    let Some((version, data)) = data.split_first() else { return };
    let version = Version((version % 4).into());
    if let Ok(attributes) = Attributes::decode(version, &Bytes::copy_from_slice(data)) {
        let written = Bytes::from(attributes.encode());
        assert_eq!(Attributes::decode(version, &written).as_ref(), Ok(&attributes));
        for (key, _) in attributes.iter() {
            let _ = attributes.get::<TarsValue>(key.clone());
            let _ = attributes.get::<&str>(key.clone());
        }
    }
    if let Ok(call) = UniPacket::decode(data) {
        let mut out = Vec::new();
        if call.encode(&mut out).is_ok() {
            assert_eq!(UniPacket::decode(&out[4..]).as_ref(), Ok(&call));
        }
        let _ = call.create_response().result::<i32>();
    }
    if let Ok(response) = UniResponse::decode(data) {
        rewritten(&response, UniResponse::encode, UniResponse::decode);
    }
}

/// Any text: what is read is written and read to the same value.
pub fn json(data: &[u8]) {
    if let Ok(shape) = json::from_slice::<Shape>(data) {
        let written = json::to_vec(&shape).expect("plain values");
        let again: Shape = json::from_slice(&written).expect("what was just written");
        assert_eq!(json::to_vec(&again).expect("plain values"), written);
    }
    if let Ok(mut object) = JsonObject::parse(data) {
        let _ = object.optional::<BTreeMap<i32, Vec<u8>>>("table");
    }
}

fn rewritten<T: PartialEq + Debug, E: Debug>(
    value: &T,
    encode: impl FnOnce(&T, &mut Vec<u8>) -> Result<(), E>,
    decode: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
) {
    let mut out = Vec::new();
    encode(value, &mut out).expect("as short as what was read");
    assert_eq!(decode(&out[4..]).as_ref(), Ok(value));
}

fn skip_all(data: &[u8]) -> Result<(), DecodeError> {
    let mut r = TarsReader::new(data);
    while let Some(head) = r.next_head()? {
        r.skip(head)?;
    }
    Ok(())
}

/// The memory of the elements of all containers.
fn fields_memory(fields: &TarsFields) -> usize {
    let own = fields.0.len() * size_of::<(u8, TarsValue)>();
    own + fields.0.iter().map(|(_, value)| value_memory(value)).sum::<usize>()
}

fn value_memory(value: &TarsValue) -> usize {
    match value {
        TarsValue::List(values) => size_of_val(&**values) + values.iter().map(value_memory).sum::<usize>(),
        TarsValue::Map(pairs) => {
            let inner = pairs.iter().map(|(key, value)| value_memory(key) + value_memory(value));
            size_of_val(&**pairs) + inner.sum::<usize>()
        }
        TarsValue::Struct(fields) => fields_memory(fields),
        _ => 0,
    }
}
