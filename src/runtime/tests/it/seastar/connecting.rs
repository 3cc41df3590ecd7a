//! Why a client has no connection.

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use shardcast::{
    Server,
    client::{CallError, ConnectFailure},
    proto::{Error, seastar::Features},
    seastar::{Client, ClientConfig, IsolationRefused, Protocol, RpcError, Verb},
    task,
};

use super::{connect, serve};
use crate::support::{PATIENCE, eventually};

const ECHO: Verb<i32, i32> = Verb::new(1);

fn echo(registry: &shardcast::seastar::Registry) {
    registry.on(ECHO, async |_cx, number| Ok::<_, Infallible>(number));
}

/// Clients on the threads that call, and on a shard of `home`.
fn failures(home: &Server, address: SocketAddr, config: &ClientConfig) -> [Result<(), RpcError>; 2] {
    let builder = || Client::builder(address).config(config.clone());
    let clients = [builder().connect().unwrap(), builder().on(&home.handle()).connect().unwrap()];
    clients.map(|client| {
        let result = smol::block_on(client.connected());
        // It stays as it is.
        assert_eq!(smol::block_on(client.connected()), result);
        assert!(matches!(client.call_blocking(ECHO, &1), Err(RpcError::Call(_))));
        result
    })
}

/// Answers each connection with these bytes, and ends it.
fn answering(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            socket.write_all(&bytes).unwrap();
            // Until the client ends it, so that no reset overtakes the bytes.
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = socket.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn a_client_knows_why_it_could_not_connect() {
    let isolation = |cookie: &[u8]| if cookie == b"bad" { Err(IsolationRefused) } else { Ok(None) };
    let server = serve(1, Protocol::default().isolation(isolation), echo);
    let of_server = server.address("rpc").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nothing = taken.local_addr().unwrap();
    drop(taken);
    let mut with_compression = Vec::new();
    Features { compression: Some("LZ4".into()), ..Features::default() }.encode(&mut with_compression);

    let config = ClientConfig::default();
    let refused = config.clone().with(|it| it.isolation = b"bad"[..].into());
    let hasty = config.clone().with(|it| it.negotiation_timeout = Duration::from_millis(50));
    let protocol = |error| ConnectFailure::Protocol(error);
    for (address, config, expected) in [
        (nothing, &config, ConnectFailure::Refused),
        (silent.local_addr().unwrap(), &hasty, ConnectFailure::TimedOut),
        (of_server, &refused, ConnectFailure::PeerClosed),
        (answering(Vec::new()), &config, ConnectFailure::PeerClosed),
        (
            answering(b"HTTP/1.1 400".to_vec()),
            &config,
            protocol(Error::Malformed("magic of the negotiation")),
        ),
        (answering(with_compression), &config, protocol(Error::Malformed("compression in the negotiation"))),
    ] {
        for result in failures(&server, address, config) {
            assert_eq!(result, Err(RpcError::Connect(expected)));
        }
    }
    assert_eq!(
        RpcError::Connect(ConnectFailure::Refused).to_string(),
        "no connection: the connection was refused"
    );
}

#[test]
fn a_client_that_was_connected_knows_how_that_ended() {
    let server = serve(1, Protocol::default(), echo);
    let [closed, lost] = [(); 2].map(|()| connect(&server));
    for client in [&closed, &lost] {
        assert_eq!(client.call_blocking(ECHO, &1), Ok(1));
        assert_eq!(smol::block_on(client.connected()), Ok(()));
    }
    closed.close();
    drop(server);
    while smol::block_on(lost.connected()).is_ok() {}
    let results = [closed, lost].map(|client| smol::block_on(client.connected()));
    let expected = [CallError::Closed, CallError::Disconnected].map(|it| Err(RpcError::Call(it)));
    assert_eq!(results, expected);
}

/// The timers of the connections to this port: `02` is that of the keepalive probes.
fn timers(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let to_port = format!(":{port:04X}");
    let of_line = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        (columns[2].ends_with(&to_port) && columns[3] == "01").then(|| columns[5][..2].to_owned())
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

/// Those of its streams too, wherever they live.
#[test]
fn a_client_sets_the_options_of_its_connections() {
    for (idle, timer) in [(Duration::ZERO, "00"), (Duration::from_secs(9), "02")] {
        let server = serve(1, Protocol::default(), echo);
        let address = server.address("rpc").unwrap();
        let builder = || Client::builder(address).keepalive(idle).nodelay(false);
        let on_threads = builder().connect().unwrap();
        let sink = on_threads.open_sink_blocking::<i32>().unwrap();
        let handle = server.handle();
        let (opened, is_open) = std::sync::mpsc::channel();
        let begin = move || {
            let client =
                Client::builder(address).keepalive(idle).nodelay(false).on(&handle).connect().unwrap();
            task::spawn("opener", async move {
                let sink = client.open_sink::<i32>().await.unwrap();
                let _ = opened.send(());
                std::future::pending::<()>().await;
                drop((client, sink));
            });
        };
        server.handle().run_on(0, begin).unwrap();
        is_open.recv_timeout(PATIENCE).unwrap();
        eventually(PATIENCE, || timers(address.port()) == [timer; 4]);
        assert_eq!(on_threads.call_blocking(ECHO, &7), Ok(7));
        drop(sink);
    }
}
