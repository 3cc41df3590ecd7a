//! Reasons to be careful with a result.

use super::{Report, text::time};

/// The problems of `report`, in sentences, the worst first.
pub(super) fn find(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    lost(report, &mut warnings);
    generator(report, &mut warnings);
    if !report.environment.optimised {
        warnings.push("not a release build: its figures mean nothing".to_owned());
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
            "{} messages could not be sent: the server is slower than the requested rate, and the latency does \
             not include them",
            totals.unsent
        ));
    }
    if totals.disconnected > 0 {
        warnings.push(format!("{} connections ended early", totals.disconnected));
    }
    let is_silent =
        if report.test.is_stream() { report.rate.received_per_s == 0.0 } else { report.latency.count == 0 };
    if is_silent {
        warnings.push("no message was received in the measured time".to_owned());
    }
}

/// Is it the generator that was measured?
fn generator(report: &Report, warnings: &mut Vec<String>) {
    let (pacing, latency) = (&report.pacing, &report.latency);
    if report.cpu.generator_busy > BUSY_MAX {
        warnings.push(format!(
            "the generator is the bottleneck: a thread of it was busy {:.0} % of the time; give it more \
             CPUs (--threads), or reduce the rate",
            report.cpu.generator_busy * 100.0
        ));
    }
    let is_late = |ours: u64, measured: u64| ours as f64 > PACING_PART_MAX * measured as f64;
    let has_both = pacing.count > 0 && latency.count > 0;
    if has_both && (is_late(pacing.p50, latency.p50) || is_late(pacing.p99, latency.p99)) {
        warnings.push(format!(
            "the generator sent late: its pacing error (p50 {}, p99 {}) is more than a tenth of the latency \
             (p50 {}, p99 {}); free its CPU, or reduce the rate",
            time(pacing.p50 as f64),
            time(pacing.p99 as f64),
            time(latency.p50 as f64),
            time(latency.p99 as f64)
        ));
    }
    let shared =
        report.environment.shard_cpus.iter().any(|it| report.environment.generator_cpus.contains(it));
    if shared || (report.environment.shards.is_some() && report.environment.generator_cpus.is_empty()) {
        warnings.push("generator and shards share CPUs: each disturbs the other".to_owned());
    }
}

/// A thread that has work for a larger part of its time than this is near its limit.
const BUSY_MAX: f64 = 0.9;

/// How much of the latency the pacing error may be, at the same percentile.
const PACING_PART_MAX: f64 = 0.1;

/// CPUs that the hypervisor may take away.
const STEAL_MAX: f64 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cpu, Environment, Summary};

    /// The one warning about a good result with this change.
    fn warning(change: impl FnOnce(&mut Report)) -> String {
        let summary = |p50, p99| Summary { count: 1000, p50, p99, ..Summary::default() };
        let mut report = Report {
            latency: summary(10_000, 50_000),
            pacing: summary(100, 1000),
            cpu: Cpu { generator_busy: 0.5, ..Cpu::default() },
            environment: Environment {
                optimised: true,
                shards: Some(1),
                shard_cpus: vec![0],
                generator_cpus: vec![1],
                ..Environment::default()
            },
            ..Report::default()
        };
        change(&mut report);
        let warnings = find(&report);
        assert!(warnings.len() <= 1, "{warnings:?}");
        warnings.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn a_good_result_has_no_warning() {
        assert_eq!(warning(|_| {}), "");
        assert_eq!(warning(|report| report.environment.shards = None), "");
    }

    #[test]
    fn every_reason_for_doubt_is_a_warning() {
        for (part, change) in [
            ("is the bottleneck", (|report| report.cpu.generator_busy = 0.95) as fn(&mut Report)),
            ("sent late", |report| report.pacing.p50 = 2000),
            ("sent late", |report| report.pacing.p99 = 6000),
            ("share CPUs", |report| report.environment.generator_cpus = vec![0]),
            ("share CPUs", |report| report.environment.generator_cpus.clear()),
            ("not a release build", |report| report.environment.optimised = false),
            ("took 10 % of a CPU", |report| report.cpu.steal = 0.1),
            ("1 messages lost", |report| report.totals.lost = 1),
            ("1 corrupt", |report| report.totals.corrupt = 1),
            ("could not be sent", |report| report.totals.unsent = 1),
            ("3 connections ended early", |report| report.totals.disconnected = 3),
            ("no message was received", |report| report.latency = Summary::default()),
        ] {
            let text = warning(change);
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
