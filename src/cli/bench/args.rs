//! The command line of `shardcast bench`.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};
use shardcast_load::{
    generator::{Direction, Wait},
    report::condition::Conditions,
};

use crate::protocols::{Load, LoadCommand, LoadKind, Registry, Via, add_values};

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure the time from publication to delivery
    #[command(after_help = PUSH_EXAMPLES, help_template = TEMPLATE)]
    Push {
        /// Subscribers
        #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
        connections: usize,
        /// Topics; each subscriber has one, or some if there are more
        #[arg(long, value_name = "T", default_value_t = 1, value_parser = at_least_one)]
        topics: usize,
        /// Messages in flight on each topic, in a closed loop
        #[arg(long, value_name = "D", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        depth: u32,
        /// Messages published per second, on a schedule [default: 1000]
        #[arg(long, value_name = "R", value_parser = rate)]
        rate: Option<f64>,
        #[command(flatten)]
        common: Common,
    },
    /// Measure round trips of messages that the server echoes
    #[command(after_help = ECHO_EXAMPLES, help_template = TEMPLATE)]
    Echo(EchoArgs),
    /// Compare two results in JSON
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare {
        /// The first result, written with --json
        #[arg(value_name = "A.json")]
        a: PathBuf,
        /// The second result
        #[arg(value_name = "B.json")]
        b: PathBuf,
        /// Exit with 5 if one of these is true, such as 'p99>+10%'
        #[arg(long, value_name = "CONDITIONS")]
        fail_if: Option<Conditions>,
        /// Print JSON instead of the table, or write it to a file
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
        json: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct EchoArgs {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub(crate) connections: usize,
    /// Messages in flight on each connection; further ones wait
    #[arg(long, value_name = "D", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) depth: u32,
    /// Messages per second, on a schedule [default: 10000]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Measure streams
    #[arg(long, value_name = "DIR", hide = true, conflicts_with_all = ["depth", "rate", "closed"])]
    pub(crate) stream: Option<StreamDirection>,
    /// Messages of a stream that leave together [default: 1]
    #[arg(long, value_name = "N", hide = true, requires = "stream", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: Option<u32>,
    /// Connections that are open and idle besides
    #[arg(long, value_name = "N", hide = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) idle: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where the messages of a stream go.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StreamDirection {
    ToServer,
    ToClient,
    Both,
}

/// How the generator waits.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WaitKind {
    Poll,
    Sleep,
}

impl From<WaitKind> for Wait {
    fn from(kind: WaitKind) -> Self {
        match kind {
            WaitKind::Poll => Self::Spin,
            WaitKind::Sleep => Self::Sleep { spin_nanos: 0 },
        }
    }
}

impl From<StreamDirection> for Direction {
    fn from(direction: StreamDirection) -> Self {
        match direction {
            StreamDirection::ToServer => Self::ToServer,
            StreamDirection::ToClient => Self::ToClient,
            StreamDirection::Both => Self::Both,
        }
    }
}

/// A [`BenchCommand`], which may also be written as the command of a protocol: that is `echo` with this protocol.
#[derive(Debug)]
pub(crate) struct AnyBenchCommand(pub(crate) BenchCommand);

impl Subcommand for AnyBenchCommand {
    fn augment_subcommands(command: Command) -> Command {
        BenchCommand::augment_subcommands(command)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        BenchCommand::augment_subcommands_for_update(command)
    }

    /// Those of protocols are known to the registry only.
    fn has_subcommand(_name: &str) -> bool {
        true
    }
}

impl FromArgMatches for AnyBenchCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        if matches.subcommand_name().is_none_or(BenchCommand::has_subcommand) {
            return BenchCommand::from_arg_matches_mut(matches).map(Self);
        }
        let (_, mut echo) = matches.remove_subcommand().unwrap_or_default();
        EchoArgs::from_arg_matches_mut(&mut echo).map(BenchCommand::Echo).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Options that all measurements have.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Maximum throughput: a closed loop without a rate
    #[arg(long, conflicts_with = "rate")]
    pub(crate) max: bool,
    /// Closed loop: skip messages that are due while waiting for responses
    #[arg(long)]
    pub(crate) closed: bool,
    /// Size of a payload in bytes
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = size)]
    pub(crate) size: usize,
    /// Time to measure: seconds, or with a unit such as 500ms
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) time: Duration,
    /// Shards of the server in this process
    #[arg(long, value_name = "N", conflicts_with = "connect", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) shards: Option<u16>,
    /// Measure the server at this address instead
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) connect: Option<SocketAddr>,
    /// Protocol to use
    #[arg(long, value_name = "PROTOCOL", required = false)]
    pub(crate) via: String,
    /// Exit with 5 unless all of these hold, such as 'p99<200us,lost=0'
    #[arg(long = "assert", value_name = "CONDITIONS")]
    pub(crate) conditions: Option<Conditions>,
    /// Print JSON instead of text, or write it to a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<PathBuf>,
    /// Write percentiles for the plotter of HdrHistogram
    #[arg(long, value_name = "FILE")]
    pub(crate) hgrm: Option<PathBuf>,
    /// Write an HTML page with plots
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// How the generator waits [default: it polls if it has CPUs of its own]
    #[arg(long, value_name = "HOW", hide = true)]
    pub(crate) wait: Option<WaitKind>,
    /// Threads of the generator
    #[arg(long, value_name = "N", hide = true, value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,
    /// Process of the server, to measure its CPU time
    #[arg(long, value_name = "PID", hide = true, requires = "connect")]
    pub(crate) pid: Option<u32>,
    /// Time before measuring
    #[arg(long, value_name = "S", hide = true, value_parser = seconds)]
    pub(crate) warm_up: Option<Duration>,
}

