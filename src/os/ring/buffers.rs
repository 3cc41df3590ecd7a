use std::{
    collections::VecDeque,
    ptr::NonNull,
    rc::Rc,
    slice,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, types};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::{RingConfig, features::RingError};

/// The two groups of buffers of a ring.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Group {
    /// For connections that send now and then: each receives as often as it has data.
    #[default]
    Small,
    /// For connections that always have more: each receives once per turn.
    Large,
}

impl Group {
    pub(super) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// Its number in the kernel.
    pub(super) const fn id(self) -> u16 {
        self as u16
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// How many buffers of how many bytes a ring of this configuration has.
    pub(super) fn sizes(self, config: &RingConfig) -> (u16, u32) {
        let RingConfig { buffers, buffer_bytes, .. } = *config;
        match self {
            Self::Small => (buffers, buffer_bytes),
            Self::Large => {
                let bytes = buffer_bytes.max(LARGE_BYTES);
                let count = u64::from(buffers) * u64::from(buffer_bytes) / u64::from(bytes) / LARGE_PART;
                // At most as many as there are small ones.
                (1 << count.max(1).ilog2(), bytes)
            }
        }
    }

    /// Buffers that the kernel gets at first.
    const fn count_first(self) -> u16 {
        match self {
            Self::Small => 64,
            Self::Large => 4,
        }
    }

    /// How many connections wait for a buffer before the kernel gets more. A few that wait for small ones are busy
    /// connections, which wait for their turn.
    const fn waiting_max(self) -> usize {
        match self {
            Self::Small => 4,
            Self::Large => 0,
        }
    }
}

/// Receive buffers of one group that the kernel fills, shared by all connections of a shard.
///
/// The kernel fills its buffers in turn, so that all of them are soon resident. It gets few at first, and
/// twice as many whenever several connections wait for one. So a shard that receives little uses little memory,
/// and what one connection sends without a pause never fills many of them, before the data of others.
///
/// Invariant: a buffer is with the kernel (in the ring of entries), or in exactly one [`Filled`], or was never given
/// (`given` and above).
#[derive(Debug)]
pub(super) struct Buffers {
    group: Group,
    memory: Rc<Memory>,
    count: u16,
    /// Buffers that the kernel has had at least once.
    given: u16,
    buffer_bytes: u32,
    /// Next entry to write; the kernel has seen everything before `published`.
    tail: u16,
    published: u16,
    /// Buffers with the kernel, as far as completions have shown.
    free: usize,
    /// Slots that found none of them free, and receive again once one is.
    waiting: VecDeque<u32>,
}

impl Buffers {
    pub(super) fn register(io: &IoUring, group: Group, config: &RingConfig) -> Result<Self, RingError> {
        let (count, buffer_bytes) = group.sizes(config);
        if !count.is_power_of_two() || count > COUNT_MAX || buffer_bytes == 0 {
            return Err(RingError::BufferCount { count, max: COUNT_MAX });
        }
        let memory = Memory::map(count, buffer_bytes).map_err(RingError::Io)?;
        // SAFETY: the entries are page-aligned, as long as `count` entries, and stay mapped until after
        // `unregister`.
        unsafe {
            io.submitter().register_buf_ring_with_flags(memory.entries.as_ptr() as u64, count, group.id(), 0)
        }
        .map_err(RingError::from_buffer_registration)?;
        let mut buffers = Self {
            group,
            memory: Rc::new(memory),
            count,
            given: 0,
            buffer_bytes,
            tail: 0,
            published: u16::MAX,
            free: 0,
            waiting: VecDeque::new(),
        };
        buffers.grow_to(group.count_first());
        buffers.publish();
        Ok(buffers)
    }

    pub(super) const fn buffer_bytes(&self) -> u32 {
        self.buffer_bytes
    }

    /// This slot found no free buffer; `false` if the kernel has them all already.
    pub(super) fn wait(&mut self, slot: u32) -> bool {
        let has_more = self.waiting.len() < self.group.waiting_max() || self.grow();
        self.waiting.push_back(slot);
        has_more
    }

    /// How many waiting slots may receive again now: one for each free buffer.
    pub(super) fn resumable(&self) -> usize {
        self.waiting.len().min(self.free)
    }

    /// The slot that has waited the longest.
    pub(super) fn next_waiting(&mut self) -> Option<u32> {
        self.waiting.pop_front()
    }

    /// This slot does not wait any more; `false` if it did not.
    pub(super) fn stop_waiting(&mut self, slot: u32) -> bool {
        let index = self.waiting.iter().position(|waiting| *waiting == slot);
        index.and_then(|index| self.waiting.remove(index)).is_some()
    }

    /// Gives new buffers to the kernel, up to `count` in total.
    fn grow_to(&mut self, count: u16) {
        let count = count.min(self.count);
        for id in self.given..count {
            self.give(id);
        }
        self.given = self.given.max(count);
    }

    /// The kernel has no buffer left: gives it more; `false` when it has had all.
    fn grow(&mut self) -> bool {
        let before = self.given;
        self.grow_to(self.given.saturating_mul(2));
        self.given > before
    }

