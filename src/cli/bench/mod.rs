//! `shardcast bench`: runs the load generator against a server in this process or elsewhere, and prints the
//! results. What it measures and how is in the crate `shardcast-load`; here are flags, files and exit codes.

mod args;
mod layout;
mod progress;
mod server;

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use shardcast::ServerConfig;
use shardcast_load::{
    generator::{Load, LoopKind, Plan, ServerCpu, Wait},
    report::{self, Environment, Report, Test, compare},
};

pub(crate) use args::{AnyBenchCommand, BENCH_EXAMPLES, with_protocols};

use crate::{
    exit::EXIT_THRESHOLD,
    output::{escape, print, print_error, print_error_raw},
    probes::{self, Needs},
    protocols::{self, Descriptors, LoadKind, Registry},
};
use args::{BenchCommand, Common, EchoArgs};
use layout::Layout;

/// Runs one of the benchmarks.
///
/// # Errors
/// The server cannot be started or reached, or a file cannot be read or written.
pub(crate) fn run(
    AnyBenchCommand(command): AnyBenchCommand,
    registry: &Registry,
) -> anyhow::Result<ExitCode> {
    match command {
        BenchCommand::Push { connections, topics, depth, rate, common } => {
            let (load, loop_kind) = (Load::Push { topics }, loop_kind(&common, rate, PUSH_RATE));
            let asked = Asked { kind: LoadKind::Push, load, connections, idle: 0, depth, loop_kind };
            measure(&asked, &common, registry)
        }
        BenchCommand::Echo(EchoArgs { connections, depth, rate, stream, batch, idle, common }) => {
            let idle = idle as usize;
            let asked = match stream {
                Some(direction) => {
                    let (load, loop_kind) = (Load::Stream(direction.into()), LoopKind::Closed { rate: None });
                    let depth = batch.unwrap_or(1);
                    Asked { kind: LoadKind::Stream, load, connections, idle, depth, loop_kind }
                }
                None => {
                    let loop_kind = loop_kind(&common, rate, ECHO_RATE);
                    Asked { kind: LoadKind::Echo, load: Load::Echo, connections, idle, depth, loop_kind }
                }
            };
            measure(&asked, &common, registry)
        }
        BenchCommand::Compare { a, b, fail_if, json } => {
            let (a, b) = (read_report(&a)?, read_report(&b)?);
            let comparison = compare::compare(&a, &b);
            match json.as_deref() {
                None => print(&comparison.to_text())?,
                Some(file) => put_json(file, comparison.to_json(), || comparison.to_text())?,
            }
            let conditions = fail_if.unwrap_or_default();
            Ok(verdict(&comparison.failures(&conditions, &a, &b)))
        }
    }
}

/// What is asked for, besides the options that all measurements have.
struct Asked {
    kind: LoadKind,
    load: Load,
    connections: usize,
    idle: usize,
    depth: u32,
    loop_kind: LoopKind,
}

fn measure(asked: &Asked, common: &Common, registry: &Registry) -> anyhow::Result<ExitCode> {
    let Asked { kind, load, connections, idle, depth, loop_kind } = *asked;
    // Any protocol may be named with `--stream`.
    let via = protocols::find(registry.loads(kind), &common.via)
        .map_err(|_| anyhow::anyhow!("the protocol {} has no such load", common.via))?;
    let mut layout = Layout::plan(common.connect, common.shards, common.threads, connections);
    layout.wait = common.wait.map_or(layout.wait, Wait::from);
    check_descriptors(asked, via.part.descriptors, common.connect.is_none())?;
    let server = match common.connect {
        Some(_) => None,
        None => Some(server::start(&layout, &via, registry).context("cannot start the server to measure")?),
    };
    let address = match (&server, common.connect) {
        (Some(server), _) => server.address()?,
        (None, Some(address)) => address,
        (None, None) => unreachable!("a server is started when none is named"),
    };
    let plan = Plan {
        address,
        load,
        connections,
        idle,
        depth,
        loop_kind,
        size: common.size,
        warm_up: common.warm_up.unwrap_or_else(|| (common.time / 5).min(WARM_UP_MAX)),
        time: common.time.max(TIME_MIN),
        threads: layout.threads.clone(),
        wait: layout.wait,
        server: server_cpu(common),
        run: run_number(),
    };
    let mut environment = environment(&layout, connections + idle);
    let steal = report::steal_seconds();
    let bar = progress::Bar::new();
    let measured = (via.part.run)(&plan, &mut |progress| bar.show(&progress));
    bar.finish();
    let measured = measured.map_err(|error| anyhow::anyhow!("{error}"))?;
    environment.steal = (report::steal_seconds() - steal) / (plan.warm_up + plan.time).as_secs_f64();
    if let Some(server) = server {
        server.stop().context("the server that was measured failed")?;
    }
    let test = Test::new(&plan, via.name, common.connect.map(|address| address.to_string()));
    let report = Report::new(&plan, test, &measured, environment);
    put_report(&report, common)?;
    Ok(verdict(&common.conditions.clone().unwrap_or_default().violations(&report)))
}

