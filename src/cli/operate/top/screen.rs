//! The screen: keys, and samples of the server that never block it.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use anyhow::Context;
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor},
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    sample::{Rates, Sample},
    view::{Line, Look, View},
};
use crate::operate::client::Client;

/// Shows rates until `q` is typed.
///
/// # Errors
///
/// The terminal cannot be used.
pub(super) fn show(client: Client, first: Sample, interval: Duration) -> anyhow::Result<()> {
    let server = client.place().to_string();
    let (sender, samples) = flume::bounded(1);
    // This thread may wait for a server that hangs; the screen does not.
    thread::Builder::new()
        .name("samples".into())
        .spawn(move || keep_sampling(&client, first, interval, &sender))?;
    let mut screen = Screen::open().context("this terminal cannot be used; see --once and --json")?;
    let view = View { server, rates: None, trouble: None, scroll: 0 };
    run(&mut screen, view, &samples)
}

/// The alternate screen of the terminal. Dropping it restores the terminal.
#[derive(Debug)]
struct Screen {
    /// What is on it.
    lines: Vec<Line>,
}

impl Screen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self { lines: Vec::new() };
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    fn draw(&mut self, view: &View) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let lines = view.lines(width, height);
        if lines == self.lines {
            return Ok(());
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        for (row, line) in (0..height).zip(&lines) {
            queue!(out, MoveTo(0, row))?;
            put(&mut out, line)?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
        self.lines = lines;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Both fail when the terminal is gone, and then there is nothing to restore.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

fn put(out: &mut impl Write, line: &Line) -> io::Result<()> {
    match line.look {
        Look::Plain => {}
        Look::Bold => queue!(out, SetAttribute(Attribute::Bold))?,
        Look::Dim => queue!(out, SetAttribute(Attribute::Dim))?,
        Look::Reversed => queue!(out, SetAttribute(Attribute::Reverse))?,
        Look::Warning => queue!(out, SetForegroundColor(Color::DarkYellow))?,
        Look::Error => queue!(out, SetForegroundColor(Color::DarkRed))?,
    }
    queue!(out, Print(&line.text), SetAttribute(Attribute::Reset), ResetColor)
}

type Update = Result<Rates, String>;

fn keep_sampling(client: &Client, first: Sample, interval: Duration, sender: &flume::Sender<Update>) {
    let mut before = first;
    loop {
        thread::sleep(interval);
        let sample = match Sample::take(client) {
            Ok(now) => {
                let rates = Rates::between(&before, &now);
                before = now;
                Ok(rates)
            }
            Err(error) => Err(format!("{error:#}")),
        };
        if sender.send(sample).is_err() {
            return;
        }
    }
}

fn run(screen: &mut Screen, mut view: View, samples: &flume::Receiver<Update>) -> anyhow::Result<()> {
    loop {
        let drawn = screen.draw(&view);
        if is_gone_within(KEY_PAUSE) {
            return Ok(());
        }
        drawn?;
        if event::poll(Duration::ZERO)?
            && let Event::Key(key) = event::read()?
            && !act(&mut view, key)
        {
            return Ok(());
        }
        match samples.try_recv() {
            Ok(Ok(rates)) => (view.rates, view.trouble) = (Some(rates), None),
            Ok(Err(trouble)) => view.trouble = Some(trouble),
            Err(_) => {}
        }
    }
}

/// Waits for a key; true if the terminal was closed. If this process has no controlling terminal, no
/// signal reports that, and reading events would wait for the rest of a key forever.
fn is_gone_within(limit: Duration) -> bool {
    let mut terminal = [PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
    let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
    let asked = poll(&mut terminal, Some(&limit));
    asked.is_ok_and(|ready| ready > 0) && terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// False: the user wants to quit.
fn act(view: &mut View, key: KeyEvent) -> bool {
    if key.kind == KeyEventKind::Release {
        return true;
    }
    let last = view.rates.as_ref().map_or(0, |rates| rates.shards.len().saturating_sub(1));
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Down | KeyCode::Char('j') => view.scroll = (view.scroll + 1).min(last),
        KeyCode::Up | KeyCode::Char('k') => view.scroll = view.scroll.saturating_sub(1),
        _ => {}
    }
    true
}

/// The greatest delay of a key, and of drawing a sample.
const KEY_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::top::sample::tests::rates;

    #[test]
    fn keys_scroll_and_quit() {
        let mut view = View { server: String::new(), rates: Some(rates()), trouble: None, scroll: 0 };
        let mut press = |code| act(&mut view, KeyEvent::from(code));
        assert!([KeyCode::Down, KeyCode::Down, KeyCode::Char('j'), KeyCode::Up].into_iter().all(&mut press));
        assert!(!press(KeyCode::Char('q')) && !press(KeyCode::Esc));
        assert!(!act(&mut view, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert_eq!(view.scroll, 0);
    }
}
