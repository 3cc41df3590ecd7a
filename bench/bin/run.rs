//! All figures, side by side: each row's two servers take turns, and medians are compared. Watch the
//! ratios; the values themselves change with the machine and the hour.
#![forbid(unsafe_code)]

use std::error::Error;

use clap::Parser;
use serde::Deserialize;
use shardcast_bench::{
    beside::Beside,
    flood::{self, Floods},
    hop::Hop,
    machine,
    outcome::Outcome,
    queues::{self, Queues},
    runner::{self, Bench, median},
    topics::Topics,
};

#[derive(Parser)]
struct Args {
    /// Rounds per row.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds to measure in each run.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// CPU of the server.
    #[arg(long, default_value_t = 0)]
    server_cpu: usize,
    /// CPU of the load generator.
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// Two servers that do the same work.
struct Pair {
    name: &'static str,
    load: &'static str,
    /// The load of the baseline, where it differs.
    baseline_load: Option<&'static str>,
    /// The server to compare with.
    baseline: &'static str,
    served: &'static str,
    unit: &'static str,
    figure: fn(&Outcome) -> f64,
    target: Option<Target>,
}

/// What the ratio of Shardcast's figure to that of the baseline should be.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if cfg!(debug_assertions) {
        shardcast_bench::note!("not a release build: its figures mean nothing");
    }
    runner::build()?;
    shardcast_bench::say!("{}\n{} rounds of {} s\n", machine::describe(), args.rounds, args.seconds);
    shardcast_bench::say!("{:<47} {:>10} {:>10} {:>7} {:>8}", "", "baseline", "shardcast", "ratio", "target");
    let bench = Bench { server_cpu: args.server_cpu, load_cpu: args.load_cpu, seconds: args.seconds };
    for pair in PAIRS.iter().filter(|pair| pair.name.contains(&args.only)) {
        pair.compare(&bench, args.rounds)?;
    }
    if "topics".contains(&args.only) {
        topics(&args)?;
    }
    if "quiet topic beside bursts".contains(&args.only) {
        quiet_beside_bursts(&args)?;
    }
    if "publications beside a flood".contains(&args.only) {
        beside_floods(&args)?;
    }
    if "task queues".contains(&args.only) {
        task_queues(&args)?;
    }
    if "idle".contains(&args.only) {
        idle(&bench, args.rounds)?;
    }
    if "mesh hop".contains(&args.only) {
        mesh_hop(&args)?;
    }
    Ok(())
}

impl Pair {
    fn compare(&self, bench: &Bench, rounds: usize) -> Result<(), Box<dyn Error>> {
        let (mut baseline, mut served) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            baseline.push((self.figure)(&checked(
                bench.run(self.baseline, self.baseline_load.unwrap_or(self.load))?,
                self.name,
            )));
            served.push((self.figure)(&checked(bench.run(self.served, self.load)?, self.name)));
        }
        let ratio = median(served.iter().zip(&baseline).map(|(served, baseline)| served / baseline));
        let name = format!("{}, {}", self.name, self.unit);
        let verdict = self.target.map_or_else(String::new, |target| target.verdict(ratio));
        shardcast_bench::say!(
            "{name:<47} {:>10} {:>10} {ratio:>7.3} {verdict}",
            short(median(baseline)),
            short(median(served))
        );
        Ok(())
    }
}

impl Target {
    fn verdict(self, value: f64) -> String {
        let (text, met) = match self {
            Self::AtMost(most) => (format!("<= {most}"), value <= most),
            Self::AtLeast(least) => (format!(">= {least}"), value >= least),
        };
        format!("{text:>8} {}", if met { "met" } else { "MISSED" })
    }
}

