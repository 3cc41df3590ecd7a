//! One self-contained page: it loads no script, style, font or picture.

mod over_time;
mod percentiles;
mod svg;

use std::fmt::Write as _;

use super::{
    Report, text,
    text::{count, time},
};
use over_time::Columns;
use svg::escape;

/// The whole page.
pub(super) fn render(report: &Report) -> String {
    let columns = Columns::new(&report.intervals);
    let title = text::title(&report.test);
    let (what, how) = title.split_once(", ").unwrap_or((&title, ""));
    let [sent, received] = report.test.verbs();
    let to_come = if report.test.topics == 0 { sent } else { "published × subscribers" };
    let parts = [
        format!("<header>\n<p class=\"name\">shardcast bench</p>\n<h1>{}</h1>\n", escape(&capital(what))),
        format!("<p>{}</p>\n<p>{}</p>\n</header>\n", escape(how), escape(&text::places(report))),
        pills(report),
        figures(report),
        warnings(report),
        section(
            "Latency by percentile",
            "How long the given part of all messages took at most; each step to the right leaves out nine of ten.",
            &[("latency", "latency"), ("service", "service time"), ("pacing", "pacing error")],
            &percentiles::plot(report),
        ),
        section(
            "Latency over time",
            "How many messages took how long, by when they were to be sent.",
            &[("p50", "p50"), ("p99", "p99"), ("heat", "messages")],
            &over_time::heat_map(&columns),
        ),
        section(
            "Rate",
            "Messages per second; dashed, the requested rate.",
            &[("latency", received), ("service", to_come)],
            &over_time::rate(report, &columns),
        ),
        section(
            "CPU",
            "CPUs that were busy. A generator that spins uses all of its own.",
            if report.cpu.server.is_some() { &CPU_LEGEND } else { &CPU_LEGEND[1..] },
            &over_time::cpu(report, &columns),
        ),
        format!("<div class=\"pair\">\n{}{}</div>\n", distributions(report), environment(report)),
        format!("<footer>{}</footer>\n", escape(how_to_read(report))),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}</main>\n<div id=\"bubble\"></div>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&title),
        parts.concat()
    )
}

fn section(title: &str, what: &str, legend: &[(&str, &str)], plot: &str) -> String {
    let names: String =
        legend.iter().map(|(class, name)| format!("<span><i class=\"{class}\"></i>{name}</span>")).collect();
    format!(
        "<section>\n<div class=\"legend\">{names}</div>\n<h2>{title}</h2>\n<p>{what}</p>\n{plot}</section>\n"
    )
}

/// Whether all messages were received, each once, in order, and unchanged.
fn pills(report: &Report) -> String {
    let totals = &report.totals;
    let always = [
        ("lost", totals.lost),
        ("duplicated", totals.duplicated),
        ("reordered", totals.reordered),
        ("corrupt", totals.corrupt),
    ];
    let rare = [
        ("unsent", totals.unsent),
        ("omitted", totals.omitted),
        ("refused", totals.refused),
        ("disconnected", totals.disconnected),
    ];
    let shown = always.into_iter().chain(rare.into_iter().filter(|(_, number)| *number > 0));
    let pill = |(name, number): (&str, u64)| {
        let class = if number == 0 { "" } else { " class=\"bad\"" };
        format!("<span{class}>{} {name}</span>", count(number as f64))
    };
    format!("<div class=\"pills\">{}</div>\n", shown.map(pill).collect::<String>())
}

fn figures(report: &Report) -> String {
    let mut figures: Vec<(&str, String)> = [("p50", 0), ("p99", 2), ("p99.9", 3), ("max", 5)]
        .map(|(name, row)| (name, time(report.latency.rows()[row].1)))
        .into();
    figures.push((report.test.verbs()[1], format!("{} /s", count(report.rate.received_per_s.round()))));
    if let Some(each) = report.cpu.server_us_per_message {
        figures.push(("server CPU each", time(each * 1e3)));
    }
    let tile = |(name, value): &(&str, String)| {
        let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
        format!("<div><dt>{name}</dt><dd>{number} <small>{unit}</small></dd></div>\n")
    };
    format!("<dl class=\"figures\">\n{}</dl>\n", figures.iter().map(tile).collect::<String>())
}

fn warnings(report: &Report) -> String {
    let all = report.warnings.iter().chain(&report.environment.doctor);
    let items: String = all.map(|warning| format!("<li>{}</li>\n", escape(warning))).collect();
    if items.is_empty() {
        items
    } else {
        format!("<section class=\"warnings\">\n<ul>\n{items}</ul>\n</section>\n")
    }
}

fn distributions(report: &Report) -> String {
    let series = [&report.latency, &report.service, &report.pacing];
    let series: Vec<_> = series.into_iter().filter(|it| it.count > 0).collect();
    let names = ["latency", "service", "pacing"].iter().take(series.len());
    let head: String = names.map(|name| format!("<th>{name}</th>")).collect();
    let rows = series.iter().map(|it| it.rows()).collect::<Vec<_>>();
    let mut body = String::new();
    for (at, (name, _)) in report.latency.rows().iter().enumerate() {
        let values: String = rows.iter().map(|rows| format!("<td>{}</td>", time(rows[at].1))).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(body, "<tr><th>{name}</th>{values}</tr>");
    }
    format!(
        "<section>\n<h2>Percentiles</h2>\n<table>\n<thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n\
         </table>\n</section>\n"
    )
}

fn environment(report: &Report) -> String {
    let it = &report.environment;
    let rows = [
        ("kernel", it.kernel.clone()),
        ("CPU", format!("{} × {}", it.cpus, it.cpu_model)),
        ("TCP", it.congestion_control.clone()),
        ("clock", it.clocksource.clone()),
        ("governor", it.governor.clone()),
        ("load average", format!("{:.2}", it.load_average)),
        ("steal", format!("{:.2} CPUs", it.steal)),
        ("shardcast", format!("{} {}", it.version, it.revision.as_deref().unwrap_or(""))),
        ("began", utc(it.began_unix_s)),
    ];
    let rows: String = rows
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", escape(value)))
        .collect();
    format!("<section>\n<h2>Where</h2>\n<table>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n")
}

const fn how_to_read(report: &Report) -> &'static str {
    if report.test.rate.is_some() && report.pacing.count > 0 && report.totals.omitted == 0 {
        "Latency counts from the time that the schedule wanted a message sent, service time from when it was sent. \
         Pacing error is how late the generator itself was."
    } else {
        "A closed loop sends the next message when an earlier one has come back: while the server stalls it does \
         not send, so that few of its messages show the stall."
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A time of the calendar; the days by the algorithm of Howard Hinnant's `civil_from_days`.
fn utc(unix_s: u64) -> String {
    let days = unix_s / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hours, minutes) = (unix_s / 3600 % 24, unix_s / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hours:02}:{minutes:02} UTC")
}

const CPU_LEGEND: [(&str, &str); 2] = [("latency", "server"), ("service", "generator")];

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

#[cfg(test)]
mod tests;
