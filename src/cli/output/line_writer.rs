//! A thread that writes, and a bounded queue in front of it.
//!
//! Not `tracing-appender`: its queue is bounded in lines but not in bytes, lines that cannot be written are not
//! counted, and its end prints to a reader that may be the one that is stuck.

use std::{
    collections::VecDeque,
    io::{self, Write},
    os::fd::AsFd,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

/// Writes lines to one descriptor on a separate thread, which ends with the last handle. Cheap to clone; any
/// thread may use it.
#[derive(Debug)]
pub(crate) struct LineWriter(Arc<Shared>);

/// Bounds on the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) lines: usize,
    /// A single line may be longer if the queue is empty.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lines: 16_384, bytes: 4 << 20 }
    }
}

/// Lines that were not written, since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Loss {
    /// The queue was full.
    pub(crate) queue_full: u64,
    /// They could not be written to the descriptor.
    pub(crate) write_failed: u64,
}

/// The outcome of a line that may wait for room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Put {
    Queued,
    /// The caller was to stop while the queue was full.
    Stopped,
    /// A write has failed for this reason: nothing more will be written.
    Failed(io::ErrorKind),
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bounds: Bounds,
    /// A line is queued, or the last handle is gone.
    filled: Condvar,
    /// The queue has room, or is empty.
    emptied: Condvar,
    queue_full: AtomicU64,
    write_failed: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// Bytes of the queued lines and of those being written.
    bytes: usize,
    /// Lines being written.
    writing: usize,
    /// Why the last write failed, until one succeeds.
    failure: Option<io::ErrorKind>,
    /// Number of handles that may still queue lines.
    handles: usize,
}

impl LineWriter {
    /// Starts the thread. When a line is written after others were lost, `report` gets their number; it runs
    /// on that thread and may write a line.
    ///
    /// # Errors
    /// The system has no thread.
    pub(crate) fn start(
        name: &str,
        out: impl Write + AsFd + Send + 'static,
        bounds: Bounds,
        report: impl FnMut(Loss) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { handles: 1, ..State::default() }),
            bounds,
            filled: Condvar::new(),
            emptied: Condvar::new(),
            queue_full: AtomicU64::new(0),
            write_failed: AtomicU64::new(0),
        });
        let writer =
            Worker { shared: Arc::clone(&shared), out, report, reported: Loss::default(), torn: false };
        thread::Builder::new().name(name.to_owned()).spawn(move || writer.run())?;
        Ok(Self(shared))
    }

    /// Queues a line, or drops and counts it when there is no room. Never waits for the reader.
    pub(crate) fn offer(&self, line: Vec<u8>) {
        let mut state = self.0.lock();
        if state.has_room(line.len(), self.0.bounds) {
            state.push(line);
            self.0.filled.notify_one();
        } else {
            self.0.queue_full.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a line; waits for room until `stop` returns true, which is checked several times per second.
    pub(crate) fn put(&self, line: Vec<u8>, mut stop: impl FnMut() -> bool) -> Put {
        let mut state = self.0.lock();
        loop {
            if let Some(failure) = state.failure {
                return Put::Failed(failure);
            }
            if state.has_room(line.len(), self.0.bounds) {
                state.push(line);
                self.0.filled.notify_one();
                return Put::Queued;
            }
            if stop() {
                return Put::Stopped;
            }
            state = self.0.wait_emptied(state, STOP_CHECK_INTERVAL);
        }
    }

    /// Waits until everything is written, up to `patience`; returns whether it was.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.0.lock();
        while !state.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.0.wait_emptied(state, left);
        }
        state.failure.is_none()
    }

    /// Lines lost so far.
    pub(crate) fn loss(&self) -> Loss {
        self.0.loss()
    }

    /// Why the last write failed, if it did.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.0.lock().failure
    }
}

impl Shared {
    /// No code under this lock can panic halfway, so the state is valid even if the lock is poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_emptied<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.emptied.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    fn loss(&self) -> Loss {
        Loss {
            queue_full: self.queue_full.load(Ordering::Relaxed),
            write_failed: self.write_failed.load(Ordering::Relaxed),
        }
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.writing == 0
    }

    fn has_room(&self, bytes: usize, bounds: Bounds) -> bool {
        self.is_empty()
            || (self.lines.len() + self.writing < bounds.lines && self.bytes + bytes <= bounds.bytes)
    }

    fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }
}

/// The thread. Its write may never return, so it is not joined, and ends with the process at the latest.
struct Worker<W, R> {
    shared: Arc<Shared>,
    out: W,
    report: R,
    reported: Loss,
    /// The last line was written in part: the next one begins on a new line.
    torn: bool,
}

impl<W: Write + AsFd, R: FnMut(Loss)> Worker<W, R> {
    fn run(mut self) {
        while let Some(lines) = self.take() {
            let (count, bytes) = (lines.len(), lines.iter().map(Vec::len).sum::<usize>());
            let (written, failure) = self.write(&lines);
            self.shared.write_failed.fetch_add((count - written) as u64, Ordering::Relaxed);
            {
                let mut state = self.shared.lock();
                state.writing = 0;
                state.bytes -= bytes;
                state.failure = failure;
            }
            self.shared.emptied.notify_all();
            let loss = self.shared.loss();
            if failure.is_none() && loss != self.reported {
                let since = Loss {
                    queue_full: loss.queue_full - self.reported.queue_full,
                    write_failed: loss.write_failed - self.reported.write_failed,
                };
                self.reported = loss;
                (self.report)(since);
            }
        }
    }

    /// Waits for lines; returns as many as one write should have. `None`: the last handle is gone.
    fn take(&self) -> Option<Vec<Vec<u8>>> {
        let mut state = self.shared.lock();
        while state.lines.is_empty() {
            if state.handles == 0 {
                return None;
            }
            state = self.shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let count = state
            .lines
            .iter()
            .take_while(|line| {
                bytes += line.len();
                bytes <= WRITE_BYTES
            })
            .count()
            .max(1);
        state.writing = count;
        Some(state.lines.drain(..count).collect())
    }

    /// Writes the lines; returns how many were written whole, and the error if not all were.
    fn write(&mut self, lines: &[Vec<u8>]) -> (usize, Option<io::ErrorKind>) {
        let mut bytes = Vec::with_capacity(lines.iter().map(Vec::len).sum::<usize>() + 1);
        bytes.extend(self.torn.then_some(b'\n'));
        let start = bytes.len();
        lines.iter().for_each(|line| bytes.extend_from_slice(line));
        let mut written = 0;
        let failure = loop {
            if written == bytes.len() {
                break None;
            }
            match self.out.write(&bytes[written..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another owner made the descriptor non-blocking, and relies on that.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_room(),
                Err(error) => break Some(error.kind()),
            }
        };
        let mut end = start;
        let whole = lines.iter().take_while(|line| {
            end += line.len();
            end <= written
        });
        let whole = whole.count();
        if written > 0 {
            self.torn = bytes[written - 1] != b'\n';
        }
        (whole, failure)
    }

    fn wait_for_room(&self) {
        // An error of the descriptor occurs again in the next write.
        let _ = poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], None);
    }
}

impl Clone for LineWriter {
    fn clone(&self) -> Self {
        self.0.lock().handles += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.0.lock().handles -= 1;
        self.0.filled.notify_one();
    }
}

/// Bytes collected for one write.
const WRITE_BYTES: usize = 64 << 10;

/// The interval at which a caller that waits for room checks whether it should stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
