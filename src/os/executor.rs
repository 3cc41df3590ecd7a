//! The executor of a shard: glommio, behind the four calls that the runtime needs.
//!
//! glommio gives the shard thread its tasks; it does not carry our I/O. The runtime's pump runs as one of
//! these tasks and waits for nothing but its own ring, through [`Doze`].

use std::{
    future::Future,
    io,
    os::fd::{FromRawFd as _, IntoRawFd as _, OwnedFd},
    thread,
    time::Duration,
};

use glommio::{LocalExecutorBuilder, Placement, io::BufferedFile};

/// Starts a thread called `name` that runs one executor until the future made by `make` is done.
///
/// `make` runs on the new thread, so the future need not be `Send`. Tasks still pending when the future is
/// done never run again, nor are they dropped: end them first.
///
/// # Errors
/// The thread could not be started. What goes wrong later is the thread's result.
pub fn spawn<F, T>(
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
) -> io::Result<thread::JoinHandle<io::Result<T>>>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let builder = thread::Builder::new().name(name.to_owned());
    let name = name.to_owned();
    builder.spawn(move || {
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .name(&name)
            .io_memory(0)
            .preempt_timer(PREEMPT)
            .make()
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(executor.run(make()))
    })
}

/// Starts a task on this thread's executor. A panic in it would end the thread: catch it inside.
pub fn spawn_local(task: impl Future<Output = ()> + 'static) {
    // Dropping a sleeping glommio task leaks its header; a detached one frees itself when it ends.
    glommio::spawn_local(task).detach();
}

/// Lets the other tasks of this executor run once.
pub async fn yield_now() {
    futures_lite::future::yield_now().await;
}

/// An eventfd that a task can sleep on.
#[derive(Debug)]
pub struct Doze(BufferedFile);

impl Doze {
    /// Takes over a descriptor of the eventfd. Call on the executor's thread.
    pub fn new(eventfd: OwnedFd) -> Self {
        // SAFETY: `into_raw_fd` gives up ownership, so the file becomes the only owner.
        Self(unsafe { BufferedFile::from_raw_fd(eventfd.into_raw_fd()) })
    }

    /// Sleeps until the eventfd is not zero, and makes it zero.
    pub async fn wait(&self) {
        // An eventfd read fails only when it is interrupted; the caller looks around and sleeps again.
        let _ = self.0.read_at(0, 8).await;
    }
}

/// glommio looks at its own rings at least this often while a task is busy. 1 ms costs 20 µs hiccups in
/// the tail, 10 ms is not measurable; nothing urgent waits for it.
const PREEMPT: Duration = Duration::from_millis(10);
