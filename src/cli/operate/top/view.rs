//! The rates as a table: for a terminal of 80 columns, and as plain text.

use std::iter;

use super::sample::{Rate, Rates};
use crate::{operate::human, output::escape};

/// What is on the screen.
#[derive(Debug)]
pub(super) struct View {
    /// The server, as it was named.
    pub(super) server: String,
    pub(super) rates: Option<Rates>,
    /// Why the numbers are not updated.
    pub(super) trouble: Option<String>,
    /// The first shard shown, if there are more shards than lines.
    pub(super) scroll: usize,
}

/// One line of the screen, without control characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) look: Look,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Bold,
    Dim,
    Reversed,
    Warning,
    Error,
}

impl View {
    /// The lines of a screen of that many columns and lines.
    pub(super) fn lines(&self, width: u16, height: u16) -> Vec<Line> {
        let height = usize::from(height);
        let (title, state) = (format!("shardcast top   {}", self.server), self.state());
        let mut lines = vec![Look::Bold.line(&title), state];
        // Without the two lines above, the head and the total of the table, and the line below it.
        let room = height.saturating_sub(5).max(1);
        if let Some(rates) = &self.rates {
            let most = rates.shards.len().saturating_sub(room);
            let shown = rates.shards.iter().skip(self.scroll.min(most)).take(room);
            lines.push(Look::Reversed.line(&row(&HEAD.map(str::to_owned))));
            lines.extend(shown.map(|it| look(it).line(&row(&cells(it)))));
            lines.extend(iter::repeat_with(|| Look::Plain.line("")).take(room + 3 - lines.len()));
            lines.push(Look::Bold.line(&row(&cells(&rates.total))));
        }
        lines.truncate(height.saturating_sub(1));
        lines.extend(
            iter::repeat_with(|| Look::Plain.line(""))
                .take((height.saturating_sub(1)).saturating_sub(lines.len())),
        );
        lines.push(Look::Dim.line("q quit   up/down scroll"));
        for line in &mut lines {
            line.text = line.text.chars().take(usize::from(width)).collect();
        }
        lines
    }

    fn state(&self) -> Line {
        match (&self.trouble, &self.rates) {
            (Some(trouble), _) => Look::Error.line(trouble),
            (None, None) => Look::Plain.line("one moment"),
            (None, Some(rates)) if rates.draining => Look::Warning.line("draining"),
            (None, Some(rates)) => {
                let count = rates.shards.len();
                let shards = if count == 1 { "1 shard".to_owned() } else { format!("{count} shards") };
                Look::Plain.line(&format!("{shards}, the last {:.1} s", rates.seconds))
            }
        }
    }
}

impl Look {
    fn line(self, text: &str) -> Line {
        Line { look: self, text: escape::line(text).into_owned() }
    }
}

/// As plain text.
pub(super) fn table(rates: &Rates) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(rates.shards.iter().chain([&rates.total]).map(|it| cells(it).to_vec()));
    human::table(&rows, 0)
}

/// A row of the table: each cell at the right of its column.
fn row(cells: &[String; COLUMNS]) -> String {
    let columns = cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:>width$}"));
    columns.collect::<Vec<_>>().join(" ")
}

fn cells(rate: &Rate) -> [String; COLUMNS] {
    let per_second = human::count;
    [
        rate.shard.map_or_else(|| "all".to_owned(), |shard| shard.to_string()),
        rate.cpu.map_or_else(|| "-".to_owned(), |cpu| cpu.to_string()),
        rate.connections.to_string(),
        per_second(rate.received_messages),
        per_second(rate.sent_messages),
        micros(rate.p50_us),
        micros(rate.p99_us),
        human::bytes(rate.queued_bytes),
        per_second(rate.dropped_messages),
        rate.cpu_used.map_or_else(|| "-".to_owned(), percent),
        percent(rate.busy),
    ]
}

fn look(rate: &Rate) -> Look {
    if rate.dropped_messages > 0.0 { Look::Warning } else { Look::Plain }
}

