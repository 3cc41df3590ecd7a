//! TUP: packets recorded from five implementations, and the ways to put and get arguments.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::Value;
use shardcast_proto::tars::{
    TarsFields, TarsValue,
    codec::UnsignedBytes,
    packet::{ReturnCode, Version},
    tup::{Attribute, Attributes, Key, TupEncodeError, TupErrorKind, UniPacket, UniResponse},
};

use super::{
    packets::{recorded_frame, whole},
    types::{FromVector, N, One, P, T15, Un, bytes, hex, with_type},
    vectors::{text, vectors},
};

#[test]
fn requests_are_written_as_recorded() {
    for (case, version) in
        [("req_v3_hello", Version::TUP), ("req_v3_all", Version::TUP), ("req_v2_hello", Version::TUP_TYPED)]
    {
        let mut frame = Vec::new();
        request(case, version).encode(&mut frame).expect("a request");
        assert_eq!(hex(&frame), text(&packet(case)["hex"]), "{case}");
    }
}

#[test]
fn requests_of_all_writers_are_read() {
    for (case, version, meant) in [
        ("req_v3_hello", Version::TUP, "req_v3_hello"),
        ("req_v3_hello#java", Version::TUP, "req_v3_hello"),
        ("req_v3_hello_unsorted", Version::TUP, "req_v3_hello"),
        ("req_v3_all", Version::TUP, "req_v3_all"),
        ("req_v2_hello", Version::TUP_TYPED, "req_v3_hello"),
        ("req_v2_all", Version::TUP_TYPED, "req_v3_all"),
    ] {
        let frame = bytes(text(&packet(case)["hex"]));
        let found = UniPacket::decode(whole(&frame)).unwrap_or_else(|error| panic!("{case}: {error}"));
        let meant = request(meant, version);
        assert_eq!((found.request.func, found.request.version), (meant.request.func, version), "{case}");
        // Everybody spells types in their own way, so only the values are compared.
        let fields = |attributes: &Attributes| -> Vec<_> {
            attributes.iter().map(|(key, attribute)| (key.clone(), attribute.field.clone())).collect()
        };
        assert_eq!(fields(&found.attributes), fields(&meant.attributes), "{case}");
    }
}

#[test]
fn attributes_alone_are_written_and_read_as_recorded() {
    for (case, version) in [
        ("attr_v3_one", Version::TUP),
        ("attr_v3_empty", Version::TUP),
        ("attr_v2_one", Version::TUP_TYPED),
        ("attr_v2_empty", Version::TUP_TYPED),
    ] {
        let vector = packet(case);
        let recorded = bytes(text(&vector["hex"]));
        let attributes = attributes(&vector["value"]["attr"], version);
        assert_eq!(hex(&attributes.encode()), hex(&recorded), "{case}");
        assert_eq!(Attributes::decode(version, &recorded.into()), Ok(attributes), "{case}");
    }
}

#[test]
fn responses_of_version_1_are_written_and_read_as_recorded() {
    let mut hello = UniPacket::new(Version::TARS, "S", "f").create_response();
    hello.request_id = 1;
    hello.put_result("Hello world");
    check_response("rsp_v1_ok", &hello);
    hello.context.insert("rk".into(), "rv".into());
    check_response("rsp_v1_ok_ctx", &hello);

    let mut failed = UniPacket::new(Version::TARS, "S", "f").create_response();
    (failed.request_id, failed.ret) = (1, ReturnCode::NO_FUNCTION);
    failed.result_desc = "no func".into();
    check_response("rsp_v1_err", &failed);

    let mut out = UniPacket::new(Version::TARS, "S", "f").create_response();
    out.request_id = 9;
    out.put_result(&0);
    out.attributes.put(2, &42).and_then(|put| put.put("4", "out")).expect("tags");
    check_response("rsp_v1_out", &out);
}

#[test]
fn responses_of_version_3_are_written_and_read_as_recorded() {
    let call = request("req_v3_hello", Version::TUP);
    let mut hello = call.create_response();
    hello.put_result("Hello world");
    check_response("rsp_v3_ok", &hello);

    let mut failed = call.create_response();
    failed.ret = ReturnCode::NO_FUNCTION;
    failed.result_desc = "no func".into();
    check_response("rsp_v3_err", &failed);
}

