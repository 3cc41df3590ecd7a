//! Threads that look names up, because that may block: a few for the process, and none while there is nothing to do.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    thread,
};

type Job = Box<dyn FnOnce() + Send>;

struct Resolver {
    jobs: VecDeque<Job>,
    threads: usize,
}

static RESOLVER: Mutex<Resolver> = Mutex::new(Resolver { jobs: VecDeque::new(), threads: 0 });

/// Runs `job`, which may block. There is at most one job for each client.
pub(crate) fn submit(job: impl FnOnce() + Send + 'static) {
    let mut resolver = RESOLVER.lock().unwrap_or_else(PoisonError::into_inner);
    resolver.jobs.push_back(Box::new(job));
    if resolver.threads == THREADS_MAX {
        return;
    }
    match thread::Builder::new().name("resolver".into()).spawn(work) {
        Ok(_) => resolver.threads += 1,
        // The attempt times out, and the next one tries again.
        Err(error) => tracing::warn!(%error, "cannot start a thread to look names up"),
    }
}

fn work() {
    loop {
        let mut resolver = RESOLVER.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(job) = resolver.jobs.pop_front() else {
            resolver.threads -= 1;
            return;
        };
        drop(resolver);
        // A resolver of the application may panic.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

/// Lookups at the same time.
const THREADS_MAX: usize = 4;
