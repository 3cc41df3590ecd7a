use super::*;
use crate::report::{Buckets, Interval, Rate, Summary};

/// A run in which every interval has latencies from `base` on, some of them randomly longer.
fn run(base: u64, seed: u64) -> Report {
    let mut state = seed;
    let mut chance = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 59
    };
    let intervals: Vec<Interval> = (0..60)
        .map(|_| {
            let buckets = (0..40).map(|step| (base + base * step / 40, 100 + chance())).collect();
            Interval {
                seconds: 0.1,
                received: 1000 + chance(),
                latency: Buckets(buckets),
                ..Interval::default()
            }
        })
        .collect();
    let buckets = Buckets::merged(intervals.iter().map(|it| &it.latency));
    let latency = Summary {
        count: buckets.len(),
        max: base * 2,
        mean: base as f64 * 1.5,
        buckets,
        ..Summary::default()
    };
    Report {
        latency,
        intervals,
        rate: Rate { received_per_s: 10_000.0, ..Rate::default() },
        ..Report::default()
    }
}

fn failures(conditions: &str, a: &Report, b: &Report) -> Vec<String> {
    compare(a, b).failures(&conditions.parse().expect(conditions), a, b)
}

#[test]
fn two_runs_of_the_same_are_not_certainly_different() {
    let comparison = compare(&run(10_000, 1), &run(10_000, 2));
    for row in comparison.rows.iter().filter(|row| row.interval.is_some()) {
        let (low, high) = row.interval.expect("just asked");
        assert!(low <= 0.005 && high >= -0.005 && high - low < 0.05, "{row:?}");
    }
    assert_eq!(comparison.warnings, [""; 0]);
}

#[test]
fn a_slower_run_is_certainly_slower() {
    let (a, b) = (run(10_000, 1), run(12_000, 2));
    let comparison = compare(&a, &b);
    let p99 = comparison.rows.iter().find(|row| row.metric.to_string() == "p99").expect("a row");
    let (low, high) = p99.interval.expect("known from intervals");
    assert!(low > 0.15 && low <= high && high < 0.25, "{p99:?}");
    assert!(comparison.to_text().contains("worse"), "{}", comparison.to_text());
    assert!(compare(&b, &a).to_text().contains("better"));
    assert_eq!(comparison, compare(&a, &b), "chance is the same each time");
}

#[test]
fn fail_if_wants_a_change_beyond_the_value() {
    let (a, b) = (run(10_000, 1), run(12_000, 2));
    for (conditions, fails) in [
        ("p99>+10%", true),
        ("p99>+30%", false),
        ("p99>+1us", true),
        ("p99>+1ms", false),
        ("p99<-10%", false),
        ("p75>+10%", true),
        ("p99>5us", true),
        ("rate<-10%", false),
        ("lost>0", false),
    ] {
        assert_eq!(!failures(conditions, &a, &b).is_empty(), fails, "{conditions}");
    }
    assert!(failures("p99<-10%", &b, &a)[0].starts_with("p99<-10% holds: p99 went from "));
    assert_eq!(
        failures("service.p99>+10%", &a, &b),
        ["service.p99>+10%: service.p99 was not measured in both"]
    );
}

#[test]
fn a_count_that_was_zero_has_grown_beyond_any_part() {
    let a = run(10_000, 1);
    let mut b = run(10_000, 1);
    assert_eq!(failures("lost>+10%", &a, &b), [""; 0]);
    b.totals.lost = 1;
    assert_eq!(failures("lost>+10%", &a, &b), ["lost>+10% holds: lost went from 0 to 1"]);
}

#[test]
fn runs_that_cannot_be_compared_are_reported() {
    let a = run(10_000, 1);
    let mut b = run(10_000, 1);
    b.environment.kernel = "6".to_owned();
    b.test.protocol = "other".to_owned();
    b.intervals.truncate(5);
    let warnings = compare(&a, &b).warnings.join("\n");
    assert!(warnings.contains("differ in the kernel") && warnings.contains("B is too short"), "{warnings}");
    assert!(!warnings.contains("protocol"), "an earlier version had only one: {warnings}");
    let mut a = a;
    a.test.protocol = "one".to_owned();
    let warnings = compare(&a, &b).warnings.join("\n");
    assert!(warnings.contains("differ in the protocol: one and other"), "{warnings}");
}