fn micros(time: Option<f64>) -> String {
    match time {
        None => "-".to_owned(),
        Some(micros @ ..99.95) => format!("{micros:.1}us"),
        Some(micros @ ..9999.5) => format!("{micros:.0}us"),
        Some(micros @ ..9_999_500.0) => format!("{:.0}ms", micros / 1e3),
        Some(micros) => format!("{:.0}s", micros / 1e6),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0}%", part * 100.0)
}

const COLUMNS: usize = 11;
const HEAD: [&str; COLUMNS] =
    ["SHARD", "CPU", "CONNS", "IN/s", "OUT/s", "P50", "P99", "QUEUED", "DROP/s", "CPU%", "BUSY"];
/// With a blank between two of them, 80 in total.
const WIDTHS: [usize; COLUMNS] = [5, 4, 7, 6, 6, 7, 7, 8, 7, 6, 7];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::top::sample::tests::rates;

    fn screen(view: &View, width: u16, height: u16) -> Vec<String> {
        let lines = view.lines(width, height);
        assert_eq!(lines.len(), usize::from(height));
        assert!(lines.iter().all(|line| line.text.chars().count() <= usize::from(width)));
        lines.into_iter().map(|line| line.text).collect()
    }

    fn view() -> View {
        View { server: "127.0.0.1:9180".into(), rates: Some(rates()), trouble: None, scroll: 0 }
    }

    #[test]
    fn eighty_columns_are_enough() {
        assert_eq!(WIDTHS.iter().sum::<usize>() + COLUMNS - 1, 80);
        let lines = screen(&view(), 80, 24);
        assert_eq!(
            lines[..5],
            [
                "shardcast top   127.0.0.1:9180",
                "2 shards, the last 2.0 s",
                "SHARD  CPU   CONNS   IN/s  OUT/s     P50     P99   QUEUED  DROP/s   CPU%    BUSY",
                "    0    2      10   1.0k   100k  20.0us  20.0us     2.0K       0    20%     10%",
                "    1    3      10     25   2.5k       -       -     2.0K       0     0%      0%",
            ]
        );
        assert_eq!(
            lines[22],
            "  all    -      20   1.0k   102k  20.0us  20.0us     4.0K       0    20%     10%"
        );
        assert!(lines[23].starts_with("q quit"), "{lines:?}");
    }

    #[test]
    fn what_drops_messages_is_marked() {
        let mut view = view();
        view.rates.as_mut().expect("the view has rates").shards[1].dropped_messages = 1.0;
        let looks = view.lines(80, 24).into_iter().map(|line| line.look).collect::<Vec<_>>();
        assert_eq!(looks[..5], [Look::Bold, Look::Plain, Look::Reversed, Look::Plain, Look::Warning]);
        assert_eq!(looks[22..], [Look::Bold, Look::Dim]);
    }

    #[test]
    fn a_small_terminal_scrolls_and_never_panics() {
        let mut view = view();
        view.scroll = 100;
        let lines = screen(&view, 80, 6);
        assert!(lines[3].starts_with("    1 "), "the last shard stays in sight: {lines:?}");
        for (width, height) in [(0, 1), (1, 1), (10, 3), (79, 2), (80, 4), (80, 5), (300, 100)] {
            screen(&view, width, height);
        }
    }

    #[test]
    fn trouble_is_shown() {
        let view = View { trouble: Some("connection refused\x1b[2J".into()), ..view() };
        let line = &view.lines(80, 24)[1];
        assert_eq!((line.look, line.text.as_str()), (Look::Error, "connection refused\\u{1b}[2J"));
    }

    #[test]
    fn times_have_few_digits() {
        for (time, text) in [
            (None, "-"),
            (Some(0.9), "0.9us"),
            (Some(99.96), "100us"),
            (Some(12_345.0), "12ms"),
            (Some(2e7), "20s"),
        ] {
            assert_eq!(micros(time), text);
        }
    }
}
