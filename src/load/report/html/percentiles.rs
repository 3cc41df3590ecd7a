//! The percentile curve: latency over 1/(1-p), on two logarithmic axes.

use super::{
    super::{
        Report, Summary,
        text::{short_time, time},
    },
    svg::{LEFT, Plot, RIGHT, Scale, TOP, round_log_range},
};

/// Latency, service time, and the generator's pacing error.
pub(super) fn plot(report: &Report) -> String {
    let curves: Vec<(&str, &str, &Summary)> = [
        ("pacing", "pacing error", &report.pacing),
        ("service", "service", &report.service),
        ("latency", "latency", &report.latency),
    ]
    .into_iter()
    .filter(|(_, _, it)| it.count > 0)
    .collect();
    let mut plot = Plot::new(BOTTOM, "Latency by percentile");
    let shown = || curves.iter().filter(|(class, ..)| *class != "pacing").map(|(_, _, it)| *it);
    let low = shown().map(|it| it.min).min().unwrap_or(0);
    let high = curves.iter().map(|(_, _, it)| it.max).max().unwrap_or(0);
    let (low, high) = round_log_range(low as f64, high as f64);
    let y = Scale::logarithmic((low, high), (BOTTOM, TOP));
    plot.y_axis(&y, &y.ticks(12), short_time);
    // The last nine is reached by one message.
    let nines = shown().map(|it| (it.count as f64).log10()).fold(1.0, f64::max);
    let x = Scale::linear((0.0, nines), (LEFT, RIGHT));
    let ticks: Vec<(f64, String)> = std::iter::once((0.0, "0 %".to_owned()))
        .chain((0..=nines as i32).filter(|it| *it > 0).map(|it| (f64::from(it), nine(it))))
        .chain(std::iter::once((0.5f64.recip().log10(), "50 %".to_owned())))
        .collect();
    plot.x_axis(&x, BOTTOM, &ticks);
    for (class, _, summary) in &curves {
        let end = (summary.count as f64).log10().max(0.1);
        let points = (0..=STEPS).map(|step| {
            let at = end * step as f64 / STEPS as f64;
            let value = value_at(summary, at);
            (value >= low).then(|| (x.place(at), y.place(value)))
        });
        plot.curve(&format!("curve {class}"), points);
    }
    let width = (RIGHT - LEFT) / TIPS as f64;
    for number in 0..TIPS {
        let at = nines * (number as f64 + 0.5) / TIPS as f64;
        let part = format!("{:.*} %", (at.ceil() as usize).max(1), 100.0 - 100.0 * 10f64.powf(-at));
        let values = curves.iter().rev().map(|(_, name, it)| format!("\n{name}\t{}", time(value_at(it, at))));
        plot.tip((LEFT + width * number as f64, width), BOTTOM, &(part + &values.collect::<String>()));
    }
    plot.finish()
}

/// The value at the percentile with `at` nines.
fn value_at(summary: &Summary, nines: f64) -> f64 {
    summary.buckets.value_at(1.0 - 10f64.powf(-nines)) as f64
}

/// `1`: 90 %, `2`: 99 %, `3`: 99.9 %, …
fn nine(number: i32) -> String {
    match number {
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more as usize - 2)),
    }
}

const BOTTOM: f64 = 330.0;
const STEPS: usize = 440;
const TIPS: usize = 110;
