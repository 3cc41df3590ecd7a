//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    bench::{self, AnyBenchCommand, BENCH_EXAMPLES},
    call::CallArgs,
    config::{Flag, Key},
    decode::DecodeArgs,
    demo::DemoArgs,
    flags::seconds_or_unit,
    idl,
    journal::{JOURNAL_EXAMPLES, JournalCommand},
    operate::{ConnsArgs, DrainArgs, KickArgs, ReloadArgs, TopArgs},
    protocols::Registry,
    topics::{self, HistoryArgs, PubArgs, SubArgs},
};

/// Thread-per-core push and RPC server.
#[derive(Debug, Parser)]
#[command(name = "shardcast", version, propagate_version = false, after_help = EXAMPLES, max_term_width = 100)]
#[command(help_template = TEMPLATE, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads a command line. The values of `--via` are the protocols of the registry.
    ///
    /// # Errors
    /// It is not valid, or asks for help.
    pub(crate) fn read<T: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = T>,
        registry: &Registry,
    ) -> Result<Self, clap::Error> {
        let mut command = command(registry);
        let mut matches = command.try_get_matches_from_mut(line)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

fn command(registry: &Registry) -> clap::Command {
    Args::command()
        .mut_subcommand("sub", |it| topics::with_protocols(it, registry))
        .mut_subcommand("pub", |it| topics::with_protocols(it, registry))
        .mut_subcommand("history", |it| topics::with_histories(it, registry))
        .mut_subcommand("bench", |it| bench::with_protocols(it, registry))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until SIGTERM or SIGINT
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Overrides),
    /// Check a configuration file and report all its errors
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The file to check
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Run a server with clients for 20 seconds and check what they do
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Subscribe to topics of a running server and print the messages
    #[command(after_help = SUB_EXAMPLES)]
    Sub(SubArgs),
    /// Publish messages on a topic of a running server
    #[command(after_help = PUB_EXAMPLES)]
    Pub(PubArgs),
    /// Print the messages that a topic of a running server has kept
    #[command(after_help = HISTORY_EXAMPLES)]
    History(HistoryArgs),
    /// Call a method of a Tars server with arguments in JSON
    #[command(after_help = CALL_EXAMPLES)]
    Call(CallArgs),
    /// Show and explain the configuration
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Decode Tars bytes and print them as a tree
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Check whether this host is set up well for the server, and what to change
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Show the connections of a running server
    #[command(after_help = CONNS_EXAMPLES)]
    Conns(ConnsArgs),
    /// Show the load of each shard of a running server
    #[command(after_help = TOP_EXAMPLES)]
    Top(TopArgs),
    /// Close connections of a running server
    #[command(after_help = KICK_EXAMPLES)]
    Kick(KickArgs),
    /// Reload the configuration of a running server
    #[command(after_help = RELOAD_EXAMPLES)]
    Reload(ReloadArgs),
    /// Stop a running server: refuse new connections, send what is queued, then exit
    #[command(after_help = DRAIN_EXAMPLES)]
    Drain(DrainArgs),
    /// Compile .tars files to Rust
    #[command(after_help = idl::GEN_EXAMPLES)]
    Gen(idl::Generate),
    /// Check, format and compare .tars files
    #[command(subcommand, after_help = idl::IDL_EXAMPLES)]
    Idl(idl::IdlCommand),
    /// Inspect, verify and repair the files in which messages are kept
    #[command(subcommand, after_help = JOURNAL_EXAMPLES)]
    Journal(JournalCommand),
    /// Measure latency and throughput, and compare results
    #[command(subcommand, after_help = BENCH_EXAMPLES)]
    Bench(AnyBenchCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the configuration in effect
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Show where each value comes from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Print the reference manual of all options, in Markdown
    #[command(after_help = DOC_EXAMPLES)]
    Doc,
    /// Print the JSON Schema of the configuration file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print a configuration file with every option at its default
    #[command(after_help = INIT_EXAMPLES)]
    Init,
}

/// What overrides the environment and the file.
#[derive(ClapArgs, Debug, Default)]
pub(crate) struct Overrides {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Number of shards, or "auto"
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<String>,
    /// CPUs for the shards: "auto", "none", or a list such as 0-3,6
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<String>,
    /// For development: no pinning, no spinning, debug logs unless a level is set
    #[arg(long)]
    pub(crate) dev: bool,
    /// Time limit for stopping: seconds, or with a unit such as 500ms
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<String>,
}

impl Overrides {
    /// As settings; later ones override earlier ones.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = Vec::new();
        let mut add = |name, key: &str, text: &str, weak| {
            flags.push(Flag { name, key: Key::new(key), text: text.to_owned(), weak });
        };
        if self.dev {
            add("--dev", "server.cpus", "none", false);
            add("--dev", "server.spin", "0", false);
            add("--dev", "log.level", "debug", true);
        }
        if let Some(shards) = &self.shards {
            add("--shards", "server.shards", shards, false);
        }
        if let Some(cpus) = &self.cpus {
            add("--cpus", "server.cpus", cpus, false);
        }
        if let Some(drain) = &self.drain {
            add("--drain", "server.drain", &seconds_or_unit(drain), false);
        }
        flags
    }
}

/// Without the flags that every command has, so that all commands fit on a screen.
const TEMPLATE: &str = "{about-with-newline}{usage-heading} {usage}\n\nCommands:\n{subcommands}{after-help}";

const EXAMPLES: &str = "\
Examples:
  shardcast serve                         run the server on 127.0.0.1:10099 and 10100
  shardcast config init > shardcast.toml  begin a configuration file";

const SERVE_EXAMPLES: &str = "\
Without a file: the Tars push server on 127.0.0.1:10099, Tars RPC on 127.0.0.1:10100, and admin
HTTP on 127.0.0.1:9180.
When ready, it prints one line `ready {...}` with all addresses to standard output. Logs go to
standard error. A second signal stops the server at once.

