//! The client of the Tars push guide: it sends heartbeats, and prints their responses and the pushes.
//!
//! Watch: kill the server and start it again; the client reconnects and registers by itself.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast::tars::{Client, ClientEvent, ProxyConfig, framed::Cause};
use shardcast_examples::{End, note, say};

#[derive(Parser)]
struct Args {
    /// Address of the server.
    #[arg(long)]
    connect: String,
    /// Seconds to run; without a limit if not given.
    #[arg(long)]
    seconds: Option<u64>,
    /// Milliseconds between two heartbeats.
    #[arg(long, default_value_t = 5000)]
    heartbeat_ms: u64,
    /// Clients to run.
    #[arg(long, default_value_t = 1)]
    clients: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let end = End::watch()?;
    let args = Args::parse();
    let (host, port) = args.connect.rsplit_once(':').ok_or("--connect wants HOST:PORT")?;
    let host = host.trim_matches(['[', ']']);
    let object = format!("Test.TestPushServer.TestPushServantObj@tcp -h {host} -p {port} -t 60000");
    let heartbeat = Some(Duration::from_millis(args.heartbeat_ms)).filter(|it| !it.is_zero());
    let start = || {
        Client::builder(&object)?
            .config(ProxyConfig::default().with(|it| it.heartbeat = heartbeat))
            .on_push(|body| say(format_args!("push message: {}", String::from_utf8_lossy(&body))))
            .on_event(print)
            .connect()
    };
    let clients = (0..args.clients).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    end.wait(args.seconds.map(Duration::from_secs));
    clients.iter().for_each(Client::close);
    Ok(())
}

fn print(event: ClientEvent) {
    match event {
        ClientEvent::Heartbeat { id, result: Ok(body) } => {
            say(format_args!("request id: {id}\nresponse str: {}", String::from_utf8_lossy(&body)));
        }
        ClientEvent::Heartbeat { id, result: Err(error) } => note(format_args!("request id: {id}: {error}")),
        ClientEvent::ConnectFailed => note("cannot connect; trying again"),
        // This client closed it.
        ClientEvent::Disconnected(Cause::Closed) => {}
        ClientEvent::Disconnected(cause) => note(format_args!("disconnected: {cause:?}")),
        _ => {}
    }
}
