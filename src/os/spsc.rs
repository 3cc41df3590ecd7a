//! A bounded lock-free queue with one producer and one consumer: the mesh has one per ordered pair of shards.
//!
//! It never waits and never wakes: a consumer that may sleep is woken through
//! [`park::Sleeper`](crate::park::Sleeper). The orderings are model-checked in `tests/loom.rs`.

use std::{
    cell::Cell,
    fmt,
    marker::PhantomData,
    mem::MaybeUninit,
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
};

use crate::sync::{Arc, AtomicBool, AtomicUsize, Padded, UnsafeCell};

/// Creates a queue of at least `capacity` items, rounded up to a power of two; its memory is allocated here,
/// once.
///
/// Items still queued when both ends are dropped are dropped with the second end.
///
/// # Panics
///
/// `capacity` is above 2^30, which no configuration allows.
pub fn channel<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    channel_at(capacity, 0)
}

/// `start` is the first index; a test begins just below the point where indices wrap around.
fn channel_at<T: Send>(capacity: usize, start: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity <= CAPACITY_MAX, "a queue of {capacity} items is above {CAPACITY_MAX}");
    let slots = (0..capacity.max(1).next_power_of_two()).map(|_| UnsafeCell::new(MaybeUninit::uninit()));
    let shared = Arc::new(Shared {
        slots: slots.collect(),
        head: Padded(AtomicUsize::new(start)),
        tail: Padded(AtomicUsize::new(start)),
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
    });
    (
        Producer { shared: Arc::clone(&shared), tail: start, head_seen: start, not_sync: PhantomData },
        Consumer { shared, head: start, tail_seen: start, not_sync: PhantomData },
    )
}

/// The end that puts items in. `Send`, not `Sync`: it lives on one shard at a time.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    /// Our own index: always equal to `shared.tail`.
    tail: usize,
    /// Where the consumer was at the last look; it is there or further.
    head_seen: usize,
    not_sync: PhantomData<Cell<()>>,
}

impl<T: Send> Producer<T> {
    /// Puts `item` at the end of the queue.
    ///
    /// After the consumer is dropped, items are still accepted until the queue is full; see
    /// [`is_closed`](Self::is_closed).
    ///
    /// # Errors
    ///
    /// The queue is full; returns `item`.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.tail.wrapping_sub(self.head_seen) == self.shared.capacity() {
            // Pairs with "slot taken" in `Consumer::pop`.
            self.head_seen = self.shared.head.0.load(Acquire);
            if self.tail.wrapping_sub(self.head_seen) == self.shared.capacity() {
                return Err(item);
            }
        }
        self.shared.slot(self.tail).with_mut(|slot| {
            // SAFETY: the consumer has taken what was here ("slot taken", or the slot was never used) and reads
            // it again only after "item written" below; there is no second producer, and `self` is borrowed.
            unsafe { (*slot).write(item) };
        });
        self.tail = self.tail.wrapping_add(1);
        // "item written": pairs with the load in `Consumer::pop`.
        self.shared.tail.0.store(self.tail, Release);
        Ok(())
    }

    /// Items queued now; the consumer may already have taken some of them.
    pub fn len(&self) -> usize {
        self.tail.wrapping_sub(self.shared.head.0.load(Relaxed))
    }

    /// Whether the consumer has taken everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most items that can be queued.
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// Whether the consumer was dropped: pushed items will not be read.
    pub fn is_closed(&self) -> bool {
        self.shared.consumer_gone.load(Relaxed)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // "last item written": pairs with the load in `Consumer::is_closed`.
        self.shared.producer_gone.store(true, Release);
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("capacity", &self.shared.capacity()).finish_non_exhaustive()
    }
}

/// The end that takes items out. `Send`, not `Sync`: it lives on one shard at a time.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    /// Our own index: always equal to `shared.head`.
    head: usize,
    /// Where the producer was at the last look; it is there or further.
    tail_seen: usize,
    not_sync: PhantomData<Cell<()>>,
}

impl<T: Send> Consumer<T> {
    /// Takes the oldest item; `None` when the queue is empty.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.head == self.tail_seen {
            // Pairs with "item written" in `Producer::push`.
            self.tail_seen = self.shared.tail.0.load(Acquire);
            if self.head == self.tail_seen {
                return None;
            }
        }
        // SAFETY: `head` is before `tail_seen`, so the item was written ("item written") and not yet taken; the
        // producer writes here again only after "slot taken" below; there is no second consumer.
        let item = self.shared.slot(self.head).with_mut(|slot| unsafe { (*slot).assume_init_read() });
        self.head = self.head.wrapping_add(1);
        // "slot taken": pairs with the load in `Producer::push`.
        self.shared.head.0.store(self.head, Release);
        Some(item)
    }

    /// Items queued now; the producer may be adding more.
    pub fn len(&self) -> usize {
        self.shared.tail.0.load(Relaxed).wrapping_sub(self.head)
    }

    /// Whether nothing is queued now. An item pushed before a fence is visible after the matching fence, so
    /// this is the check that [`park`](crate::park) requires before sleeping.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most items that can be queued.
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// Whether the producer was dropped. Once true, [`pop`](Self::pop) returns every remaining item, and then
    /// `None` forever.
    pub fn is_closed(&self) -> bool {
        // Pairs with "last item written" in the producer's `drop`.
        self.shared.producer_gone.load(Acquire)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.consumer_gone.store(true, Relaxed);
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("capacity", &self.shared.capacity()).finish_non_exhaustive()
    }
}

