//! The server of the Tars push guide: it echoes requests, and pushes a message to all clients.
//!
//! Watch: two clients of one address both get every push, which the guide's own server cannot do.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast::{
    Listener, ListenerLimits, Reply, Server,
    tars::{Current, Framed, FramedService, Servant},
};
use shardcast_examples::{End, ready};

#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:10099")]
    listen: String,
    /// Milliseconds between two pushes; 0 pushes nothing.
    #[arg(long, default_value_t = 10_000)]
    interval_ms: u64,
    /// The message to push.
    #[arg(long, default_value = "hello world")]
    message: String,
    /// A client that is silent for this many milliseconds is disconnected; 0 means never.
    #[arg(long, default_value_t = 60_000)]
    idle_timeout_ms: u64,
    /// Shards to run; all cores if not given.
    #[arg(long)]
    shards: Option<u16>,
}

struct Echo;

impl Servant for Echo {
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(packet);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let end = End::watch()?;
    let args = Args::parse();
    let idle_timeout = Duration::from_millis(args.idle_timeout_ms);
    let listener = Listener::new("push", args.listen)
        .protocol(Framed::default(), |_| FramedService(Echo))
        .limits(ListenerLimits::default().with(|it| it.idle_timeout = idle_timeout));
    let mut builder = Server::builder().listen(listener);
    if let Some(shards) = args.shards {
        builder = builder.shards(shards);
    }
    let server = builder.start()?;
    let interval = Duration::from_millis(args.interval_ms);
    server.handle().push_every("push", interval, args.message)?.wait()??.detach();
    ready(server.address("push")?);
    end.wait(None);
    Ok(server.stop()?)
}