/// Connections beyond the limit would only be missing later.
fn check_descriptors(asked: &Asked, each: Descriptors, both_ends: bool) -> anyhow::Result<()> {
    let limit = shardcast_os::rlimit::raise_nofile().context("cannot raise the limit on open files")?;
    let (busy, idle) = (asked.connections as u64, asked.idle as u64);
    let connections = busy + idle;
    // An idle client has a socket only.
    let server = if both_ends { connections * each.server } else { 0 };
    let needed = busy * each.client + idle + server + DESCRIPTORS_BESIDE;
    if needed > limit {
        anyhow::bail!(
            "{connections} connections need {needed} open files, and the limit is {limit} (ulimit -n)"
        );
    }
    Ok(())
}

fn loop_kind(common: &Common, rate: Option<f64>, default: f64) -> LoopKind {
    match (common.closed || common.max, rate) {
        (true, rate) => LoopKind::Closed { rate },
        (false, rate) => LoopKind::Open { rate: rate.unwrap_or(default) },
    }
}

fn server_cpu(common: &Common) -> ServerCpu {
    match (common.connect, common.pid) {
        (None, _) => ServerCpu::ThisProcess,
        (Some(_), Some(pid)) => ServerCpu::Process(pid),
        (Some(_), None) => ServerCpu::Unknown,
    }
}

/// Differs between runs, so that messages of an earlier run are not counted in this one.
fn run_number() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() as u32) ^ std::process::id().rotate_left(16)
}

fn environment(layout: &Layout, connections: usize) -> Environment {
    let needs = Needs {
        connections_max: connections as u64,
        ports: Vec::new(),
        shards: layout.shards.map_or(0, usize::from),
        cpus: layout.shard_cpus.clone(),
        ..Needs::of_layout(&ServerConfig::default())
    };
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: option_env!("SHARDCAST_REVISION").map(str::to_owned),
        began_unix_s: began.as_secs(),
        shards: layout.shards.map(usize::from),
        shard_cpus: layout.shard_cpus.clone(),
        generator_threads: layout.threads.len(),
        generator_cpus: layout.threads.iter().flatten().copied().collect(),
        generator_spins: layout.wait == Wait::Spin,
        doctor: probes::warnings(&needs),
        ..Environment::read()
    }
}

fn put_report(report: &Report, common: &Common) -> anyhow::Result<()> {
    match common.json.as_deref() {
        None => print(&report.to_text())?,
        Some(file) => put_json(file, report.to_json(), || report.to_text())?,
    }
    if let Some(file) = &common.hgrm {
        write(file, &report.to_hgrm())?;
    }
    if let Some(file) = &common.html {
        write(file, &report.to_html())?;
    }
    Ok(())
}

/// JSON to standard output instead of the text, or into a file beside it.
fn put_json(file: &Path, json: String, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    if file == Path::new("-") {
        return print(&(json + "\n"));
    }
    print(&text())?;
    write(file, &(json + "\n"))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn read_report(file: &Path) -> anyhow::Result<Report> {
    let name = file.display();
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|file| file.take(REPORT_BYTES_MAX).read_to_string(&mut text))
        .with_context(|| format!("cannot read {name}"))?;
    Report::from_json(&text).map_err(|why| anyhow::anyhow!("invalid report {name}: {why}"))
}

/// Prints failed conditions to standard error, since standard output may be JSON.
fn verdict(failures: &[String]) -> ExitCode {
    let colour = std::io::stderr().is_terminal();
    for failure in failures {
        if colour {
            print_error_raw(&format!("\x1b[31mfailed:\x1b[0m {}\n", escape::lines(failure)));
        } else {
            print_error(format_args!("failed: {failure}"));
        }
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_THRESHOLD) }
}

/// Default messages per second of an open loop: rates that any host can serve.
const PUSH_RATE: f64 = 1_000.0;
const ECHO_RATE: f64 = 10_000.0;

/// Open files besides those of connections: rings, listeners, results.
const DESCRIPTORS_BESIDE: u64 = 200;

/// A shorter time does not contain an interval.
const TIME_MIN: Duration = Duration::from_millis(10);

/// Longest default warm-up.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

/// A result with 600 intervals has about two million bytes.
const REPORT_BYTES_MAX: u64 = 64 << 20;
