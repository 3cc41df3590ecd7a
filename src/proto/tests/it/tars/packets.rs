//! Packets recorded from TarsCpp and others: read, written again byte by byte, cut at every byte.

use std::{fs, path::Path};

use bytes::Bytes;
use shardcast_proto::tars::{
    codec::{DecodeErrorKind, TarsWriter},
    json::JsonObject,
    packet::{
        FRAME_LEN_MAX_DEFAULT, FrameError, RequestPacket, RequestRef, ResponsePacket, ResponseRef,
        ReturnCode, Version, split_frame,
    },
};

use super::types::{bytes, hex};

#[test]
fn every_recorded_packet_is_read_and_written_byte_by_byte() {
    let mut checked = 0;
    for (name, frame) in recorded() {
        let body = whole(&frame);
        if is_request(&name) {
            let packet = RequestRef::decode(body).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(RequestPacket::decode(body).as_ref(), Ok(&packet.to_owned()), "{name}");
            // This one carries an unknown field.
            if name != "59_extra_unknown_tag_11.req" {
                assert_eq!(hex(&written(|out| packet.encode(out))), hex(&frame), "{name}");
                assert_eq!(hex(&written(|out| packet.to_owned().encode(out))), hex(&frame), "{name}");
            }
        } else {
            let packet = ResponseRef::decode(body).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(ResponsePacket::decode(body).as_ref(), Ok(&packet.to_owned()), "{name}");
            assert_eq!(hex(&written(|out| packet.encode(out))), hex(&frame), "{name}");
            assert_eq!(hex(&written(|out| packet.to_owned().encode(out))), hex(&frame), "{name}");
        }
        checked += 1;
    }
    assert!(checked >= 70, "{checked} packets");
}

#[test]
fn every_proper_prefix_of_a_packet_needs_more() {
    for (name, frame) in recorded() {
        for len in 0..frame.len() {
            assert_eq!(split_frame(&frame[..len], FRAME_LEN_MAX_DEFAULT), Ok(None), "{name}, {len} bytes");
        }
    }
}

/// Optional fields are at the end, so a cut is noticed unless it is there, between two fields.
#[test]
fn a_body_that_is_cut_off_is_refused() {
    let body = bytes("1001400156015366016d7d000003010203810bb8980ca80c");
    let ends_of_fields = [17, 20, 22];
    for len in 0..body.len() {
        let is_whole_enough = ends_of_fields.contains(&len);
        assert_eq!(RequestRef::decode(&body[..len]).is_ok(), is_whole_enough, "{len} bytes");
    }
}

#[test]
fn fields_have_the_recorded_values() {
    let frame = recorded_frame("03_hello_context.req");
    let request = RequestRef::decode(whole(&frame)).expect("a request");
    assert_eq!((request.version, request.is_one_way(), request.message_type), (Version::TARS, false, 0));
    assert_eq!((&*request.servant, &*request.func), ("Bench.BenchServer.EchoObj", "hello"));
    assert_eq!(request.context.get("user").as_deref(), Some("u1"));
    assert_eq!((request.context.len(), request.status.is_empty()), (2, true));

    let frame = recorded_frame("07_exc_std_exception_ret99.rsp");
    let response = ResponseRef::decode(whole(&frame)).expect("a response");
    assert_eq!((response.ret, response.buffer.len()), (ReturnCode::UNKNOWN, 0));
    assert_eq!(response.result_desc, "boom: user exception");

    let frame = recorded_frame("43_pushcb_push");
    let push = ResponsePacket::decode(whole(&frame)).expect("a push");
    assert_eq!((push.request_id, push.status["TARS_FUNC"].as_str()), (0, "pushMsg"));

    let frame = recorded_frame("04_oneway_tell.req");
    assert!(RequestRef::decode(whole(&frame)).expect("a request").is_one_way());
}

/// A response recorded from TarsCpp, whose server took the request; ours has the same members.
#[test]
fn arguments_of_version_5_are_members_of_an_object() {
    let frame = recorded_frame("50_json_echo.req");
    let request = RequestRef::decode(whole(&frame)).expect("a request");
    let mut arguments = JsonObject::parse(&request.buffer).expect("an object");
    assert_eq!((request.version, arguments.require("s")), (Version::JSON, Ok("json-hi".to_owned())));

    let frame = recorded_frame("50_json_echo.rsp");
    let response = ResponseRef::decode(whole(&frame)).expect("a response");
    let mut results = JsonObject::parse(&response.buffer).expect("an object");
    assert_eq!(results.require::<i32>("tars_ret"), Ok(0));
    assert_eq!(results.require::<String>("r"), Ok("json-hi".to_owned()));
    let missing = results.require::<i32>("r").expect_err("it has been taken");
    assert_eq!(missing.to_string(), "r: required member is missing");
}