fn topics(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut found: Vec<Topics> = Vec::new();
    for _ in 0..args.rounds {
        found.push(runner::run_alone(&format!("bench-hub --json --cpu {}", args.server_cpu))?);
    }
    let each = |value: fn(&Topics) -> f64| median(found.iter().map(value));
    let name = "publish to 10: one topic, 100,000 topics, us";
    let ratio = each(|it| it.ratio);
    let (one, many) = (each(|it| it.one_us), each(|it| it.many_us));
    shardcast_bench::say!(
        "{name:<47} {one:>10.3} {many:>10.3} {ratio:>7.3} {}",
        Target::AtMost(1.5).verdict(ratio)
    );
    line("topics: bytes per idle subscription", each(|it| it.subscription_bytes), Target::AtMost(128.0));
    Ok(())
}

fn quiet_beside_bursts(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut found: Vec<Beside> = Vec::new();
    for _ in 0..args.rounds {
        let Args { server_cpu, load_cpu, seconds, .. } = args;
        let words = format!("--cpu {server_cpu} --load-cpu {load_cpu} --seconds {seconds}");
        found.push(runner::run_alone(&format!("bench-beside --json {words}"))?);
    }
    let each = |value: fn(&Beside) -> f64| median(found.iter().map(value));
    let (alone, beside) = (each(|it| it.alone_p99_us), each(|it| it.beside_p99_us));
    let ratio = each(|it| it.beside_p99_us / it.alone_p99_us);
    let name = "quiet topic beside bursts, p99 us";
    shardcast_bench::say!(
        "{name:<47} {:>10} {:>10} {ratio:>7.3} {}",
        short(alone),
        short(beside),
        Target::AtMost(2.0).verdict(ratio)
    );
    line("  a turn meanwhile, mean, ms", each(|it| it.turn_ms), Target::AtMost(10.0));
    let long = each(|it| it.long_turns as f64 / it.turns.max(1) as f64 * 1e3);
    shardcast_bench::say!("{:<47} {:>10} {long:>10.3}", "  of 1,000 turns, longer than 10 ms", "");
    Ok(())
}

fn beside_floods(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut found: Vec<Floods> = Vec::new();
    for _ in 0..args.rounds {
        let Args { server_cpu, load_cpu, seconds, .. } = args;
        let words = format!("--cpus {server_cpu},{load_cpu} --seconds {seconds}");
        found.push(runner::run_alone(&format!("bench-flood --json {words}"))?);
    }
    let alone = median(found.iter().map(|it| it.alone.p99_us));
    for (number, name) in flood::NAMES.iter().enumerate() {
        let each = || found.iter().map(|it| (&it.beside[number].publications, &it.alone));
        let ratio = median(each().map(|(beside, alone)| beside.p99_us / alone.p99_us));
        shardcast_bench::say!(
            "{:<47} {:>10} {:>10} {ratio:>7.3} {}",
            format!("publications beside a flood of {name}, p99 us"),
            short(alone),
            short(median(each().map(|(beside, _)| beside.p99_us))),
            Target::AtMost(10.0).verdict(ratio)
        );
        let lost: u64 = each().map(|(beside, _)| beside.refused + beside.unanswered).sum();
        let due: u64 = each().map(|(beside, _)| beside.due).sum();
        line(&format!("  refused or unanswered, of {due}"), lost as f64, Target::AtMost(0.0));
    }
    Ok(())
}

fn task_queues(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut found: Vec<Queues> = Vec::new();
    for _ in 0..args.rounds {
        let Args { server_cpu, load_cpu, seconds, .. } = args;
        let words = format!("--cpu {server_cpu} --load-cpu {load_cpu} --seconds {seconds}");
        found.push(runner::run_alone(&format!("bench-queues --json {words}"))?);
    }
    let each = |value: fn(&Queues) -> f64| median(found.iter().map(value));
    let ratio = each(|it| it.ratio);
    let off = each(|it| (it.ratio / queues::RATIO - 1.0).abs() * 100.0);
    let name = format!("task queues, shares 1 : {}, work 1 : {ratio:.2}, % off", queues::RATIO);
    line(&name, off, Target::AtMost(20.0));
    let name = "echo beside two task queues, p99 us";
    let (alone, beside) = (each(|it| it.alone_p99_us), each(|it| it.beside_p99_us));
    shardcast_bench::say!(
        "{name:<47} {:>10} {:>10} {:>7} {}",
        short(alone),
        short(beside),
        "",
        Target::AtMost(5000.0).verdict(beside)
    );
    Ok(())
}