/// As TarsCpp writes it; and what any other wrote means the same.
fn check_response(case: &str, response: &UniResponse) {
    let mut frame = Vec::new();
    response.encode(&mut frame).expect("a short response");
    assert_eq!(hex(&frame), text(&packet(case)["hex"]), "{case}");
    for vector in vectors() {
        let name = text(&vector["case"]);
        if name.split('#').next() != Some(&format!("packet/{case}")) || name.ends_with("only_empty_key") {
            continue;
        }
        let frame = bytes(text(&vector["hex"]));
        let mut found = UniResponse::decode(whole(&frame)).expect("a response");
        if !response.attributes.version().is_tup() {
            (found.servant, found.func) = (response.servant.clone(), response.func.clone());
        }
        assert_eq!(&found, response, "{name}");
    }
}

#[test]
fn the_result_is_found_where_java_puts_it() {
    for case in ["rsp_v3_ok#java_only_empty_key", "rsp_v2_ok#java_only_empty_key"] {
        let frame = bytes(text(&packet(case)["hex"]));
        let response = UniResponse::decode(whole(&frame)).expect("a response");
        assert_eq!(response.result(), Ok("Hello world"), "{case}");
    }
}

#[test]
fn recorded_calls_of_tarscpp_have_their_results() {
    let frame = recorded_frame("30_tup_call.rsp");
    let response = UniResponse::decode(whole(&frame)).expect("a response");
    assert_eq!((response.ret, response.result()), (ReturnCode::SUCCESS, Ok(0)));
    assert_eq!(response.attributes.require("r"), Ok("tup-hi"));

    let frame = recorded_frame("02_echo_sync.rsp");
    let response = UniResponse::decode(whole(&frame)).expect("a response");
    assert_eq!((response.result(), response.attributes.require(2)), (Ok(0), Ok("hi")));

    // Its body is empty, where an empty map was meant.
    let frame = recorded_frame("31_tup_exception.rsp");
    let response = UniResponse::decode(whole(&frame)).expect("a response");
    assert_eq!((response.ret, response.attributes.len()), (ReturnCode::UNKNOWN, 0));
    assert_eq!(response.result_desc, "boom: user exception");
    // Ours is a map, which @tars/rpc insists on.
    let mut ours = Vec::new();
    response.encode(&mut ours).expect("a short response");
    assert!(hex(&ours).contains("7d000002080c"), "{}", hex(&ours));
}

#[test]
fn every_type_can_be_put_and_got_in_every_version() {
    for version in [Version::TARS, Version::TUP_TYPED, Version::TUP] {
        check_put_and_get(version, &true);
        check_put_and_get(version, &-128_i8);
        check_put_and_get(version, &255_u8);
        check_put_and_get(version, &i16::MIN);
        check_put_and_get(version, &u16::MAX);
        check_put_and_get(version, &i32::MIN);
        check_put_and_get(version, &u32::MAX);
        check_put_and_get(version, &i64::MIN);
        check_put_and_get(version, &1.5_f32);
        check_put_and_get(version, &-0.1);
        check_put_and_get(version, &"x".repeat(300));
        check_put_and_get(version, &vec![0_u8, 255]);
        check_put_and_get(version, &Bytes::from_static(b"raw"));
        check_put_and_get(version, &UnsignedBytes(vec![0, 255]));
        check_put_and_get(version, &vec!["a".to_owned()]);
        check_put_and_get(version, &HashMap::from([(1, vec![2_i64])]));
        check_put_and_get(version, &P { x: 1, s: "s".into() });
        check_put_and_get(version, &BTreeMap::from([("k".to_owned(), vec![P::default()])]));
        let dynamic =
            TarsFields(vec![(0, 1.into()), (1, "s".into()), (7, vec![TarsValue::from(2.5)].into())]);
        check_put_and_get(version, &TarsValue::from(dynamic));
    }
}

