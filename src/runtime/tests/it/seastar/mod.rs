//! Calls and streams of Seastar RPC, at both ends.

mod calls;
mod counts;
mod groups;
mod limits;
mod malformed;
mod one_way;
mod raw;
mod registry;
mod streams;
mod topics;

use std::{fmt::Display, net::SocketAddr, sync::mpsc};

use shardcast::{
    Listener, Server, ServerHandle,
    seastar::{Client, Protocol, Registry, RpcService},
    task,
};

/// A server whose shards have these handlers.
fn serve(shards: u16, protocol: Protocol, handlers: impl Fn(&Registry) + Send + Sync + 'static) -> Server {
    serve_with(shards, protocol, move |registry| {
        handlers(registry);
        registry.service()
    })
}

/// A server whose shards have this service each.
fn serve_with(
    shards: u16,
    protocol: Protocol,
    service: impl Fn(&Registry) -> RpcService + Send + Sync + 'static,
) -> Server {
    let service = move |_: &ServerHandle| service(&Registry::default());
    let listener = Listener::new("rpc", "127.0.0.1:0").protocol(protocol, service);
    Server::builder().listen(listener).shards(shards).start().expect("a server")
}

fn connect(server: &Server) -> Client {
    Client::builder(server.address("rpc").expect("it listens")).connect().expect("a client")
}

/// Runs a task with a client that lives on shard 0 of the server, and returns its result.
fn run<T, E, F>(server: &Server, f: impl FnOnce(Client) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    E: Display + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    run_on(server, server.address("rpc").expect("it listens"), f)
}

/// Runs a task with a client of the server at `address`, which lives on shard 0 of `home`.
fn run_on<T, E, F>(home: &Server, address: SocketAddr, f: impl FnOnce(Client) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    E: Display + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    let (done, result) = mpsc::channel();
    let handle = home.handle();
    let begin = move || {
        let client = Client::builder(address).on(&handle).connect().expect("a client");
        let future = f(client);
        task::spawn("test", async move {
            let _ = done.send(future.await.map_err(|error| error.to_string()));
        });
    };
    home.handle().run_on(0, begin).expect("a shard");
    result.recv().expect("the task ends").unwrap_or_else(|error| panic!("{error}"))
}