fn idle(bench: &Bench, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut costs = Vec::new();
    for _ in 0..rounds {
        let outcome = bench.run("bench-served echo --spin always", "idle --conns 10000")?;
        costs.extend(checked(outcome, "idle").idle);
    }
    let kib = median(costs.iter().map(|cost| cost.bytes_each / 1024.0));
    let added = median(costs.iter().map(|cost| cost.added_us));
    line("10,000 idle: memory of each, KiB", kib, Target::AtMost(0.8));
    line("10,000 idle: added to a round trip, us", added, Target::AtMost(2.0));
    let mut subscribed = Vec::new();
    for _ in 0..rounds {
        let outcome = bench.run("bench-served echo --spin always", "idle --conns 10000 --subscribed")?;
        subscribed.extend(checked(outcome, "idle, subscribed").idle.map(|cost| cost.bytes_each / 1024.0));
    }
    line("10,000 idle, subscribed: memory of each, KiB", median(subscribed), Target::AtMost(1.0));
    Ok(())
}

#[derive(Deserialize)]
struct Hops {
    tasks: Hop,
    threads: Hop,
    same: Hop,
    cross: Hop,
    call_same: Hop,
    call_cross: Hop,
    client_here: Hop,
    client_elsewhere: Hop,
    client_of_thread: Hop,
}

fn mesh_hop(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut found: Vec<Hops> = Vec::new();
    for _ in 0..args.rounds {
        let cpus = format!("{},{}", args.server_cpu, args.load_cpu);
        found.push(runner::run_alone(&format!("bench-mesh-hop --json --cpus {cpus}"))?);
    }
    let tasks = median(found.iter().map(|hops| hops.tasks.p50_us));
    line("mesh hop, task to task, p50 us", tasks, Target::AtMost(0.5));
    let threads = median(found.iter().map(|hops| hops.threads.p50_us));
    shardcast_bench::say!("{:<47} {threads:>10.3}", "  two threads that poll a queue, p50 us");
    let same = median(found.iter().map(|hops| hops.same.p50_us));
    shardcast_bench::say!("{:<47} {:>10} {same:>10.3}", "publication to a subscriber there, p50 us", "");
    let further = median(found.iter().map(|hops| hops.cross.p50_us - hops.same.p50_us));
    line("  to one on another shard: further, p50 us", further, Target::AtMost(2.0));
    let same = median(found.iter().map(|hops| hops.call_same.p50_us));
    shardcast_bench::say!("{:<47} {:>10} {same:>10.3}", "a task's call to its own shard, p50 us", "");
    let further = median(found.iter().map(|hops| hops.call_cross.p50_us - hops.call_same.p50_us));
    line("  to another shard: further, p50 us", further, Target::AtMost(3.0));
    let p99 = |of: fn(&Hops) -> Hop| median(found.iter().map(|hops| of(hops).p99_us));
    line("a client's call, task beside it, p99 us", p99(|it| it.client_here), Target::AtMost(1000.0));
    line("  task on another shard, p99 us", p99(|it| it.client_elsewhere), Target::AtMost(1000.0));
    line("  ordinary thread, p99 us", p99(|it| it.client_of_thread), Target::AtMost(1000.0));
    Ok(())
}

fn line(name: &str, value: f64, target: Target) {
    shardcast_bench::say!("{name:<47} {:>10} {value:>10.3} {:>7} {}", "", "", target.verdict(value));
}

/// Prints a line if messages are missing, because the figures then mean nothing.
fn checked(outcome: Outcome, name: &str) -> Outcome {
    if outcome.lost + outcome.wrong > 0 {
        shardcast_bench::say!("{name}: {} messages lost, {} wrong", outcome.lost, outcome.wrong);
    }
    outcome
}

