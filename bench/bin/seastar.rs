//! Seastar RPC between a client and a server of the library: calls, and streams in either direction.
#![forbid(unsafe_code)]

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use shardcast::seastar::{
    ClientConfig, Protocol,
    compress::{Lz4, Lz4Fragmented},
};
use shardcast_bench::{
    idle::Spin,
    ready,
    seastar::{self, Load, Plan},
};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The server: prints `ready ADDR`, and serves until it is killed.
    Serve {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
        #[command(flatten)]
        shard: Shard,
    },
    /// Calls, `--depth` at a time.
    Echo(Client),
    /// A stream to the server.
    ToServer(Client),
    /// A stream from the server.
    ToClient(Client),
    /// A stream to the server, and each message back.
    BothWays(Client),
    /// A stream from the server that is not read, and calls meanwhile.
    Unread(Client),
}

#[derive(clap::Args)]
struct Shard {
    /// CPU to run on.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Microseconds to poll before sleeping; `always` never sleeps.
    #[arg(long, default_value = "50")]
    spin: Spin,
    /// Compression to accept, or to offer.
    #[arg(long, value_enum, default_value_t = Compress::None)]
    compress: Compress,
}

#[derive(clap::Args)]
struct Client {
    /// Address of the server.
    #[arg(long)]
    connect: SocketAddr,
    /// Calls at a time.
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// Bytes of each string.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Seconds to measure.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    #[command(flatten)]
    shard: Shard,
}

#[derive(Clone, Copy, ValueEnum)]
enum Compress {
    None,
    Lz4,
    Lz4f,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Args::parse().command {
        Command::Serve { listen, shard } => serve(&listen, &shard),
        Command::Echo(client) => run(Load::Echo { depth: client.depth }, client),
        Command::ToServer(client) => run(Load::ToServer, client),
        Command::ToClient(client) => run(Load::ToClient, client),
        Command::BothWays(client) => run(Load::BothWays, client),
        Command::Unread(client) => run(Load::Unread, client),
    }
}

fn serve(listen: &str, shard: &Shard) -> Result<(), Box<dyn Error>> {
    let protocol = match shard.compress {
        Compress::None => Protocol::default(),
        Compress::Lz4 => Protocol::default().compression(Lz4),
        Compress::Lz4f => Protocol::default().compression(Lz4Fragmented),
    };
    let (_server, address) = seastar::serve(listen, shard.cpu, shard.spin.into(), protocol)?;
    ready(address);
    loop {
        std::thread::park();
    }
}

fn run(load: Load, client: Client) -> Result<(), Box<dyn Error>> {
    let Client { connect, size, seconds, shard, .. } = client;
    let config = match shard.compress {
        Compress::None => ClientConfig::default(),
        Compress::Lz4 => ClientConfig::default().compression(Lz4),
        Compress::Lz4f => ClientConfig::default().compression(Lz4Fragmented),
    };
    let found = seastar::measure(Plan {
        server: connect,
        cpu: shard.cpu,
        spin: shard.spin.into(),
        config,
        load,
        size,
        time: Duration::try_from_secs_f64(seconds)?,
    })?;
    let unread = (load == Load::Unread).then(|| format!(", {} KiB more memory", found.grown_bytes >> 10));
    shardcast_bench::say!(
        "{:.0}/s, {:.1} MB/s, p50 {:.2} p99 {:.2} us, total {}{}",
        found.per_second,
        found.per_second * size as f64 / 1e6,
        found.p50_us,
        found.p99_us,
        found.total,
        unread.unwrap_or_default()
    );
    Ok(())
}
