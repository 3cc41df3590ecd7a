//! Kernels that lack features: the fallbacks do the same work.

use shardcast::{CloseReason, ServerConfig, tars::Client};

use crate::support::{Control, End, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve};

/// A server without these features does everything.
fn works_without(features: &[&str]) {
    let io_uring_disable = features.iter().map(|&name| name.to_owned()).collect();
    let recorder = Recorder::default();
    let (server, address) = serve(config().with(|it| it.io_uring_disable = io_uring_disable), &recorder);
    let control = Control::start(address);

    let mut peer = Peer::connect(address);
    for byte in frame(1, b"byte by byte") {
        peer.send(&[byte]);
    }
    assert_eq!(peer.read_frame(), (1, b"byte by byte".to_vec()));
    let all: Vec<u8> = (1..=1000_u32).flat_map(|id| frame(id, &[7; 100])).collect();
    peer.send(&all);
    assert!(peer.read_exactly(all.len()) == all, "{features:?}");

    let large = frame(0, &vec![5; 900_000]);
    let connection = recorder.connection_of(&peer);
    eventually(PATIENCE, || connection.queued_bytes() == 0);
    let _ = connection.send(large.clone());
    assert!(peer.read_exactly(large.len()) == large, "{features:?}");

    let object = format!("A.B.C@tcp -h 127.0.0.1 -p {}", address.port());
    let client = Client::builder(&object).expect("an object string").on(&server.handle());
    let client = client.connect().expect("a shard to live on");
    assert_eq!(client.rpc_call(client.gen_requestid(), b"hello").expect("an answer"), "hello");

    let many: Vec<_> = (0..50).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() >= 55);
    many.into_iter().enumerate().for_each(|(at, peer)| if at % 2 == 0 { drop(peer) } else { peer.reset() });
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() <= 6);
    control.noticed_nothing();

    server.drain(PATIENCE).expect("the shards end well");
    assert_eq!(recorder.why_closed(connection.id()), CloseReason::Drained);
    assert_eq!(peer.read_to_end().1, End::OfStream);
}

#[test]
fn it_works_with_every_feature_that_this_kernel_has() {
    works_without(&[]);
}

#[test]
fn it_works_without_any_one_feature() {
    ServerConfig::IO_URING_FEATURES.iter().for_each(|&feature| works_without(&[feature]));
}

#[test]
fn it_works_with_the_least_that_a_kernel_may_have() {
    works_without(&ServerConfig::IO_URING_FEATURES);
}

#[test]
fn an_unknown_feature_is_an_error_of_the_configuration() {
    let config = config().with(|it| it.io_uring_disable = vec!["warp-drive".into()]);
    let error = shardcast::Server::builder().config(config).start().expect_err("no such feature");
    assert!(error.is_configuration() && error.to_string().contains("multishot-receive"), "{error}");
}
