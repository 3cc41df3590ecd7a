//! The executor of a shard: glommio, wrapped in the one call that the runtime needs.
//!
//! glommio runs one future on a shard's thread: the runtime's pump. It carries no I/O, has no timers, and
//! runs no tasks; the pump polls those itself, and so it does with task queues. The pump blocks the thread in its own ring when there is
//! nothing to do, so glommio never sleeps.

use std::{
    any::Any,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use glommio::{GlommioError, LocalExecutor, LocalExecutorBuilder, Placement};

use crate::{needs, ring};

/// Starts a thread named `name` that runs one executor until the future made by `make` is done.
///
/// `make` runs on the new thread, so the future need not be `Send`.
///
/// `ended` is called there with the thread's result, exactly once, also when the executor could not be
/// created, and when that or the future panicked.
///
/// # Errors
/// The thread could not be started; then neither function is called. Later errors are in the thread's result.
pub fn spawn<F, T>(
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
    ended: impl FnOnce(&io::Result<T>) + Send + 'static,
) -> io::Result<thread::JoinHandle<io::Result<T>>>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let builder = thread::Builder::new().name(name.to_owned());
    let name = name.to_owned();
    builder.spawn(move || {
        let run = || Ok(executor(&name)?.run(make()));
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(from_panic(&*panic)));
        ended(&result);
        result
    })
}

/// The error for a panic, with its text.
pub fn from_panic(panic: &(dyn Any + Send)) -> io::Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    io::Error::other(format!("panicked: {}", text.unwrap_or("without a text")))
}

/// Descriptors of one executor: its three rings and its eventfd.
pub const DESCRIPTORS: usize = 4;

/// Memory of one executor that is locked where the kernel charges rings, in bytes: its three rings, and the
/// I/O memory that is registered with each of them.
pub fn locked_bytes() -> u64 {
    RINGS * (ring::region_bytes(RING_DEPTH, 2 * RING_DEPTH, true) + IO_MEMORY_BYTES)
}

/// Like [`locked_bytes`], for the ring with which glommio probes the kernel once per process.
pub(crate) fn probe_locked_bytes() -> u64 {
    ring::region_bytes(2, 4, true)
}

fn executor(name: &str) -> io::Result<LocalExecutor> {
    needs::retry_while_short(|| {
        let builder = LocalExecutorBuilder::new(Placement::Unbound)
            .name(name)
            .io_memory(0)
            .ring_depth(RING_DEPTH as usize)
            .preempt_timer(PREEMPT);
        builder.make().map_err(|error| match error {
            GlommioError::IoError(error) => error,
            error => io::Error::other(error.to_string()),
        })
    })
}

/// Rings of one executor.
const RINGS: u64 = 3;

/// Entries of one of them: glommio's default.
const RING_DEPTH: u32 = 128;

/// The least that glommio registers.
const IO_MEMORY_BYTES: u64 = 64 * 1024;

/// glommio checks its own rings at least this often while tasks run. We use none of them, and each check
/// costs five system calls and arms a timer that interrupts the pump's sleep.
const PREEMPT: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    /// The thread's own result, and the result that `ended` was called with.
    fn results<F: Future<Output = u8> + 'static>(
        make: impl FnOnce() -> F + Send + 'static,
    ) -> [Result<u8, String>; 2] {
        let (sender, results) = std::sync::mpsc::channel();
        let ended = move |result: &io::Result<u8>| {
            let result = result.as_ref().copied().map_err(ToString::to_string);
            sender.send(result).expect("it is awaited");
        };
        let thread = spawn("executor", make, ended).expect("a thread");
        let own = thread.join().expect("panics are contained").map_err(|error| error.to_string());
        let all: Vec<_> = results.iter().collect();
        assert_eq!(all.len(), 1, "`ended` is called exactly once");
        [own, all.into_iter().next().expect("one")]
    }

    #[test]
    fn every_end_of_an_executor_is_reported_once() {
        assert_eq!(results(|| async { 7 }), [Ok(7), Ok(7)]);
        let panicked = || Err("panicked: of this".to_owned());
        assert_eq!(results(|| async { panic!("of {}", "this") }), [panicked(), panicked()]);
        let early = || -> std::future::Ready<u8> { panic!("of this") };
        assert_eq!(results(early), [panicked(), panicked()]);
    }
}
