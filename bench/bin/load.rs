//! The load generator, the same for every server. Watch `lost` and `wrong`: both must be 0, or the other
//! figures mean nothing.
#![forbid(unsafe_code)]

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};
use shardcast_bench::{idle::Spin, machine, outcome::Outcome, silent};
use shardcast_load::generator::{self, Caller, Load, LoopKind, Plan, ServerCpu, Wait};
use shardcast_os::rlimit;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    test: Test,
    /// The server.
    #[arg(long, global = true, default_value = "127.0.0.1:10099")]
    connect: SocketAddr,
    /// The ID of its process, to measure CPU time and memory.
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
    /// Microseconds to poll before sleeping; `always` never sleeps.
    #[arg(long, global = true, default_value = "50")]
    spin: Spin,
    /// One line of JSON instead of words.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, Subcommand)]
enum Test {
    /// One connection, one message in progress.
    Rtt,
    /// A blocking socket, one message in progress.
    Socket,
    /// A blocking call of the client, one at a time.
    Call,
    /// Every message returns to its sender.
    Echo {
        /// Connections.
        #[arg(long, default_value_t = 64, value_parser = at_least_one)]
        conns: usize,
        /// Messages in progress on each.
        #[arg(long, default_value_t = 1)]
        depth: u32,
    },
    /// Every message goes to every connection.
    Fanout {
        /// Connections.
        #[arg(long, default_value_t = 1000, value_parser = at_least_one)]
        conns: usize,
        /// Messages per round.
        #[arg(long, default_value_t = 1)]
        window: u32,
    },
    /// A round trip beside connections that send nothing.
    Idle {
        /// Connections that send nothing.
        #[arg(long, default_value_t = 10_000)]
        conns: usize,
        /// Each first sends HELLO and subscribes to one topic.
        #[arg(long)]
        subscribed: bool,
    },
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args = Args::parse();
    machine::pin(args.cpu)?;
    rlimit::raise_nofile()?;
    let outcome = match args.test {
        Test::Rtt => args.run("rtt".to_owned(), Load::Calls(Caller::Polling), 1, 1),
        Test::Socket => args.run("a blocking socket".to_owned(), Load::Calls(Caller::Blocking), 1, 1),
        Test::Call => {
            let caller = Caller::Client { spin: args.spin.limit() };
            args.run("a blocking call".to_owned(), Load::Calls(caller), 1, 1)
        }
        Test::Echo { conns, depth } => {
            args.run(format!("echo {conns}x{depth}"), Load::PlainEcho, conns, depth)
        }
        Test::Fanout { conns, window } => {
            args.run(format!("fanout {conns}x{window}"), Load::Fanout, conns, window)
        }
        Test::Idle { conns, subscribed } => args
            .plan(Load::Calls(Caller::Polling), 1, 1)
            .and_then(|plan| silent::measure(&plan, conns, subscribed)),
    }?;
    if args.json {
        shardcast_bench::say!("{}", serde_json::to_string(&outcome)?);
    } else {
        shardcast_bench::say!("{outcome}");
    }
    Ok(())
}

impl Args {
    fn run(
        &self,
        test: String,
        load: Load,
        connections: usize,
        depth: u32,
    ) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let measured = generator::run(&self.plan(load, connections, depth)?, &mut |_| {})?;
        Ok(Outcome::new(test, &measured))
    }

    fn plan(&self, load: Load, connections: usize, depth: u32) -> Result<Plan, Box<dyn Error + Send + Sync>> {
        Ok(Plan {
            address: self.connect,
            load,
            connections,
            idle: 0,
            depth,
            loop_kind: LoopKind::Closed { rate: None },
            size: self.size,
            warm_up: WARM_UP,
            time: Duration::try_from_secs_f64(self.seconds)?,
            threads: vec![Some(self.cpu)],
            wait: match self.spin {
                Spin::Always => Wait::Spin,
                Spin::For(limit) => Wait::Sleep { spin_nanos: limit.as_nanos() as u64 },
            },
            server: self.pid.map_or(ServerCpu::Unknown, ServerCpu::Process),
            run: 0,
        })
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|it| *it > 0).ok_or_else(|| "a number above 0".to_owned())
}

const WARM_UP: Duration = Duration::from_millis(300);
