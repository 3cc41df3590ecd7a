//! The rates as a table: for a terminal of 80 columns, and as plain text.

use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Style, Stylize},
    text::Line,
    widgets::{Paragraph, Row, Table},
};

use super::sample::{Rate, Rates};
use crate::operate::human;

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

impl View {
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(2), Constraint::Min(3), Constraint::Length(1)])
                .areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), head);
        if let Some(rates) = &self.rates {
            let room = usize::from(body.height).saturating_sub(2);
            let most = rates.shards.len().saturating_sub(room);
            let shown = rates.shards.iter().skip(self.scroll.min(most)).take(room);
            let rows = shown.map(|it| Row::new(cells(it)).style(style(it)));
            let total = Row::new(cells(&rates.total)).bold();
            let table = Table::new(rows, WIDTHS.map(Constraint::Length))
                .header(Row::new(HEAD.iter().zip(WIDTHS).map(|(cell, width)| right(cell, width))).reversed())
                .footer(total)
                .column_spacing(1);
            frame.render_widget(table, body);
        }
        frame.render_widget(Paragraph::new("q quit   up/down scroll").dim(), foot);
    }

    fn head(&self) -> Vec<Line<'_>> {
        let state = match (&self.trouble, &self.rates) {
            (Some(trouble), _) => Line::from(trouble.as_str()).red(),
            (None, None) => Line::from("one moment"),
            (None, Some(rates)) if rates.draining => Line::from("draining").yellow(),
            (None, Some(rates)) => {
                let count = rates.shards.len();
                let shards = if count == 1 { "1 shard".to_owned() } else { format!("{count} shards") };
                Line::from(format!("{shards}, the last {:.1} s", rates.seconds))
            }
        };
        vec![Line::from(format!("shardcast top   {}", self.server)).bold(), state]
    }
}

/// As plain text.
pub(super) fn table(rates: &Rates) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(rates.shards.iter().chain([&rates.total]).map(|it| raw_cells(it).to_vec()));
    human::table(&rows, 0)
}

fn cells(rate: &Rate) -> Vec<String> {
    raw_cells(rate).iter().zip(WIDTHS).map(|(cell, width)| right(cell, width)).collect()
}

fn raw_cells(rate: &Rate) -> [String; COLUMNS] {
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

fn style(rate: &Rate) -> Style {
    if rate.dropped_messages > 0.0 { Style::new().yellow() } else { Style::new() }
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

fn right(cell: &str, width: u16) -> String {
    format!("{cell:>width$}", width = usize::from(width))
}

const COLUMNS: usize = 11;
const HEAD: [&str; COLUMNS] =
    ["SHARD", "CPU", "CONNS", "IN/s", "OUT/s", "P50", "P99", "QUEUED", "DROP/s", "CPU%", "BUSY"];
/// With a blank between two of them, 80 in total.
const WIDTHS: [u16; COLUMNS] = [5, 4, 7, 6, 6, 7, 7, 8, 7, 6, 7];

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::operate::top::sample::tests::rates;

    fn screen(view: &View, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory is there");
        terminal.draw(|frame| view.draw(frame)).expect("memory is there");
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    fn view() -> View {
        View { server: "127.0.0.1:9180".into(), rates: Some(rates()), trouble: None, scroll: 0 }
    }

    #[test]
    fn eighty_columns_are_enough() {
        assert_eq!(WIDTHS.iter().sum::<u16>() + COLUMNS as u16 - 1, 80);
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
    fn a_small_terminal_scrolls_and_never_panics() {
        let mut view = view();
        view.scroll = 100;
        let lines = screen(&view, 80, 6);
        assert!(lines[3].starts_with("    1 "), "the last shard stays in sight: {lines:?}");
        for (width, height) in [(1, 1), (10, 3), (79, 2), (300, 100)] {
            screen(&view, width, height);
        }
    }

    #[test]
    fn trouble_is_shown() {
        let lines = screen(&View { trouble: Some("connection refused".into()), ..view() }, 80, 24);
        assert_eq!(lines[1], "connection refused");
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