Examples:
  shardcast serve --dev
  shardcast serve --config shardcast.toml --shards 2 --cpus 0-1 --drain 10";

const CHECK_EXAMPLES: &str = "\
The environment applies as for `serve`. Exit code 0: valid; 2: not valid.

Examples:
  shardcast check --config shardcast.toml
  shardcast check --config shardcast.toml && systemctl restart shardcast";

const DEMO_EXAMPLES: &str = "\
Server and clients run in this process, on a free port. Shows pushes with their latency,
a client that is killed and resumes, one that never reads, and a drain. Exit code 1: a check
failed.

Examples:
  shardcast demo
  shardcast demo --seconds 5 --clients 50 --shards 4";

const SUB_EXAMPLES: &str = "\
Prints one line per message: topic, epoch:offset, body. Ends on a signal, or after --count
messages; until then it reconnects when needed and resumes where it was.

Examples:
  shardcast sub
  shardcast sub prices.gold 'orders.*' --json
  shardcast sub prices.gold --since 1764115200000000:41";

const PUB_EXAMPLES: &str = "\
Examples:
  shardcast pub prices.gold 2410.5
  shardcast pub ticks x --count 1000 --rate 100
  date | shardcast pub clock -";

const HISTORY_EXAMPLES: &str = "\
Prints one line per message: topic, epoch:offset, body. Needs no subscription, and ends.

Examples:
  shardcast history prices.gold
  shardcast history prices.gold --since 1764115200000000:41 --max 100 --json";

const CALL_EXAMPLES: &str = "\
Prints the results as one line of JSON: the result is `tars_ret`, an output parameter has its
name. Bytes may be a text or a list of numbers, an enumerator a name or a number. Exit code 1: the
call has failed.

Examples:
  shardcast call localhost:10100 Shardcast.Echo.EchoObj echo '{\"data\": \"hi\"}' --idl echo.tars
  shardcast call 10.0.0.1:10100 App.Server.UserObj find '{\"id\": 7}' --idl user.tars | jq .tars_ret";

const CONFIG_EXAMPLES: &str = "\
Examples:
  shardcast config init > shardcast.toml
  shardcast config show --origin --config shardcast.toml";

const DECODE_EXAMPLES: &str = "\
Shows the type of every value, and with .tars files its name. The tree ends where the input
cannot be decoded; the exit code is then 1.

Examples:
  shardcast decode 020001117016027a7a
  shardcast decode --frames capture.bin --idl hello.tars
  shardcast decode --idl shape.tars --type Shape.Point 0001";

const SHOW_EXAMPLES: &str = "\
Examples:
  shardcast config show --origin --config shardcast.toml
  SHARDCAST_SERVER__SHARDS=2 shardcast config show --origin";

const DOC_EXAMPLES: &str = "\
Examples:
  shardcast config doc | less
  shardcast config doc > configuration.md";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  shardcast config schema > shardcast.schema.json
  shardcast config schema | jq .properties.limits";

const INIT_EXAMPLES: &str = "\
Examples:
  shardcast config init > shardcast.toml
  shardcast config init | diff - shardcast.toml";

const DOCTOR_EXAMPLES: &str = "\
Needs no privileges: what cannot be read is reported as unknown. Exit code 0: nothing to fix;
3: warnings; 4: the server would not work here.

Examples:
  shardcast doctor
  shardcast doctor --json | jq -r '.[] | select(.severity != \"ok\") | .fix'";

const CONNS_EXAMPLES: &str = "\
Examples:
  shardcast conns --sort queued | head
  shardcast conns --state closed --json | jq -r '.[].reason' | sort | uniq -c";

const TOP_EXAMPLES: &str = "\
P50 and P99 are the latencies of pushes since the last sample, from the publication to the send.
CPU% is the CPU time of the shard's thread, polling included; BUSY leaves out polling without work.

Examples:
  shardcast top
  shardcast top --once
  shardcast top --json --interval 5 | jq .total.p99_us";

const KICK_EXAMPLES: &str = "\
Push clients reconnect by themselves. Exit code 1: a connection was not open.

Examples:
  shardcast kick 0-12-3
  shardcast kick 0-12-3 1-7-0 --admin unix:/run/shardcast/admin.sock";

const RELOAD_EXAMPLES: &str = "\
Like SIGHUP: the log level, limits and policies change at once, also for existing connections.
If the configuration has an error, nothing changes and the exit code is 1. Prints what changed,
and what needs a restart.

Examples:
  shardcast check --config shardcast.toml && shardcast reload
  shardcast reload --json | jq .needs_restart";

const DRAIN_EXAMPLES: &str = "\
Like SIGTERM. A SIGTERM after it counts as the first signal, and does not stop the server at once.

Examples:
  shardcast drain --watch
  shardcast drain --timeout 5 --token-file /etc/shardcast/token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command(&Registry::builtin()).debug_assert();
    }

    #[test]
    fn an_own_list_of_cpus_beats_dev() {
        let args = Overrides { dev: true, cpus: Some("0".into()), ..Overrides::default() };
        let cpus: Vec<_> =
            args.flags().into_iter().filter(|flag| flag.key == Key::new("server.cpus")).collect();
        assert_eq!(cpus.last().map(|flag| flag.text.as_str()), Some("0"));
    }

    #[test]
    fn drain_takes_seconds_or_a_unit() {
        for (typed, meant) in [("10", "10s"), ("500ms", "500ms"), ("", "")] {
            let args = Overrides { drain: Some(typed.into()), ..Overrides::default() };
            assert_eq!(args.flags()[0].text, meant);
        }
    }
}
