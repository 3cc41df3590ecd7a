//! Generated interfaces, against each other and against calls that were recorded.

mod directions;
mod recorded;
mod texts;
mod topics;

use std::time::Duration;

use shardcast::{
    CpuChoice, Server, ServerConfig, ShardCount, Spin,
    tars::rpc::{Adapter, Communicator, Dispatcher, Proxy},
};

/// A server of one servant, and a proxy of it.
fn serve<D: Dispatcher>(object: &str, servant: impl Fn() -> D + Send + Sync + 'static) -> (Server, Proxy) {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.cpus = CpuChoice::Unpinned;
        it.spin = Spin::Never;
        it.receive_buffers = 256;
    });
    let adapter = Adapter::new("calls", "tcp -h 127.0.0.1 -p 0 -t 60000").expect("an endpoint");
    let adapter = adapter.servant(object, move |_| servant());
    let server = Server::builder().config(config).listen(adapter.listener()).start().expect("it starts");
    let port = server.address("calls").expect("the listener just added").port();
    let proxy = Communicator::new().proxy(&format!("{object}@tcp -h 127.0.0.1 -p {port}"));
    (server, proxy.expect("an object").with_timeout(PATIENCE))
}

/// Only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(20);
