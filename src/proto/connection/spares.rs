use std::cell::RefCell;

use crate::outbox::Queue;

/// Memory to be used again, for all connections of one thread: most of them are idle most of the time.
#[derive(Debug, Default)]
pub struct Spares {
    buffers: RefCell<Vec<Vec<u8>>>,
    queues: RefCell<Vec<Queue>>,
}

impl Spares {
    /// An empty buffer: one that was used before, if there is any.
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

    /// The memory of an outbox in which something is to wait.
    #[inline]
    pub fn take_queue(&self) -> Queue {
        self.queues.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the memory of an outbox in which nothing waits any more, unless there is enough.
    #[inline]
    pub fn keep_queue(&self, queue: Queue) {
        let mut queues = self.queues.borrow_mut();
        if queues.len() < SPARES_MAX {
            queues.push(queue);
        }
    }
}

/// Buffers kept, and the largest that is: at most 16 MiB.
const SPARES_MAX: usize = 2048;
const SPARE_BYTES_MAX: usize = 8 << 10;
