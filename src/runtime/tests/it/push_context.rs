//! The context and the status of a push, at the handler of a proxy.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use shardcast::tars::{
    packet::{RequestPacket, ResponsePacket, StringMap},
    rpc::{Communicator, IncomingPush, PushHandler},
};

use crate::support::PATIENCE;

fn map(pairs: &[(&str, &str)]) -> StringMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The next request.
fn request(stream: &mut TcpStream) -> RequestPacket {
    let mut len = [0; 4];
    stream.read_exact(&mut len).expect("a request");
    let mut body = vec![0; u32::from_be_bytes(len) as usize - 4];
    stream.read_exact(&mut body).expect("all of it");
    RequestPacket::decode(&body).expect("a packet")
}

fn encoded(packet: &ResponsePacket) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(&mut out).expect("a short packet");
    out
}

#[test]
fn a_handler_gets_those_of_each_push() {
    let many: Vec<_> = (0..300).map(|number| (number.to_string(), "x".repeat(number))).collect();
    let many: StringMap = many.into_iter().collect();
    let pushes = [
        (map(&[("user", "ann"), ("empty", "")]), map(&[("trace", "7")])),
        (StringMap::new(), StringMap::new()),
        (many.clone(), StringMap::new()),
        (StringMap::new(), many),
    ];
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = server.local_addr().expect("bound").port();
    let to_send = pushes.clone();
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("the client connects");
        let ping = request(&mut stream);
        for (context, mut status) in to_send {
            status.insert("TARS_FUNC".into(), "pushMsg".into());
            let buffer = b"\x0c".as_slice().into();
            let push = ResponsePacket { context, status, buffer, ..ResponsePacket::default() };
            stream.write_all(&encoded(&push)).expect("it is read");
        }
        let pong = ResponsePacket { request_id: ping.request_id, ..ResponsePacket::default() };
        stream.write_all(&encoded(&pong)).expect("it is read");
        let _ = stream.read(&mut [0]);
    });
    let proxy = Communicator::new().proxy(&format!("App.S.Obj@tcp -h 127.0.0.1 -p {port} -t 60000"));
    let proxy = proxy.expect("an object");
    let (report, reported) = flume::unbounded();
    proxy.on_push(PushHandler::new(move |push: &IncomingPush<'_>| {
        assert_eq!((push.function(), push.body()), ("pushMsg", &b"\x0c"[..]));
        let _ = report.send((push.context().to_map(), push.status().to_map()));
        Ok(true)
    }));
    assert_eq!(proxy.ping().wait(), Ok(()));
    for expected in pushes {
        assert_eq!(reported.recv_timeout(PATIENCE), Ok(expected));
    }
    drop(proxy);
    serving.join().expect("no panic");
}