fn short(value: f64) -> String {
    if value >= 10_000.0 { format!("{:.0} k", value / 1e3) } else { format!("{value:.3}") }
}

const PAIRS: &[Pair] = &[
    Pair {
        name: "echo 64x1",
        load: "echo --conns 64 --depth 1",
        baseline_load: None,
        baseline: "bench-floor echo --framed",
        served: "bench-served echo",
        unit: "CPU us per message",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.05)),
    },
    Pair {
        name: "echo 64x16",
        load: "echo --conns 64 --depth 16",
        baseline_load: None,
        baseline: "bench-floor echo --framed",
        served: "bench-served echo",
        unit: "CPU us per message",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.05)),
    },
    Pair {
        name: "echo 64x16, a future that is ready",
        load: "echo --conns 64 --depth 16",
        baseline_load: None,
        baseline: "bench-served echo",
        served: "bench-served echo-ready",
        unit: "CPU us",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.05)),
    },
    Pair {
        name: "echo 64x16, one that yields",
        load: "echo --conns 64 --depth 16",
        baseline_load: None,
        baseline: "bench-served echo",
        served: "bench-served echo-yield",
        unit: "CPU us",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.5)),
    },
    Pair {
        name: "rtt spinning",
        load: "rtt",
        baseline_load: None,
        baseline: "bench-floor echo --framed --spin always",
        served: "bench-served echo --spin always",
        unit: "p50 us",
        figure: |outcome| outcome.p50_us,
        target: Some(Target::AtMost(1.15)),
    },
    Pair {
        name: "blocking call, against a bare socket",
        load: "call --spin 25",
        baseline_load: Some("socket"),
        baseline: "bench-served echo --spin always",
        served: "bench-served echo --spin always",
        unit: "p50 us",
        figure: |outcome| outcome.p50_us,
        target: Some(Target::AtMost(1.15)),
    },
    Pair {
        name: "blocking call, which sleeps at once",
        load: "call --spin 0",
        baseline_load: Some("socket"),
        baseline: "bench-served echo --spin always",
        served: "bench-served echo --spin always",
        unit: "p50 us",
        figure: |outcome| outcome.p50_us,
        target: None,
    },
    Pair {
        name: "fanout 1000x1",
        load: "fanout --conns 1000 --window 1",
        baseline_load: None,
        baseline: "bench-floor fanout",
        served: "bench-served fanout",
        unit: "CPU us per delivery",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.05)),
    },
    Pair {
        name: "hub fanout 1000x1, against a broadcast",
        load: "fanout --conns 1000 --window 1",
        baseline_load: None,
        baseline: "bench-served fanout",
        served: "bench-served hub",
        unit: "CPU us",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.05)),
    },
    Pair {
        name: "hub fanout 1000x8, against a broadcast",
        load: "fanout --conns 1000 --window 8",
        baseline_load: None,
        baseline: "bench-served fanout",
        served: "bench-served hub",
        unit: "CPU us",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.1)),
    },
    Pair {
        name: "hub fanout 1000x32, against a broadcast",
        load: "fanout --conns 1000 --window 32",
        baseline_load: None,
        baseline: "bench-served fanout",
        served: "bench-served hub",
        unit: "CPU us",
        figure: |outcome| outcome.server_cpu_us,
        target: Some(Target::AtMost(1.1)),
    },
    Pair {
        name: "fanout 1000x8",
        load: "fanout --conns 1000 --window 8",
        baseline_load: None,
        baseline: "bench-floor fanout --uncoalesced",
        served: "bench-served fanout",
        unit: "deliveries/s, one send each",
        figure: |outcome| outcome.per_second,
        target: Some(Target::AtLeast(3.5)),
    },
    Pair {
        name: "fanout 1000x8",
        load: "fanout --conns 1000 --window 8",
        baseline_load: None,
        baseline: "bench-floor fanout",
        served: "bench-served fanout",
        unit: "CPU us per delivery",
        figure: |outcome| outcome.server_cpu_us,
        target: None,
    },
];
