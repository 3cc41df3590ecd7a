//! A start that fails says why, and leaves nothing behind.

use std::net::TcpListener;

use shardcast::{
    Listener, Server, StartError,
    tars::{Framed, FramedService},
};

use crate::support::{Peer, Recorder, config, serve, start};

#[track_caller]
fn is_in_use(listener: Listener) {
    let error = Server::builder().config(config()).listen(listener).start().err().expect("it is taken");
    assert!(matches!(error, StartError::Listen { .. }) && !error.is_configuration(), "{error:?}");
    assert!(error.to_string().contains("address in use"), "{error}");
}

fn on(address: impl ToString) -> Listener {
    Listener::new("push", address.to_string())
        .protocol(Framed::default(), |_| FramedService(Recorder::default()))
}

#[test]
fn a_port_has_one_server_unless_the_second_asks_to_share() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    is_in_use(on(address));
    is_in_use(on(format!("0.0.0.0:{}", address.port())));
    let (second, shared) = start(config(), on(address).reuse_port(true), "push");
    assert_eq!(shared, address);
    drop(server);
    Peer::connect(address).echo(1, b"from the one that took over");
    drop(second);

    let foreign = TcpListener::bind(address).expect("both have stopped");
    is_in_use(on(address));
    is_in_use(on(address).reuse_port(true));
    drop(foreign);
}
