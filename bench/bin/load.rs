//! The load generator, the same for every server. Watch `lost` and `wrong`: both must be 0, or the other
//! figures mean nothing.
#![forbid(unsafe_code)]

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};
use shardcast_bench::{
    idle::Spin,
    load::{self, Plan},
    machine,
};
use shardcast_os::rlimit;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    test: Test,
    /// The server.
    #[arg(long, global = true, default_value = "127.0.0.1:10099")]
    connect: SocketAddr,
    /// Its process, to measure CPU time and memory.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// CPU to run on.
    #[arg(long, global = true, default_value_t = 1)]
    cpu: usize,
    /// Bytes of a frame.
    #[arg(long, global = true, default_value_t = 64)]
    size: usize,
    /// Seconds to measure.
    #[arg(long, global = true, default_value_t = 1.5)]
    seconds: f64,
    /// Microseconds to look again before sleeping; `always` never sleeps.
    #[arg(long, global = true, default_value = "50")]
    spin: Spin,
    /// One line of JSON instead of words.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, Subcommand)]
enum Test {
    /// One connection, one message on the way.
    Rtt,
    /// A blocking socket, one message on the way.
    Socket,
    /// A blocking call of the client, one at a time.
    Call,
    /// Every message comes back to who sent it.
    Echo {
        /// Connections.
        #[arg(long, default_value_t = 64)]
        conns: usize,
        /// Messages on the way, on each.
        #[arg(long, default_value_t = 1)]
        depth: usize,
    },
    /// Every message goes to everybody.
    Fanout {
        /// Connections.
        #[arg(long, default_value_t = 1000)]
        conns: usize,
        /// Messages per round.
        #[arg(long, default_value_t = 1)]
        window: usize,
    },
    /// A round trip beside connections that say nothing.
    Idle {
        /// Connections that say nothing.
        #[arg(long, default_value_t = 10_000)]
        conns: usize,
        /// Each says HELLO before, and subscribes to one topic.
        #[arg(long)]
        subscribed: bool,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    machine::pin(args.cpu)?;
    rlimit::raise_nofile()?;
    let plan = Plan {
        address: args.connect,
        server: args.pid,
        size: args.size,
        warm_up: WARM_UP,
        time: Duration::try_from_secs_f64(args.seconds)?,
        spin: args.spin,
    };
    let outcome = match args.test {
        Test::Rtt => load::round_trip(&plan),
        Test::Socket => load::blocking_socket(&plan),
        Test::Call => load::blocking_call(&plan),
        Test::Echo { conns, depth } => load::echo(&plan, conns, depth),
        Test::Fanout { conns, window } => load::fanout(&plan, conns, window),
        Test::Idle { conns, subscribed } => load::idle(&plan, conns, subscribed),
    }?;
    if args.json {
        shardcast_bench::say!("{}", serde_json::to_string(&outcome)?);
    } else {
        shardcast_bench::say!("{outcome}");
    }
    Ok(())
}

const WARM_UP: Duration = Duration::from_millis(300);
