use std::time::Duration;

use shardcast_proto::Time;

/// Bounds how many log lines of one kind are written, for events that a peer can cause.
///
/// It admits up to [`LINES`](Self::LINES) lines per [`WINDOW`](Self::WINDOW), which begins with the first line. Further
/// lines are counted, and the count is due at the end of the window. It reads no clock and logs nothing.
///
/// # Examples
/// ```
/// use shardcast::{LogLimit, proto::Time};
///
/// let mut limit = LogLimit::new();
/// let start = Time::from_nanos(0);
/// let logged = (0..1000).filter(|_| limit.admit(start)).count();
/// assert_eq!(logged as u32, LogLimit::LINES);
/// let end = limit.report_at().expect("some were left out");
/// assert_eq!(limit.report(end), Some(990));
/// assert!(limit.admit(end));
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogLimit {
    /// When the window began; `None` before the first line.
    began: Option<Time>,
    /// Lines of this window.
    lines: u32,
    /// Lines left out since the last report.
    left_out: u64,
    /// When that number is due: at the end of the window of the first of them.
    due: Option<Time>,
}

impl LogLimit {
    /// Lines in one window.
    pub const LINES: u32 = 10;
    /// Length of a window.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// A limit without lines.
    pub const fn new() -> Self {
        Self { began: None, lines: 0, left_out: 0, due: None }
    }

    /// Whether a line may be written at `now`; if not, it is counted.
    pub fn admit(&mut self, now: Time) -> bool {
        let began = match self.began.filter(|began| now < *began + Self::WINDOW) {
            Some(began) => began,
            None => {
                self.lines = 0;
                *self.began.insert(now)
            }
        };
        let admitted = self.lines < Self::LINES;
        if admitted {
            self.lines += 1;
        } else {
            self.left_out += 1;
            self.due.get_or_insert(began + Self::WINDOW);
        }
        admitted
    }

    /// When the number of lines left out is due; `None` if none were left out.
    pub const fn report_at(&self) -> Option<Time> {
        self.due
    }

    /// The number of lines left out since the last report, when it is due.
    pub fn report(&mut self, now: Time) -> Option<u64> {
        self.due.take_if(|due| *due <= now).map(|_| std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_costs_ten_lines_in_ten_seconds_and_their_count() {
        let mut limit = LogLimit::new();
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        assert_eq!((0..5_000).filter(|&millis| limit.admit(at(millis))).count(), 10);
        assert_eq!((limit.report(at(9_999)), limit.report_at()), (None, Some(at(10_000))));
        assert_eq!(limit.report(at(10_000)), Some(4_990));
        assert_eq!((limit.report(at(20_000)), limit.report_at()), (None, None));
    }

    #[test]
    fn a_line_of_the_next_window_brings_the_count_of_the_last() {
        let mut limit = LogLimit::new();
        let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
        assert_eq!((0..30).filter(|_| limit.admit(at(0))).count(), 10);
        assert!(limit.admit(at(60)));
        assert_eq!((limit.report(at(60)), limit.report(at(60))), (Some(20), None));
    }
}
