use std::cell::RefCell;

use crate::outbox::Queue;

/// Memory for reuse by all connections of one thread, most of which are idle most of the time.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Time,
///     connection::Spares,
///     outbox::{Outbox, OutboxBounds, Pushing},
/// };
///
/// let (spares, now) = (Spares::default(), Time::from_nanos(0));
/// let (mut outbox, bounds) = (Outbox::default(), OutboxBounds::default());
/// outbox.lend(|| spares.take_queue());
/// outbox.push(Pushing { frame: "news".into(), key: None, posted: now, expires: Time::NEVER }, now, &bounds);
/// assert!(outbox.take(&bounds, now, || spares.take()).is_some());
///
/// // Nothing waits: another connection may use the memory of the queue.
/// spares.keep_queue(outbox.reclaim().expect("it has memory"));
/// ```
#[derive(Debug, Default)]
pub struct Spares {
    buffers: RefCell<Vec<Vec<u8>>>,
    queues: RefCell<Vec<Queue>>,
}

impl Spares {
    /// An empty buffer, reused if possible.
    #[inline]
    pub fn take(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps a buffer, unless it is too large or there are enough.
    #[inline]
    pub fn keep(&self, mut buffer: Vec<u8>) {
        let mut spares = self.buffers.borrow_mut();
        if (1..=SPARE_BYTES_MAX).contains(&buffer.capacity()) && spares.len() < SPARES_MAX {
            buffer.clear();
            spares.push(buffer);
        }
    }

    /// The memory of an outbox in which data will wait.
    #[inline]
    pub fn take_queue(&self) -> Queue {
        self.queues.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the memory of an empty outbox, unless there is enough.
    #[inline]
    pub fn keep_queue(&self, queue: Queue) {
        let mut queues = self.queues.borrow_mut();
        if queues.len() < SPARES_MAX {
            queues.push(queue);
        }
    }
}

/// The number of kept buffers, and the largest size: at most 16 MiB in total.
const SPARES_MAX: usize = 2048;
const SPARE_BYTES_MAX: usize = 8 << 10;
