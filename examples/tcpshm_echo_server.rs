//! Returns each message to its sender, for clients in C++ and here.
//!
//! Watch: kill the server while a client sends, and start it again. Each message is answered once.
#![forbid(unsafe_code)]

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use shardcast::{
    CloseReason, Listener, Server, task,
    tcpshm::{Handler, Message, Mismatch, Name, Peer, Protocol, ServerOptions},
};
use shardcast_examples::{
    End, Failure, note, ready,
    tcpshm::{GeometryArgs, Mode},
};

#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:12345")]
    listen: String,
    /// Name of the server.
    #[arg(long, default_value = "server")]
    name: String,
    /// Folder of its files.
    #[arg(long, default_value = "server")]
    dir: PathBuf,
    /// Shards to run; all cores if not given.
    #[arg(long)]
    shards: Option<u16>,
    /// What kept messages survive.
    #[arg(long, value_enum, default_value_t = Mode::Process)]
    durability: Mode,
    #[command(flatten)]
    geometry: GeometryArgs,
}

struct Echo;

impl Handler for Echo {
    type Data = ();

    fn mismatch(&self, client: &Name, mismatch: &Mismatch) {
        note(format_args!("{client}: {mismatch}"));
    }

    fn logged_on(&self, peer: &Peer) {
        note(format_args!("{} logged on", peer.name()));
    }

    fn disconnected(&self, peer: &Peer, why: CloseReason) {
        note(format_args!("{} disconnected: {why}", peer.name()));
    }

    fn message(&self, peer: &Peer, message: Message<'_>) {
        match peer.send(message.message_type(), message.body()) {
            Ok(_) => message.pop(),
            // As many messages are kept for the client as may be: this one waits until it has consumed some.
            Err(_) => {
                let (message_type, body, held) =
                    (message.message_type(), message.body().to_vec(), message.hold());
                task::spawn("echo", async move {
                    let peer = held.peer().clone();
                    // If the connection ends meanwhile, the message comes again.
                    if peer.ready(body.len()).await.is_ok()
                        && held.pop().is_ok()
                        && let Err(error) = peer.send(message_type, &body)
                    {
                        note(error);
                    }
                });
            }
        }
    }
}

fn main() -> Result<(), Failure> {
    let Args { listen, name, dir, shards, durability, geometry } = Args::parse();
    let end = End::watch()?;
    let mut options = ServerOptions::new(dir);
    options.geometry = geometry.geometry()?;
    options.files.durability = durability.into();
    options.unacknowledged_bytes_max = geometry.tcp_queue_bytes.unwrap_or(u64::MAX);
    let protocol = Protocol::open(&name, &options)?;
    let listener = Listener::new("echo", listen).protocol(protocol, |_| Echo.service());
    let mut builder = Server::builder().listen(listener);
    if let Some(shards) = shards {
        builder = builder.shards(shards);
    }
    let server = builder.start()?;
    ready(server.address("echo")?);
    end.wait(None);
    server.drain(Duration::from_secs(1))?;
    Ok(())
}