/// Adds the protocols of the registry to the loads, and their commands.
pub(crate) fn with_protocols(command: Command, registry: &Registry) -> Command {
    let command = command
        .mut_subcommand("push", |it| add_values(it, registry.loads(LoadKind::Push)))
        .mut_subcommand("echo", |it| add_values(it, registry.loads(LoadKind::Echo)));
    registry.loads(LoadKind::Echo).filter_map(|via| Some((registry.load_command(&via)?, via))).fold(
        command,
        |command, (load, via)| {
            let has_streams = registry.has_streams(&via);
            command.subcommand(echo_command(load, &via, has_streams))
        },
    )
}

/// The command of a protocol, which is `echo` with it.
fn echo_command(load: LoadCommand, via: &Via<'_, Load>, has_streams: bool) -> Command {
    let LoadCommand { name, has_batches, examples } = load;
    let more: String = examples.iter().map(|it| format!("\n  shardcast bench {name} {it}")).collect();
    let examples = ECHO_EXAMPLES.replace("bench echo", &format!("bench {name}"));
    let address = via.default_address().map_or_else(|_| EXAMPLE_ADDRESS.to_owned(), |it| it.to_string());
    let what = if has_streams { "round trips, or streams," } else { "round trips" };
    EchoArgs::augment_args(Command::new(name))
        .about(format!("Measure {what} over {0}: as echo --via {0}", via.name))
        .after_help(examples.replace(EXAMPLE_ADDRESS, &address) + &more)
        .help_template(TEMPLATE)
        .mut_arg("via", |it| it.hide(true).value_parser([via.name]).default_value(via.name))
        .mut_arg("stream", |it| it.hide(!has_streams))
        .mut_arg("batch", |it| it.hide(!has_batches))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|it| (1..=1_000_000).contains(it))
        .ok_or_else(|| "expected 1 to 1,000,000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let (number, factor) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(number), _) => (number, 1e3),
        (_, Some(number)) => (number, 1e6),
        _ => (text, 1.0),
    };
    let rate = number.parse::<f64>().ok().map(|it| it * factor);
    rate.filter(|it| (0.01..=1e9).contains(it))
        .ok_or_else(|| "expected 0.01 to 1,000,000,000 (k and M allowed)".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    let min = shardcast_load::generator::payload::PAYLOAD_BYTES_MIN;
    let size = text.parse().ok().filter(|it| (min..=SIZE_MAX).contains(it));
    size.ok_or_else(|| {
        format!("expected {min} to {SIZE_MAX}: each payload carries its number, times and checksum")
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), ..) => (number, 1e-3),
        (_, Some(number), _) => (number, 1.0),
        (_, _, Some(number)) => (number, 60.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|it| it * factor);
    let seconds = seconds.filter(|it| (0.0..=86_400.0).contains(it)).map(Duration::from_secs_f64);
    seconds.ok_or_else(|| "expected seconds, or a number with a unit such as 500ms, at most a day".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| format!("expected HOST:PORT: {error}"))?;
    found.next().ok_or_else(|| format!("no address for {text}"))
}

/// The longest message with any protocol. One protocol may permit less.
const SIZE_MAX: usize = 999_000;

/// Without an empty line before the usage, so that all options fit on a screen.
const TEMPLATE: &str = "{about-with-newline}{usage-heading} {usage}\n\n{all-args}{after-help}";

pub(crate) const BENCH_EXAMPLES: &str = "\
Latency counts from when a message should have been sent; see docs/benchmarking.md.

Examples:
  shardcast bench push --connections 1000 --rate 1k --html push.html
  shardcast bench compare before.json after.json --fail-if 'p99>+10%'";

const PUSH_EXAMPLES: &str = "\
Examples:
  shardcast bench push --connections 1000 --topics 10 --rate 500 --assert 'p99<1ms,lost=0'
  shardcast bench push --connect 127.0.0.1:10099 --max --json push.json";

const ECHO_EXAMPLES: &str = "\
Examples:
  shardcast bench echo --rate 50k --assert 'p99<200us,lost=0' --html echo.html
  shardcast bench echo --connect 127.0.0.1:10099 --max --depth 1 --json";

/// The address in [`ECHO_EXAMPLES`].
const EXAMPLE_ADDRESS: &str = "127.0.0.1:10099";

const COMPARE_EXAMPLES: &str = "\
The confidence intervals come from resampling each result a thousand times. A change that may be
chance does not count for --fail-if.

Examples:
  shardcast bench compare before.json after.json
  shardcast bench compare before.json after.json --fail-if 'p99>+10%,lost>0'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in [
            ("10", Some(10_000)),
            ("0.5", Some(500)),
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("1m", Some(60_000)),
        ] {
            assert_eq!(seconds(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
        for text in ["", "s", "-1", "nan", "inf", "1h", "1e99"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_have_factors() {
        for (text, expected) in [("1", 1.0), ("2.5k", 2500.0), ("1M", 1e6), ("0.01", 0.01)] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "-5", "k", "nan", "1G", "1e30"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_payload_has_room_for_its_stamp() {
        assert!(size("35").is_err() && size("999001").is_err());
        assert_eq!((size("36"), size("999000")), (Ok(36), Ok(999_000)));
    }
}
