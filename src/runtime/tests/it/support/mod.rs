//! Servers, peers and a witness for the tests.

mod alone;
mod control;
mod line;
mod peer;
mod recorder;
mod script;
mod script_client;
mod stream;
mod stream_ends;
mod topics;
mod totals;

use std::{
    fs,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount, Spin,
    tars::{Framed, FramedService},
};

pub(crate) use alone::{alone, child, is_child};
pub(crate) use control::Control;
pub(crate) use line::{Line, WhoAmI};
pub(crate) use peer::{End, Peer, frame};
pub(crate) use recorder::{Event, PUSHES, Recorder};
pub(crate) use script::Script;
pub(crate) use script_client::ScriptClient;
pub(crate) use stream::{Frame, Streams, WINDOW};
pub(crate) use stream_ends::{Counts, Sink, Source, StreamPeer, StreamTable};
pub(crate) use topics::Topics;
pub(crate) use totals::Totals;

/// Only a hang takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Two shards that run well next to other tests on two busy cores.
pub(crate) fn config() -> ServerConfig {
    ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(2);
        it.cpus = CpuChoice::Unpinned;
        it.spin = Spin::Never;
        it.receive_buffers = 256;
    })
}

/// A listener named `name` of framed packets, with `recorder` as its servant.
pub(crate) fn framed(name: &str, recorder: &Recorder) -> Listener {
    let recorder = recorder.clone();
    Listener::new(name, "127.0.0.1:0").protocol(Framed::default(), move |_| FramedService(recorder.clone()))
}

/// A server with one framed listener named `push` and this configuration.
pub(crate) fn serve(config: ServerConfig, recorder: &Recorder) -> (Server, SocketAddr) {
    start(config, framed("push", recorder), "push")
}

/// A server of one listener.
pub(crate) fn start(config: ServerConfig, listener: Listener, name: &str) -> (Server, SocketAddr) {
    let server = Server::builder().config(config).listen(listener).start().expect("the server starts");
    let address = server.address(name).expect("the listener just added");
    (server, address)
}

/// Waits until `done` is true; only a hang takes as long as `limit`.
#[track_caller]
pub(crate) fn eventually(limit: Duration, done: impl FnMut() -> bool) {
    assert!(within(limit, done), "still false after {limit:?}");
}

/// Whether `done` became true within `limit`.
pub(crate) fn within(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("proc is mounted");
    let pages = text.split_whitespace().nth(1).and_then(|it| it.parse::<usize>().ok());
    pages.expect("the second number") * 4096
}
