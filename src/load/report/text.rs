//! A result for a terminal.

use std::fmt::Write as _;

use super::{Environment, Report, Test};

/// All of it, in lines of at most 100 characters.
pub(super) fn render(report: &Report) -> String {
    let mut out = title(&report.test) + "\n";
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}\n", places(report));
    // Streams in one direction have no latency.
    if !report.test.is_stream() || report.latency.count > 0 {
        out += &latencies(report);
    }
    out += &rates(report);
    let _ = writeln!(out, "{}", totals(report));
    let _ = writeln!(out, "{}", generator(report));
    let _ = writeln!(out, "{}", cpu(report));
    for warning in &report.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    for warning in &report.environment.doctor {
        let _ = writeln!(out, "doctor: {warning}");
    }
    out
}

fn latencies(report: &Report) -> String {
    let mut out = String::new();
    let [latency, service] = if report.test.is_open() {
        ["from the intended time", "from the sending"]
    } else {
        ["from the sending", "from the sending"]
    };
    let _ = writeln!(out, "{:<10}{:>14}{:>14}", "", "latency", "service");
    for ((name, of_latency), (_, of_service)) in report.latency.rows().into_iter().zip(report.service.rows())
    {
        let _ = writeln!(out, "  {name:<8}{:>14}{:>14}", time(of_latency), time(of_service));
    }
    let _ = writeln!(out, "  latency counts {latency}, service {service}\n");
    out
}

fn rates(report: &Report) -> String {
    if report.test.is_stream() {
        return stream_rates(report);
    }
    let requested =
        report.test.rate.map_or_else(String::new, |rate| format!(" of {} requested", count(rate)));
    let [sent, received] = report.test.verbs();
    format!(
        "{sent} {}/s{requested}, {received} {}/s\n",
        count(report.rate.sent_per_s),
        count(report.rate.received_per_s)
    )
}

/// A line for each direction.
fn stream_rates(report: &Report) -> String {
    let line = |to: &str, per_s: f64| {
        let megabytes = per_s * report.test.size as f64 / 1e6;
        format!("to the {to} {}/s, {:.*} MB/s\n", count(per_s), digits(megabytes), megabytes)
    };
    let to_server = line("server", report.rate.sent_per_s);
    let to_client = line("client", report.rate.received_per_s);
    match report.test.kind.as_str() {
        "stream-to-server" => to_server,
        "stream-to-client" => to_client,
        _ => to_server + &to_client,
    }
}

/// What was run, in one line.
pub(super) fn title(test: &Test) -> String {
    let mut connections = plural(test.connections, "connection");
    if test.idle > 0 {
        let _ = write!(connections, " beside {} idle", count(test.idle as f64));
    }
    let what = match test.kind.as_str() {
        "push" => format!("push: {} to {connections}", plural(test.topics, "topic")),
        "stream-to-server" if test.depth > 1 => {
            format!("stream to the server: {connections}, {} at once", plural(test.depth as usize, "message"))
        }
        "stream-to-server" => format!("stream to the server: {connections}"),
        "stream-to-client" => format!("stream to the client: {connections}"),
        "stream-both" => format!("stream in both directions: {connections}"),
        _ => format!("echo: {connections}, depth {}", test.depth),
    };
    let rate = match (test.is_open(), test.rate) {
        (true, rate) => format!("open loop at {}/s", count(rate.unwrap_or_default())),
        (false, Some(rate)) => format!("closed loop at {}/s or less", count(rate)),
        (false, None) if test.is_stream() => "as fast as it goes".to_owned(),
        (false, None) => "closed loop, as fast as it goes".to_owned(),
    };
    format!("{what}, {rate}, {} bytes, {} s", test.size, test.time_s)
}

/// The CPUs that server and generator used, in one line.
pub(super) fn places(report: &Report) -> String {
    let Environment { shards, shard_cpus, generator_threads, generator_cpus, .. } = &report.environment;
    let server = match (&report.test.server, shards) {
        (Some(address), _) => format!("server {address}"),
        (None, shards) => format!("{}{}", plural(shards.unwrap_or_default(), "shard"), on(shard_cpus)),
    };
    format!("{server}; generator {}{}", plural(*generator_threads, "thread"), on(generator_cpus))
}

fn totals(report: &Report) -> String {
    let totals = &report.totals;
    let mut line = format!(
        "lost {}, duplicated {}, reordered {}, corrupt {} of {} {}",
        count(totals.lost as f64),
        count(totals.duplicated as f64),
        count(totals.reordered as f64),
        count(totals.corrupt as f64),
        count((totals.received + totals.lost) as f64),
        if report.test.kind == "push" { "deliveries" } else { "messages" }
    );
    let rare = [
        ("unsent", totals.unsent),
        ("omitted", totals.omitted),
        ("refused", totals.refused),
        ("disconnected", totals.disconnected),
    ];
    for (name, number) in rare.into_iter().filter(|(_, number)| *number > 0) {
        let _ = write!(line, ", {name} {}", count(number as f64));
    }
    line
}

fn generator(report: &Report) -> String {
    let pacing = &report.pacing;
    let busy = report.cpu.generator_busy * 100.0;
    if pacing.count == 0 {
        let loop_kind = if report.test.is_stream() { "stream" } else { "closed loop" };
        return format!("generator: busy {busy:.0} % of the time; a {loop_kind} has no pacing");
    }
    format!(
        "pacing error: p50 {}, p99 {}, max {}; generator busy {busy:.0} % of the time",
        time(pacing.p50 as f64),
        time(pacing.p99 as f64),
        time(pacing.max as f64)
    )
}

fn cpu(report: &Report) -> String {
    let cpu = &report.cpu;
    let server = match (cpu.server, cpu.server_us_per_message) {
        (Some(server), Some(each)) => format!("server {server:.2} ({each:.2} us each message)"),
        (Some(server), None) => format!("server {server:.2}"),
        (None, _) => "server unknown (--pid)".to_owned(),
    };
    format!("CPUs: {server}, generator {:.2}, steal {:.2}", cpu.generator, cpu.steal)
}

fn on(cpus: &[usize]) -> String {
    if cpus.is_empty() {
        return String::new();
    }
    let list: Vec<String> = cpus.iter().map(usize::to_string).collect();
    format!(" on CPU {}", list.join(","))
}

fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as f64), if number == 1 { "" } else { "s" })
}

/// Nanoseconds, in a suitable unit.
pub(super) fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.*} us", digits(nanos / 1e3), nanos / 1e3),
        _ if nanos < 1e9 => format!("{:.*} ms", digits(nanos / 1e6), nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

/// Nanoseconds for an axis, as short as possible.
pub(super) fn short_time(nanos: f64) -> String {
    let (value, unit) = match nanos {
        _ if nanos < 1e3 => (nanos, "ns"),
        _ if nanos < 1e6 => (nanos / 1e3, "us"),
        _ if nanos < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", (value * 1e3).round() / 1e3)
}

const fn digits(value: f64) -> usize {
    match value {
        _ if value < 10.0 => 2,
        _ if value < 100.0 => 1,
        _ => 0,
    }
}

/// A number with separated thousands.
pub(super) fn count(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in
            [(0.0, "0"), (0.5, "0.50"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.4, "1,234,567")]
        {
            assert_eq!(count(number), text);
        }
        for (nanos, text) in
            [(0.0, "0 ns"), (999.0, "999 ns"), (1500.0, "1.50 us"), (12_345.0, "12.3 us"), (2e9, "2.00 s")]
        {
            assert_eq!(time(nanos), text);
        }
    }
}