fn check_put_and_get<T>(version: Version, value: &T)
where
    T: shardcast_proto::tars::codec::Encode
        + shardcast_proto::tars::codec::DecodeOwned
        + PartialEq
        + std::fmt::Debug,
{
    let mut call = UniPacket::new(version, "App.Server.Obj", "f");
    for key in ["1", "200"] {
        call.attributes.put(key, value).expect("a tag and a name");
    }
    let mut frame = Vec::new();
    call.encode(&mut frame).expect("a short request");
    let call = UniPacket::decode(whole(&frame)).expect("what was just written");
    assert_eq!(call.attributes.require::<T>("1").as_ref(), Ok(value), "{version}");
    assert_eq!(call.attributes.require::<T>(200).as_ref(), Ok(value), "{version}");
    assert_eq!(call.attributes.get::<T>("3"), Ok(None), "{version}");
}

#[test]
fn arguments_can_be_replaced_removed_and_looked_for() {
    let mut attributes = Attributes::new(Version::TUP);
    attributes.put("a", &1).and_then(|put| put.put("a", &2)).expect("names");
    assert_eq!((attributes.len(), attributes.require("a")), (1, Ok(2)));
    assert_eq!(attributes.get_or("b", 7), Ok(7));
    let copy =
        Attribute { type_name: String::new(), field: attributes.encoded("a").expect("it").field.clone() };
    attributes.put_encoded("b", copy).expect("a name");
    assert_eq!(attributes.get_or("b", 7), Ok(2));
    assert!(attributes.remove("a").is_some() && !attributes.contains_key("a"));
    attributes.clear();
    assert!(attributes.is_empty());
}

#[test]
fn values_that_cannot_be_read_are_reported() {
    let mut attributes = Attributes::new(Version::TUP);
    attributes.put("text", "x").expect("a name");
    let error = attributes.require::<i32>("text").expect_err("a string");
    assert_eq!(
        error.to_string(),
        r#"argument "text": tag 0, byte 0: expected an integer of at most 32 bits, found STRING1"#
    );
    let error = attributes.require::<i32>("none").expect_err("nothing");
    assert_eq!(error.kind, TupErrorKind::Missing);
    let error = Attributes::new(Version::TARS).put("name", &1).expect_err("no tag").kind;
    assert_eq!(error, TupErrorKind::NoTag);
    assert!(Attributes::decode(Version::TARS, &Bytes::from_static(&[0x0B])).is_err());
    let mut out = Vec::new();
    assert_eq!(UniPacket::new(Version::TUP, "", "f").encode(&mut out), Err(TupEncodeError::NoServant));
    assert_eq!(UniPacket::new(Version::TUP, "S", "").encode(&mut out), Err(TupEncodeError::NoFunc));
    assert!(out.is_empty());
}

/// A name is a tag where it can be one, so that the order of the array does not matter as it does in PHP.
#[test]
fn tags_are_written_in_their_order() {
    let mut attributes = Attributes::new(Version::TARS);
    attributes.put("10", &1).and_then(|put| put.put(2, &2)).expect("tags");
    assert_eq!(attributes.encode(), [0x20, 2, 0xA0, 1]);
    assert_eq!(attributes.iter().next().map(|(key, _)| key), Some(&Key::Tag(2)));
}

/// The request that a recorded case describes.
fn request(case: &str, version: Version) -> UniPacket {
    let value = packet(case)["value"].clone();
    let value = if value["as"].is_string() { packet(text(&value["as"]))["value"].clone() } else { value };
    let mut call = UniPacket::new(version, text(&value["sServantName"]), text(&value["sFuncName"]));
    call.request.request_id = i32::from_vector(&value["iRequestId"]);
    call.request.timeout_ms = value["iTimeout"].as_i64().unwrap_or(0).try_into().expect("an int");
    call.attributes = attributes(&value["attr"], version);
    call
}

fn attributes(entries: &Value, version: Version) -> Attributes {
    let mut attributes = Attributes::new(version);
    for entry in entries.as_array().expect("entries") {
        with_type!(text(&entry[1]), put(&mut attributes, text(&entry[0]), &entry[2]));
    }
    attributes
}

fn put<T: FromVector>(attributes: &mut Attributes, name: &str, value: &Value) {
    attributes.put(name, &T::from_vector(value)).expect("a name");
}

fn packet(case: &str) -> Value {
    let name = format!("packet/{case}");
    vectors().find(|vector| vector["case"] == name.as_str()).expect(case)
}