#[test]
fn a_shared_packet_copies_no_buffer() {
    let frame = Bytes::from(recorded_frame("02_echo_sync.req"));
    let body = frame.slice(4..);
    let packet = RequestPacket::decode_shared(&body).expect("a request");
    assert!(body.as_ptr_range().contains(&packet.buffer.as_ptr()));
}

#[test]
fn lengths_are_judged_before_anything_is_gathered() {
    let cases = [
        (vec![0, 0, 0, 4], Err(FrameError::TooSmall { len: 4 })),
        (vec![0, 0, 0, 0, 1, 2], Err(FrameError::TooSmall { len: 0 })),
        (vec![0, 0, 0, 101], Err(FrameError::TooLarge { len: 101, max: 100 })),
        (vec![0xFF; 4], Err(FrameError::TooLarge { len: u32::MAX, max: 100 })),
        (vec![0, 0, 0, 100], Ok(None)),
        (vec![0, 0, 0, 5, 7, 8], Ok(Some((&[7][..], 5)))),
    ];
    for (input, expected) in cases {
        assert_eq!(split_frame(&input, 100), expected, "{input:?}");
    }
}

/// What the older documents call optional, and what Java leaves out.
#[test]
fn fields_that_some_peers_leave_out_may_be_missing() {
    let request = bytes("1001400156015366016d7d000c");
    let packet = RequestPacket::decode(&request).expect("version, id, servant, function and buffer");
    assert_eq!((packet.request_id, packet.servant.as_str(), packet.timeout_ms), (1, "S", 0));
    let response = bytes("100130016d000c");
    let packet = ResponsePacket::decode(&response).expect("version, id and buffer");
    assert_eq!((packet.request_id, packet.ret), (1, ReturnCode::SUCCESS));

    let error = RequestPacket::decode(&request[..4]).expect_err("a request without a servant");
    assert_eq!((error.kind(), error.tag()), (DecodeErrorKind::MissingField, Some(5)));
}

#[test]
fn names_in_another_encoding_are_readable_enough() {
    let request = bytes("100140015602d6d066016d7d000c980001060161160162a80c");
    let packet = RequestRef::decode(&request).expect("a servant named in GBK");
    assert_eq!(packet.servant, "\u{FFFD}\u{FFFD}");
    assert_eq!(packet.context.iter().collect::<Vec<_>>(), [("a".into(), "b".into())]);
}

#[test]
fn bytes_are_encoded_in_place_whatever_their_length() {
    for len in [0, 1, 127, 128, 129, 32_767, 32_768, 70_000] {
        let body = vec![7; len];
        let (mut expected, mut found) = (TarsWriter::new(), TarsWriter::new());
        for w in [&mut expected, &mut found] {
            w.field(0, "before");
        }
        expected.write_bytes(3, &body);
        found.write_bytes_with(3, |w| w.write_encoded(&body));
        assert!(expected.as_bytes() == found.as_bytes(), "{len} bytes");
    }
}

/// All recorded packets with their names; two files are of another protocol.
pub(super) fn recorded() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tars");
    let mut frames = Vec::new();
    for entry in fs::read_dir(folder).expect("the vectors") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_some_and(|end| end == "hex") && !name.contains("pushdemo") {
            frames.push((name.clone(), recorded_frame(&name)));
        }
    }
    frames.sort();
    frames
}

pub(super) fn recorded_frame(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/tars/{name}.hex"));
    bytes(fs::read_to_string(path).expect("a readable file").trim())
}

/// Whether a packet has the layout of a request, which the responses of TUP have as well.
fn is_request(name: &str) -> bool {
    name.ends_with(".req") || name.contains("_tup_")
}

pub(super) fn whole(frame: &[u8]) -> &[u8] {
    let (body, len) = split_frame(frame, FRAME_LEN_MAX_DEFAULT).expect("a length").expect("a whole packet");
    assert_eq!(len, frame.len());
    body
}

fn written<E: std::fmt::Debug>(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(&mut out).expect("a short packet");
    out.split_off(6)
}
