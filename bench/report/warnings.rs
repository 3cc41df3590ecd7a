//! Reasons to take a result with care.

use super::{Report, text::time};

/// What is wrong with `report`, in sentences, the worst first.
pub(super) fn find(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    lost(report, &mut warnings);
    generator(report, &mut warnings);
    if !report.environment.optimised {
        warnings.push("this is no release build: its figures mean nothing".to_owned());
    }
    if report.cpu.steal > STEAL_MAX {
        warnings.push(format!(
            "the hypervisor took {:.0} % of a CPU away: repeat this when the host is quieter",
            report.cpu.steal * 100.0
        ));
    }
    warnings
}

fn lost(report: &Report, warnings: &mut Vec<String>) {
    let totals = &report.totals;
    let wrong = totals.lost + totals.duplicated + totals.corrupt;
    if wrong > 0 {
        warnings.push(format!(
            "{} messages lost, {} duplicated, {} corrupt: the other figures leave them out",
            totals.lost, totals.duplicated, totals.corrupt
        ));
    }
    if totals.unsent > 0 {
        warnings.push(format!(
            "{} messages could not be sent at all: the server is slower than the rate that was asked for, and \
             latency without them is too good",
            totals.unsent
        ));
    }
    if totals.disconnected > 0 {
        warnings.push(format!("{} connections ended early", totals.disconnected));
    }
    if report.latency.count == 0 {
        warnings.push("nothing came back in the measured time".to_owned());
    }
}

/// Is it the generator that was measured?
fn generator(report: &Report, warnings: &mut Vec<String>) {
    let (pacing, latency) = (&report.pacing, &report.latency);
    if report.cpu.generator_busy > BUSY_MAX {
        warnings.push(format!(
            "the generator is the bottleneck: a thread of it was busy {:.0} % of the time; give it more \
             CPUs (--threads), or ask for less",
            report.cpu.generator_busy * 100.0
        ));
    }
    if pacing.count > 0 && latency.count > 0 && pacing.p99 as f64 > PACING_PART_MAX * latency.p50 as f64 {
        warnings.push(format!(
            "the generator sent late: its pacing error (p99 {}) is more than a tenth of the latency measured \
             (p50 {}); free its CPU, or ask for less",
            time(pacing.p99 as f64),
            time(latency.p50 as f64)
        ));
    }
    let shared =
        report.environment.shard_cpus.iter().any(|it| report.environment.generator_cpus.contains(it));
    if shared || (report.environment.shards.is_some() && report.environment.generator_cpus.is_empty()) {
        warnings.push("generator and shards share CPUs: each disturbs the other".to_owned());
    }
}

/// A thread that has something to do for more of its time than this is near its limit.
const BUSY_MAX: f64 = 0.9;

/// How much of the median latency the pacing error of 99 in 100 messages may be.
const PACING_PART_MAX: f64 = 0.1;

/// CPUs that the hypervisor may take away.
const STEAL_MAX: f64 = 0.02;