/// The state shared by both ends. `tail - head` (wrapping) is between 0 and `slots.len()`, and the slots from
/// `head` up to `tail` hold an item.
struct Shared<T> {
    /// Their number is a power of two, so that indices may wrap around.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// Next slot to take from; written by the consumer only.
    head: Padded<AtomicUsize>,
    /// Next slot to write; written by the producer only.
    tail: Padded<AtomicUsize>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
}

// SAFETY: each slot is accessed by one end at a time (see `push` and `pop`), the rest is atomics, and items move
// from one thread to the other, which is what `T: Send` allows.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; dropping the queue on either thread drops items there.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    fn capacity(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn slot(&self, index: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[index & (self.slots.len() - 1)]
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Both ends are dropped, and `Arc` has made their last stores visible here.
        let (mut head, tail) = (self.head.0.load(Relaxed), self.tail.0.load(Relaxed));
        while head != tail {
            // SAFETY: the slots from `head` up to `tail` hold items that no other thread can reach.
            self.slot(head).with_mut(|slot| unsafe { (*slot).assume_init_drop() });
            head = head.wrapping_add(1);
        }
    }
}

const CAPACITY_MAX: usize = 1 << 30;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{rc::Rc, thread};

    use super::*;

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let (mut producer, mut consumer) = channel(4);
        for round in 0..10 {
            for item in 0..3 {
                assert_eq!(producer.push(round * 3 + item), Ok(()));
            }
            for item in 0..3 {
                assert_eq!(consumer.pop(), Some(round * 3 + item));
            }
            assert_eq!(consumer.pop(), None);
        }
    }

    #[test]
    fn a_full_queue_hands_the_item_back() {
        for (asked, capacity) in [(0, 1), (1, 1), (2, 2), (3, 4), (1000, 1024)] {
            let (mut producer, mut consumer) = channel(asked);
            assert_eq!((producer.capacity(), consumer.capacity()), (capacity, capacity));
            for item in 0..capacity {
                assert_eq!(producer.push(item), Ok(()));
            }
            assert_eq!(producer.push(9999), Err(9999));
            assert_eq!(consumer.pop(), Some(0));
            assert_eq!(producer.push(9999), Ok(()));
        }
    }

    #[test]
    fn indices_may_wrap_around() {
        let (mut producer, mut consumer) = channel_at(4, usize::MAX - 5);
        for item in 0..20 {
            assert_eq!(producer.push(item), Ok(()));
            assert_eq!((producer.len(), consumer.len()), (1, 1));
            assert_eq!(consumer.pop(), Some(item));
            assert!(producer.is_empty() && consumer.is_empty());
        }
        (0..4).for_each(|item| assert_eq!(producer.push(item), Ok(())));
        assert_eq!(producer.push(4), Err(4));
    }

    #[test]
    fn what_is_left_is_dropped_with_the_second_end() {
        #[derive(Debug)]
        struct Item(#[expect(dead_code, reason = "counted by its strong references")] std::sync::Arc<()>);
        let count = std::sync::Arc::new(());
        let (mut producer, mut consumer) = channel_at(4, usize::MAX - 1);
        for _ in 0..4 {
            producer.push(Item(std::sync::Arc::clone(&count))).expect("there is room for four");
        }
        drop(consumer.pop());
        drop(consumer);
        assert!(producer.is_closed());
        assert_eq!(std::sync::Arc::strong_count(&count), 4);
        drop(producer);
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_closed_queue_still_gives_what_was_pushed() {
        let (mut producer, mut consumer) = channel(2);
        assert!(!consumer.is_closed());
        producer.push(Box::new(7)).expect("there is room");
        drop(producer);
        assert!(consumer.is_closed());
        assert_eq!(consumer.pop(), Some(Box::new(7)));
        assert_eq!(consumer.pop(), None);
    }

    #[test]
    fn two_threads_lose_and_reorder_nothing() {
        let items: u64 = if cfg!(miri) { 300 } else { 200_000 };
        for capacity in [1, 8] {
            let (mut producer, mut consumer) = channel(capacity);
            let sender = thread::spawn(move || {
                for item in 0..items {
                    let mut item = Box::new(item);
                    while let Err(back) = producer.push(item) {
                        item = back;
                        thread::yield_now();
                    }
                }
            });
            let mut expected = 0;
            while expected < items {
                match consumer.pop() {
                    Some(item) => {
                        assert_eq!(*item, expected);
                        expected += 1;
                    }
                    None => thread::yield_now(),
                }
            }
            sender.join().expect("the producer does not panic");
            assert!(consumer.pop().is_none() && consumer.is_closed());
        }
    }

    #[test]
    fn ends_are_send_and_not_sync() {
        // Both calls would be ambiguous if the type were `Sync`.
        trait AmbiguousIfSync<A> {
            fn check() {}
        }
        impl<T: ?Sized> AmbiguousIfSync<()> for T {}
        impl<T: ?Sized + Sync> AmbiguousIfSync<Rc<()>> for T {}
        fn send<T: Send>() {}
        send::<Producer<u8>>();
        send::<Consumer<u8>>();
        <Producer<u8> as AmbiguousIfSync<_>>::check();
        <Consumer<u8> as AmbiguousIfSync<_>>::check();
    }
}
