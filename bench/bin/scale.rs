//! How throughput grows with shards: echo and push with 1, 2, 4 and 8 of them, each row against as many times the
//! first. Watch the side that was the limit: a generator without idle time was measured instead of the server.
#![forbid(unsafe_code)]

use std::{error::Error, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use serde::Serialize;
use shardcast_bench::{
    machine, note,
    runner::median,
    say,
    scale::{self, Kind, Layout, Limit, Run, Task, Topology},
};
use shardcast_load::generator::payload::PAYLOAD_BYTES_MIN;
use shardcast_os::{cpu::format_list, rlimit};

#[derive(Parser)]
struct Args {
    /// The number of shards of each row. The other rows are compared with the first one.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    shards: Vec<u16>,
    /// Rounds; in each, all rows have one run.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds to measure in each run.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only one of the two loads.
    #[arg(long)]
    only: Option<Only>,
    /// Generator threads for each shard; by default as many as the largest row has CPUs for, up to 3.
    #[arg(long)]
    threads: Option<usize>,
    /// Connections of an echo, for each shard.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Messages in progress on each of them.
    #[arg(long, default_value_t = 16)]
    depth: u32,
    /// Subscribers, for each shard.
    #[arg(long, default_value_t = 800)]
    subscribers: usize,
    /// Topics, of all shards together: while one waits for its next messages, shards deliver those of others. Each has
    /// its share of the subscribers of every shard.
    #[arg(long, default_value_t = 16)]
    topics: usize,
    /// Messages that are published together on a topic, when all of its subscribers have received the earlier ones.
    #[arg(long, default_value_t = 16)]
    burst: u32,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// A server for each shard instead of one with all of them: what the machine takes from servers that share
    /// nothing.
    #[arg(long)]
    separate: bool,
    /// Run rows with too few CPUs too, and share CPUs: this shows that they work, not how fast.
    #[arg(long)]
    oversubscribe: bool,
    /// Write JSON into a file as well; without a file, print JSON instead of the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Only {
    Echo,
    Push,
}

/// The median of a row's rounds.
#[derive(Serialize)]
struct Row {
    kind: Kind,
    shards: usize,
    /// A server for each shard.
    separate: bool,
    cpus: Layout,
    per_second: f64,
    /// Throughput relative to that many times the first row.
    of_linear: f64,
    cpu_us: f64,
    busy_us: f64,
    /// The first row's `busy_us` divided by this row's: the growth that the work per message allows.
    of_linear_by_work: f64,
    shards_busy: f64,
    generator_busy: f64,
    limit: Limit,
    lost: u64,
    wrong: u64,
    rounds: Vec<Run>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match measure(&args) {
        Ok(rows) if rows.iter().all(|row| row.lost + row.wrong == 0) => ExitCode::SUCCESS,
        Ok(_) => {
            note!("messages were lost or wrong: the figures mean nothing");
            ExitCode::FAILURE
        }
        Err(error) => {
            note!("bench-scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    if cfg!(debug_assertions) {
        note!("not a release build: its figures mean nothing");
    }
    if args.shards.contains(&0) || args.rounds == 0 || args.size < PAYLOAD_BYTES_MIN {
        return Err(
            format!("shards and rounds begin with 1, and a payload has {PAYLOAD_BYTES_MIN} bytes").into()
        );
    }
    rlimit::raise_nofile()?;
    let layouts = layouts(args);
    let quiet = args.json.as_ref().is_some_and(|file| file.as_os_str() == "-");
    if layouts.is_empty() {
        return Err("no row has enough CPUs (--oversubscribe runs them anyway)".into());
    }
    if !quiet {
        say!("{}\n{} rounds of {} s", machine::describe(), args.rounds, args.seconds);
        layouts.iter().for_each(print_layout);
    }
    let mut all = Vec::new();
    for (kind, only) in [(Kind::Echo, Only::Echo), (Kind::Push, Only::Push)] {
        if args.only.is_none_or(|it| it == only) {
            let rows = rows(args, kind, &layouts)?;
            if !quiet {
                print(args, kind, &rows);
            }
            all.extend(rows);
        }
    }
    match args.json.as_ref().filter(|_| !quiet) {
        Some(file) => fs::write(file, json(&all)?).map_err(|error| format!("{}: {error}", file.display()))?,
        None if quiet => say!("{}", json(&all)?),
        None => {}
    }
    Ok(all)
}

fn json(rows: &[Row]) -> serde_json::Result<String> {
    serde_json::to_string(&serde_json::json!({ "machine": machine::describe(), "rows": rows }))
}

/// The rows with enough CPUs are parts of one layout, that of the largest of them. The others are left out, with a
/// note.
fn layouts(args: &Args) -> Vec<Layout> {
    let topology = Topology::read();
    let plan = |shards: usize| topology.plan(shards, args.threads);
    let rows = || args.shards.iter().map(|&shards| usize::from(shards));
    let largest = rows().filter_map(|shards| plan(shards).ok()).max_by_key(|it| it.shard_cpus.len());
    let of_row = |shards: usize| {
        let lacking = match (plan(shards), &largest) {
            (Ok(_), Some(largest)) => return Some(largest.first(shards)),
            (Ok(layout), None) => return Some(layout),
            (Err(lacking), _) => lacking,
        };
        if args.oversubscribe {
            return Some(topology.oversubscribe(shards, args.threads));
        }
        note!(
            "{shards} shards: left out: they and their generator threads need {} CPUs, and there are {} \
             (--oversubscribe runs them anyway)",
            lacking.needed,
            lacking.usable
        );
        None
    };
    rows().filter_map(of_row).collect()
}

fn print_layout(layout: &Layout) {
    let shards = layout.shard_cpus.len();
    let pinned: Vec<usize> = layout.generator_cpus.iter().flatten().copied().collect();
    let generator = if pinned.is_empty() { "any".to_owned() } else { format_list(&pinned) };
    let mut shard_cpus = layout.shard_cpus.clone();
    shard_cpus.sort_unstable();
    shard_cpus.dedup();
    let mut line = format!(
        "shards: {shards} on CPU {}; generator threads: {} on CPU {generator}",
        format_list(&shard_cpus),
        layout.generator_cpus.len()
    );
    if !layout.sharing.is_empty() {
        line = format!("{line}; {}", layout.sharing);
    }
    say!("{line}");
}

/// All rows of one load, in turn, because the speed of a machine changes.
fn rows(args: &Args, kind: Kind, layouts: &[Layout]) -> Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    let (connections, depth) = match kind {
        Kind::Echo => (args.connections, args.depth),
        Kind::Push => (args.subscribers, args.burst),
    };
    let time = Duration::try_from_secs_f64(args.seconds)?;
    let task = Task {
        kind,
        connections,
        depth,
        topics: args.topics.max(1),
        size: args.size,
        time,
        separate: args.separate,
    };
    let mut runs: Vec<Vec<Run>> = layouts.iter().map(|_| Vec::new()).collect();
    for _ in 0..args.rounds {
        for (layout, runs) in layouts.iter().zip(&mut runs) {
            runs.push(scale::run(&task, layout)?);
        }
    }
    let base = runs[0].clone();
    let of_base = |runs: &[Run], ratio: fn(&Run, &Run) -> f64| {
        median(runs.iter().zip(&base).map(|(run, base)| ratio(run, base)))
    };
    let row = |(runs, layout): (Vec<Run>, &Layout)| {
        let each = |value: fn(&Run) -> f64| median(runs.iter().map(value));
        let (shards_busy, generator_busy) = (each(Run::shards_busy), each(|run| run.generator_busy));
        Row {
            kind,
            shards: layout.shard_cpus.len(),
            separate: args.separate,
            cpus: layout.clone(),
            per_second: each(|run| run.per_second),
            of_linear: of_base(&runs, |run, base| run.per_shard() / base.per_shard()),
            cpu_us: each(|run| run.cpu_us),
            busy_us: each(|run| run.busy_us),
            of_linear_by_work: of_base(&runs, |run, base| base.busy_us / run.busy_us),
            shards_busy,
            generator_busy,
            limit: Limit::of(shards_busy, generator_busy),
            lost: runs.iter().map(|run| run.lost).sum(),
            wrong: runs.iter().map(|run| run.wrong).sum(),
            rounds: runs,
        }
    };
    Ok(runs.into_iter().zip(layouts).map(row).collect())
}

fn print(args: &Args, kind: Kind, rows: &[Row]) {
    match kind {
        Kind::Echo => {
            let Args { connections, depth, .. } = args;
            say!("\necho: {connections} connections for each shard, {depth} messages in progress on each");
        }
        Kind::Push => {
            let Args { subscribers, topics, burst, .. } = args;
            say!(
                "\npush: {subscribers} subscribers for each shard, {topics} topics, {burst} messages at once on each"
            );
        }
    }
    if args.separate {
        say!("a server for each shard: the difference from linear is due to the machine");
    }
    let spread = rows.iter().flat_map(|row| &row.rounds).flat_map(|run| &run.shard_connections);
    let (least, most) = (spread.clone().min(), spread.max());
    say!("each shard has {} to {} connections, publishers included", least.unwrap_or(&0), most.unwrap_or(&0));
    say!(
        "{:>6} {:>12} {:>9} {:>8} {:>8} {:>8}  {:<22} {:>9}",
        "shards",
        "messages/s",
        "of linear",
        "CPU us",
        "busy us",
        "by work",
        "shards busy %",
        "generator"
    );
    for row in rows {
        let each = row.rounds.iter().flat_map(|run| &run.shard_busy);
        let (least, most) = each.fold((f64::MAX, 0.0), |(least, most), &it| (it.min(least), it.max(most)));
        let busy = format!("{:.0} ({:.0} to {:.0})", row.shards_busy * 1e2, least * 1e2, most * 1e2);
        say!(
            "{:>6} {:>12.0} {:>9.3} {:>8.3} {:>8.3} {:>8.3}  {busy:<22} {:>9.0}  {}",
            row.shards,
            row.per_second,
            row.of_linear,
            row.cpu_us,
            row.busy_us,
            row.of_linear_by_work,
            row.generator_busy * 1e2,
            row.verdict(rows[0].shards)
        );
    }
}

impl Row {
    fn verdict(&self, base: usize) -> String {
        if self.lost + self.wrong > 0 {
            return format!("{} lost, {} wrong", self.lost, self.wrong);
        }
        if !self.cpus.is_pinned() {
            return "shares CPUs".to_owned();
        }
        let target = match (self.of_linear >= OF_LINEAR_MIN, self.limit) {
            _ if self.shards == base || self.separate => "",
            (true, _) => "met, ",
            (false, Limit::Generator) => "not decided, ",
            (false, _) => "MISSED, ",
        };
        let limit = match self.limit {
            Limit::Shards => "the shards were the limit",
            Limit::Generator => "the generator was the limit",
            Limit::Neither => "neither was at its limit",
        };
        format!("{target}{limit}")
    }
}

/// Throughput relative to that many times the first row.
const OF_LINEAR_MIN: f64 = 0.85;
