//! The responses to recorded requests are those that TarsCpp gave, byte by byte.

use std::{fs, path::Path};

use shardcast::tars::{
    json::JsonValue,
    packet::{RequestPacket, ResponsePacket},
    rpc::AdapterOptions,
};

use super::{
    peer::PacketPeer,
    servant::{adapter, gated, gated_adapter},
};
use crate::support::{PATIENCE, config, start};

#[test]
fn responses_are_those_that_were_recorded() {
    let (_server, address) = start(config(), adapter().listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    for name in [
        "01_tars_ping",
        "02_echo_sync",
        "03_hello_context",
        "05_async_echo",
        "07_exc_std_exception_ret99",
        "08_exc_decode_ret1",
        "09_exc_encode_ret2",
        "11_user_return_minus7_in_body",
        "12_set_timeout_1234",
        "14_trace_call",
        "15_dyed_call",
        "16_cookie_call",
        "20_exc_no_servant_ret4",
        "21_exc_no_func_ret3",
        "30_tup_call",
        "52_json_exception",
        "54_tup_ping",
        "55_unknown_version9",
        "56_requestid_0",
        "58_setname_same_server_set_off",
        "59_extra_unknown_tag_11",
    ] {
        peer.send(&recorded(&format!("{name}.req")));
        assert_eq!(hex(&peer.frame().expect("a response")), hex(&recorded(&format!("{name}.rsp"))), "{name}");
    }
}

/// Where the recorded text is that of another program, the order of members is open, or the recorded form is one that
/// some clients cannot read.
#[test]
fn other_responses_have_the_recorded_meaning() {
    let (_server, address) = start(config(), adapter().listener(), "bench");
    let mut peer = PacketPeer::connect(address);

    peer.send(&recorded("22_exc_server_decode_bad_body.req"));
    let (found, expected) = (peer.response(), response("22_exc_server_decode_bad_body"));
    assert!(found.result_desc.contains("parameter `s`"), "{}", found.result_desc);
    assert_eq!(found, ResponsePacket { result_desc: found.result_desc.clone(), ..expected });

    peer.send(&recorded("50_json_echo.req"));
    let (found, expected) = (peer.response(), response("50_json_echo"));
    let json = |packet: &ResponsePacket| {
        str::from_utf8(&packet.buffer).expect("text").parse::<JsonValue>().expect("JSON")
    };
    assert_eq!(json(&found), json(&expected));
    assert_eq!(found, ResponsePacket { buffer: found.buffer.clone(), ..expected });

    peer.send(&recorded("31_tup_exception.req"));
    let decode = |frame: &[u8]| RequestPacket::decode(&frame[4..]).expect("the layout of TUP");
    let found = decode(&peer.frame().expect("a response"));
    let expected = decode(&recorded("31_tup_exception.rsp"));
    assert_eq!(found, RequestPacket { buffer: b"\x08\x0c".as_slice().into(), ..expected });

    // One-way calls get none: the response is that of the ping after them.
    for name in ["04_oneway_tell", "06_async_ping_oneway", "01_tars_ping"] {
        peer.send(&recorded(&format!("{name}.req")));
    }
    assert_eq!(hex(&peer.frame().expect("a response")), hex(&recorded("01_tars_ping.rsp")));
}

#[test]
fn overload_and_queue_time_outs_are_those_that_were_recorded() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(1), 1));
    let (adapter, starts, go) = gated_adapter();
    let (_server, address) = start(config(), adapter.options(options).listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    // The only handler is busy; one call waits for 100 ms at most, and there is no room for another.
    peer.call(&gated(1));
    assert_eq!(starts.recv_timeout(PATIENCE), Ok(1));
    peer.send(&recorded("60_queue_timeout_ret6.req"));
    peer.send(&recorded("61_overload_ret9.req"));
    assert_eq!(hex(&peer.frame().expect("a response")), hex(&recorded("61_overload_ret9.rsp")));
    assert_eq!(hex(&peer.frame().expect("a response")), hex(&recorded("60_queue_timeout_ret6.rsp")));
    go.send(()).expect("a call waits");
    assert_eq!(peer.response().request_id, 1);
}

/// A frame of `src/proto/tests/vectors/tars`, which were recorded from TarsCpp 3.0.22.
fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../proto/tests/vectors/tars/{name}.hex"));
    let text = fs::read_to_string(path).expect("a readable file");
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex")).collect()
}

fn response(name: &str) -> ResponsePacket {
    ResponsePacket::decode(&recorded(&format!("{name}.rsp"))[4..]).expect("a response")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
