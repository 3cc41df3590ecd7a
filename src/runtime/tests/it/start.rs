//! A failed start reports why, and nothing of it remains; a start that works needs what was computed.

use std::{
    fs,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use shardcast::{
    Listener, Server, ServerConfig, ShardCount, StartError,
    tars::{Framed, FramedService},
};
use shardcast_os::needs;

use crate::support::{Peer, Recorder, alone, config, framed, serve, start};

/// The files that are open all the time: a server also reads one now and then.
fn open_files() -> u64 {
    let count = || fs::read_dir("/proc/self/fd").expect("/proc is there").count() as u64;
    let counts = (0..20).map(|_| {
        thread::sleep(Duration::from_millis(1));
        count()
    });
    counts.min().unwrap_or_default()
}

fn shards(shards: u16) -> ServerConfig {
    config().with(|it| it.shards = ShardCount::Exactly(shards))
}

/// A server with this many listeners, each on its own port.
fn with_listeners(shard_count: u16, listeners: usize) -> Result<Server, StartError> {
    let recorder = Recorder::default();
    let mut builder = Server::builder().config(shards(shard_count));
    for index in 0..listeners {
        builder = builder.listen(framed(&format!("push-{index}"), &recorder));
    }
    builder.start()
}

#[test]
fn a_server_opens_as_many_files_as_was_computed() {
    alone("start::a_server_opens_as_many_files_as_was_computed", || {
        for (shards, listeners) in [(1, 0), (1, 1), (2, 1), (2, 3), (4, 2)] {
            let before = open_files();
            let _server = with_listeners(shards, listeners).expect("it starts");
            let opened = open_files() - before;
            assert_eq!(
                opened,
                needs::Size { shards: shards.into(), listeners }.descriptors(),
                "{shards} shards, {listeners} listeners"
            );
        }
    });
}

#[test]
fn a_server_without_enough_descriptors_is_refused_at_once() {
    alone("start::a_server_without_enough_descriptors_is_refused_at_once", || {
        let limit = |files| {
            setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum: Some(files) })
                .expect("lower");
        };
        let mut refused = 0;
        // From the top down, because the limit cannot be raised again. With fewer descriptors, /proc cannot be read.
        let least = open_files() + 2;
        for files in (least..least + 60).rev() {
            limit(files);
            let before = open_files();
            match with_listeners(2, 1) {
                Ok(server) => drop(server),
                Err(StartError::Descriptors(error)) => {
                    refused += 1;
                    assert_eq!((error.have, open_files()), (files, before), "{error}");
                    assert!(
                        error.need > files
                            && error.need - error.open
                                >= needs::Size { shards: 2, listeners: 1 }.descriptors(),
                        "{error}"
                    );
                    assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
                }
                Err(other) => panic!("{files} files: {other}"),
            }
        }
        assert!(refused > 20, "{refused} starts were refused");
    });
}

#[test]
fn a_shard_that_cannot_start_takes_the_others_along_and_says_why() {
    let made = Arc::new(AtomicU32::new(0));
    let recorder = Recorder::default();
    let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), move |_| {
        assert!(made.fetch_add(1, Ordering::Relaxed) != 1, "no second service of this kind");
        FramedService(recorder.clone())
    });
    let error =
        Server::builder().config(shards(4)).listen(listener).start().expect_err("a service is missing");
    assert!(matches!(error, StartError::Shard { .. }) && !error.is_configuration(), "{error:?}");
    assert!(error.to_string().contains("panicked: no second service of this kind"), "{error}");
}

#[track_caller]
fn is_in_use(listener: Listener) {
    let error = Server::builder().config(config()).listen(listener).start().expect_err("it is taken");
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
