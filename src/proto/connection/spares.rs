use std::cell::RefCell;

/// Buffers to be used again, for all connections of one thread.
#[derive(Debug, Default)]
pub struct Spares(RefCell<Vec<Vec<u8>>>);

impl Spares {
    /// An empty buffer: one that was used before, if there is any.
    #[inline]
    pub fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps a buffer, unless it is too large or there are enough.
    #[inline]
    pub fn keep(&self, mut buffer: Vec<u8>) {
        let mut spares = self.0.borrow_mut();
        if (1..=SPARE_BYTES_MAX).contains(&buffer.capacity()) && spares.len() < SPARES_MAX {
            buffer.clear();
            spares.push(buffer);
        }
    }
}

/// Buffers kept, and the largest that is: at most 16 MiB.
const SPARES_MAX: usize = 2048;
const SPARE_BYTES_MAX: usize = 8 << 10;
