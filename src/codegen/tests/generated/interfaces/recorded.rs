//! The servant whose calls were recorded from TarsCpp, as `golden/echo.tars` declares it. A test of the runtime replays
//! all of them, to a dispatcher that was written by hand; here are those with arguments or results.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use shardcast::{
    Failure,
    proto::tars::json::JsonValue,
    tars::{packet::ResponsePacket, rpc::CallContext},
};

use super::{PATIENCE, serve};
use crate::calls::bench::{EchoDispatcher, EchoEchoReply, EchoHelloReply, EchoServant, Item};

#[test]
fn responses_are_those_that_were_recorded() {
    let (_server, proxy) = serve("Bench.BenchServer.EchoObj", || EchoDispatcher::new(Echo));
    let endpoint = proxy.endpoints().remove(0);
    let mut peer = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).expect("it listens");
    peer.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    for name in [
        "02_echo_sync",
        "03_hello_context",
        "05_async_echo",
        "07_exc_std_exception_ret99",
        "11_user_return_minus7_in_body",
        "21_exc_no_func_ret3",
        "30_tup_call",
    ] {
        assert_eq!(response(&mut peer, name), recorded(&format!("{name}.rsp")), "{name}");
    }
    // The order of members is open.
    let json = |frame: &[u8]| {
        let packet = ResponsePacket::decode(&frame[4..]).expect("a response");
        str::from_utf8(&packet.buffer).expect("text").parse::<JsonValue>().expect("JSON")
    };
    assert_eq!(json(&response(&mut peer, "50_json_echo")), json(&recorded("50_json_echo.rsp")));
    // A one-way call gets none.
    peer.write_all(&recorded("04_oneway_tell.req")).expect("it reads");
    assert_eq!(response(&mut peer, "01_tars_ping"), recorded("01_tars_ping.rsp"));
}

struct Echo;

impl EchoServant for Echo {
    async fn echo(&self, _cx: &CallContext, s: String) -> Result<EchoEchoReply, Failure> {
        Ok(EchoEchoReply { ret: 0, r: s })
    }

    async fn hello(
        &self,
        cx: &CallContext,
        name: String,
        m: BTreeMap<String, String>,
    ) -> Result<EchoHelloReply, Failure> {
        assert_eq!(m, [("k".into(), "v".into())].into());
        cx.set_response_context("srv", "bench");
        for (key, value) in cx.context() {
            cx.set_response_context(&format!("echo.{key}"), &value);
        }
        let item = Item { id: 1, name: "it".into(), data: vec![1, 2, 3] };
        Ok(EchoHelloReply { ret: 7, greeting: format!("hello {name}"), item })
    }

    async fn tell(&self, _cx: &CallContext, s: String) -> Result<(), Failure> {
        assert!(!s.is_empty());
        Ok(())
    }

    async fn fail(&self, _cx: &CallContext, mode: i32) -> Result<i32, Failure> {
        if mode == 7 { Ok(-7) } else { Err(Failure::new(-99, "boom: user exception")) }
    }

    async fn slow(&self, _cx: &CallContext, ms: i32) -> Result<i32, Failure> {
        Ok(ms)
    }
}

/// The response to a recorded request.
fn response(peer: &mut TcpStream, name: &str) -> Vec<u8> {
    peer.write_all(&recorded(&format!("{name}.req"))).expect("it reads");
    let mut frame = vec![0; 4];
    peer.read_exact(&mut frame).expect("a response");
    let len = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
    frame.resize(usize::try_from(len).expect("a length"), 0);
    peer.read_exact(&mut frame[4..]).expect("a response");
    frame
}

/// A frame of `src/proto/tests/vectors/tars`, which were recorded from TarsCpp 3.0.22.
fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../proto/tests/vectors/tars/{name}.hex"));
    let text = fs::read_to_string(path).expect("a readable file");
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex")).collect()
}