    /// Takes over buffer `id`, in which the kernel wrote `len` bytes.
    pub(super) fn take(&mut self, id: u16, len: u32) -> Filled {
        assert!(id < self.given && len <= self.buffer_bytes, "the kernel names buffers that it was given");
        self.free -= 1;
        Filled(Place::Provided { memory: Rc::clone(&self.memory), id, len })
    }

    /// Gives a buffer back to the kernel.
    ///
    /// # Errors
    /// It is not one of these.
    pub(super) fn recycle(&mut self, data: Filled) -> Result<(), Filled> {
        match data.0 {
            Place::Provided { ref memory, id, .. } if Rc::ptr_eq(memory, &self.memory) => {
                self.give(id);
                Ok(())
            }
            _ => Err(data),
        }
    }

    /// Publishes the recycled buffers to the kernel.
    pub(super) fn publish(&mut self) {
        if self.published == self.tail {
            return;
        }
        self.published = self.tail;
        let entries = self.memory.entries.as_ptr();
        // SAFETY: the tail lives in the padding of the first entry, is two bytes long and aligned, and is
        // only ever written by this thread; the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(types::BufRingEntry::tail(entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    /// Unregisters the buffers; afterwards they may be unmapped.
    pub(super) fn unregister(&self, io: &IoUring) {
        if io.submitter().unregister_buf_ring(self.group.id()).is_err() {
            // The kernel may still write: leak the memory rather than let the kernel write into other data.
            std::mem::forget(Rc::clone(&self.memory));
        }
    }

    fn give(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        // SAFETY: `index` is below `count`, the length of the mapping in entries; the kernel does not read
        // this entry before the tail passes it, and no other code writes.
        let entry = unsafe { &mut *self.memory.entries.as_ptr().add(index) };
        entry.set_addr(self.memory.buffer(id).as_ptr() as u64);
        entry.set_len(self.buffer_bytes);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        self.free += 1;
    }
}

/// Received bytes in a buffer of the ring. Return it with [`Ring::recycle`](super::Ring::recycle); otherwise
/// the ring is one buffer short until it is dropped.
#[derive(Debug)]
pub struct Filled(pub(super) Place);

#[derive(Debug)]
pub(super) enum Place {
    /// A buffer that was provided to the kernel.
    Provided { memory: Rc<Memory>, id: u16, len: u32 },
    /// A buffer that was received into by a system call.
    Direct { buffer: Box<[u8]>, len: usize },
}

impl Filled {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Place::Provided { memory, id, len } => {
                // SAFETY: the kernel wrote `len` bytes to this buffer and does not have it any more: it gets it
                // back only with `recycle`, which takes `self`. The mapping lives as long as `memory`.
                unsafe { slice::from_raw_parts(memory.buffer(*id).as_ptr(), *len as usize) }
            }
            Place::Direct { buffer, len } => &buffer[..*len],
        }
    }
}

/// Two mappings: the ring of entries that the kernel reads, and the buffers that it fills.
#[derive(Debug)]
pub(super) struct Memory {
    entries: NonNull<types::BufRingEntry>,
    entries_len: usize,
    data: NonNull<u8>,
    data_len: usize,
    buffer_bytes: usize,
}

impl Memory {
    fn map(count: u16, buffer_bytes: u32) -> std::io::Result<Self> {
        let entries_len = usize::from(count) * size_of::<types::BufRingEntry>();
        let data_len = usize::from(count) * buffer_bytes as usize;
        let entries = map(entries_len)?.cast();
        let data = match map(data_len) {
            Ok(data) => data,
            Err(error) => {
                unmap(entries.cast(), entries_len);
                return Err(error);
            }
        };
        Ok(Self { entries, entries_len, data, data_len, buffer_bytes: buffer_bytes as usize })
    }

    fn buffer(&self, id: u16) -> NonNull<u8> {
        let offset = usize::from(id) * self.buffer_bytes;
        debug_assert!(offset < self.data_len);
        // SAFETY: `take` and `register` let no `id` of `count` or more through, so this is inside `data`.
        unsafe { self.data.add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        unmap(self.entries.cast(), self.entries_len);
        unmap(self.data, self.data_len);
    }
}

fn map(len: usize) -> std::io::Result<NonNull<u8>> {
    // SAFETY: a new anonymous mapping that aliases nothing.
    let address = unsafe {
        mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
    }?;
    Ok(NonNull::new(address.cast()).expect("mmap never maps at address zero by default"))
}

fn unmap(address: NonNull<u8>, len: usize) {
    // SAFETY: `address` and `len` are those of a mapping made by `map`, unmapped once, with no reference
    // left: `Filled` keeps `Memory` alive.
    let _ = unsafe { munmap(address.as_ptr().cast(), len) };
}

/// The least size of a large buffer. It is what a busy connection gets of a turn: up to a millisecond, if it sends
/// small requests.
const LARGE_BYTES: u32 = 16 << 10;

/// The small buffers take that many times the memory of the large ones.
const LARGE_PART: u64 = 4;

/// Bounds of a buffer ring.
const COUNT_MAX: u16 = 1 << 15;
