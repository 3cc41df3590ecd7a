//! Calls and streams of Seastar RPC, at both ends.

mod apart;
mod blocking;
mod calls;
mod connecting;
mod counts;
mod groups;
mod limits;
mod malformed;
mod one_way;
mod original;
mod raw;
mod raw_server;
mod registry;
mod relay;
mod slow;
mod streams;
mod topics;

use std::{fmt::Display, net::SocketAddr, sync::mpsc};

use shardcast::{
    Listener, Placement, Server, ServerHandle,
    seastar::{
        Client, ClientConfig, Protocol, Registry, RpcService,
        compress::{Lz4, Lz4Fragmented, Multi},
    },
    task,
};

use relay::Relay;

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
    start(shards, listener(protocol, service))
}

fn listener(
    protocol: Protocol,
    service: impl Fn(&Registry) -> RpcService + Send + Sync + 'static,
) -> Listener {
    let service = move |_: &ServerHandle| service(&Registry::default());
    Listener::new("rpc", "127.0.0.1:0").protocol(protocol, service)
}

fn start(shards: u16, listener: Listener) -> Server {
    Server::builder().listen(listener).shards(shards).start().expect("a server")
}

/// A server, and the way to it for one client.
struct Site {
    server: Server,
    relay: Option<Relay>,
}

/// The shards of a server, and which of them accepts what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layout {
    One,
    Two,
    /// The connection for calls comes to shard 0, and streams come to shard 1.
    Apart,
}

impl Layout {
    const ALL: [Self; 3] = [Self::One, Self::Two, Self::Apart];
}

impl Site {
    fn new(layout: Layout, protocol: Protocol, handlers: impl Fn(&Registry) + Send + Sync + 'static) -> Self {
        let mut listener = listener(protocol, move |registry| {
            handlers(registry);
            registry.service()
        });
        if layout == Layout::Apart {
            listener = listener.placement(Placement::PeerPort);
        }
        let server = start(if layout == Layout::One { 1 } else { 2 }, listener);
        let address = server.address("rpc").expect("it listens");
        let relay = (layout == Layout::Apart).then(|| Relay::start(address));
        Self { server, relay }
    }

    fn address(&self) -> SocketAddr {
        match &self.relay {
            Some(relay) => relay.address(),
            None => self.server.address("rpc").expect("it listens"),
        }
    }

    /// As the function [`run`], for this server.
    fn run<T, E, F>(&self, f: impl FnOnce(Client) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        E: Display + 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        run_on(&self.server, self.address(), f)
    }
}

/// What one end compresses with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Compression {
    Off,
    Lz4,
    Lz4Fragmented,
    Both,
}

impl Compression {
    const ALL: [Self; 4] = [Self::Off, Self::Lz4, Self::Lz4Fragmented, Self::Both];

    fn server(self) -> Protocol {
        let protocol = Protocol::default();
        match self {
            Self::Off => protocol,
            Self::Lz4 => protocol.compression(Lz4),
            Self::Lz4Fragmented => protocol.compression(Lz4Fragmented),
            Self::Both => protocol.compression(Multi::default().and(Lz4).and(Lz4Fragmented)),
        }
    }

    fn client(self) -> ClientConfig {
        let config = ClientConfig::default();
        match self {
            Self::Off => config,
            Self::Lz4 => config.compression(Lz4),
            Self::Lz4Fragmented => config.compression(Lz4Fragmented),
            Self::Both => config.compression(Multi::default().and(Lz4Fragmented).and(Lz4)),
        }
    }
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
    run_with(home, address, ClientConfig::default(), f)
}

/// As [`run_on`], for a client with this configuration.
fn run_with<T, E, F>(
    home: &Server,
    address: SocketAddr,
    config: ClientConfig,
    f: impl FnOnce(Client) -> F + Send + 'static,
) -> T
where
    T: Send + 'static,
    E: Display + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    let (done, result) = mpsc::channel();
    let handle = home.handle();
    let begin = move || {
        let client = Client::builder(address).config(config).on(&handle).connect().expect("a client");
        let future = f(client);
        task::spawn("test", async move {
            let _ = done.send(future.await.map_err(|error| error.to_string()));
        });
    };
    home.handle().run_on(0, begin).expect("a shard");
    result.recv().expect("the task ends").unwrap_or_else(|error| panic!("{error}"))
}
