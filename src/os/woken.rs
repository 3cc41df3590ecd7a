//! Which tasks of a shard were woken by other threads: a flag per task, and a set of task numbers per shard.
//! Like [`park`](crate::park), this is the protocol alone.
//!
//! # The rules
//!
//! To wake a task, a thread
//!
//! 1. publishes what the task must see;
//! 2. [`raise`](Flag::raise)s the task's flag, and stops if it was raised already;
//! 3. on another thread than the shard's: [`insert`](WokenSet::insert)s the task's number into the shard's set, then wakes
//!    the shard if it [must](crate::park::Sleeper::must_wake).
//!
//! In every turn, the shard [`take`](WokenSet::take)s the numbers, runs the tasks whose flag [is
//! raised](Flag::is_raised), and [`lower`](Flag::lower)s the flag of a task immediately before it polls it.
//! The set is one of the inputs that it checks before it sleeps.
//!
//! # Why no wake is lost
//!
//! Raising and lowering are swaps of one flag, so they have one order. A wake-up that finds the flag raised
//! comes before the `lower` of the next poll, which therefore sees what the wake-up published. A wake-up that
//! finds it lowered puts the number into the set. The shard later takes the number and sees the flag raised,
//! or a poll has lowered it since.
//!
//! # Bounds
//!
//! The set has one bit per number, so it holds each task at most once and is never full. A number may be
//! reused after its task has ended: a late wake-up raises the flag of the ended task, so it does not run the
//! new one. A flag may be reused once no other holder can raise it.

use std::sync::{
    OnceLock,
    atomic::Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use crate::sync::{AtomicBool, AtomicU64, Padded};

/// Whether one task was woken since its last poll.
#[derive(Debug)]
pub struct Flag(AtomicBool);

/// The tasks that other threads have woken. One shard takes, any thread inserts; neither waits for the other.
///
/// Invariant: for each bit that is set in a word, the word's group is marked, or the inserting thread is
/// about to mark it.
#[derive(Debug)]
pub struct WokenSet {
    /// Bit `g`: a word whose index is `g` modulo 64 may have bits.
    groups: Padded<AtomicU64>,
    /// Bit `number % 64` of word `number / 64`. Chunk `c` has 2^c words, so that the set grows without being moved.
    chunks: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
}

impl Flag {
    /// Creates a raised flag: a new task must be polled.
    pub fn raised() -> Self {
        Self(AtomicBool::new(true))
    }

    /// Raises the flag; true for the one caller that must schedule the task.
    #[inline]
    #[must_use = "the caller that gets `true` is the only one, and must schedule the task"]
    pub fn raise(&self) -> bool {
        // "woken": pairs with the swap in `lower`, which sees what was done before.
        !self.0.swap(true, AcqRel)
    }

    /// Lowers the flag before a poll. The poll sees everything that was done before the flag was raised.
    #[inline]
    pub fn lower(&self) {
        // "woken": pairs with the swap in `raise`.
        self.0.swap(false, AcqRel);
    }

    /// Whether the task waits to be polled.
    #[inline]
    pub fn is_raised(&self) -> bool {
        self.0.load(Acquire)
    }
}

impl Default for WokenSet {
    fn default() -> Self {
        Self::new()
    }
}

impl WokenSet {
    /// Creates an empty set, without room for numbers.
    pub fn new() -> Self {
        Self { groups: Padded(AtomicU64::new(0)), chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// Makes room for `number`. Call it before `number` is inserted; numbers are used from 0 on.
    pub fn make_room(&self, number: u32) {
        let (last, _) = place(number as usize / BITS);
        for (chunk, words) in self.chunks.iter().enumerate().take(last + 1) {
            words.get_or_init(|| (0..1 << chunk).map(|_| AtomicU64::new(0)).collect());
        }
    }

    /// Inserts `number`, if it is not in the set. A number without room is ignored.
    #[inline]
    pub fn insert(&self, number: u32) {
        let index = number as usize / BITS;
        let Some(word) = self.word(index) else {
            debug_assert!(false, "room is made when the task starts");
            return;
        };
        // "number": pairs with the swap of the word in `take`.
        word.fetch_or(1 << (number as usize % BITS), Release);
        // "group": pairs with the swap of the groups in `take`; after the word, so that a thread that sees
        // the group finds the number.
        self.groups.0.fetch_or(1 << (index % BITS), Release);
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.groups.0.load(Acquire) == 0
    }

    /// Takes out all numbers and passes each to `each`, in no order.
    pub fn take(&self, mut each: impl FnMut(u32)) {
        // "group": pairs with `insert`. Before the words, so that a number that is inserted meanwhile marks
        // its group again.
        let groups = self.groups.0.swap(0, Acquire);
        for group in bits(groups) {
            let words = (group..).step_by(BITS).map_while(|index| Some((index, self.word(index)?)));
            for (index, word) in words.filter(|(_, word)| word.load(Relaxed) != 0) {
                // "number": pairs with `insert`.
                for bit in bits(word.swap(0, Acquire)) {
                    each((index * BITS + bit) as u32);
                }
            }
        }
    }

    fn word(&self, index: usize) -> Option<&AtomicU64> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }
}

/// The chunk of a word, and its place in the chunk.
fn place(word: usize) -> (usize, usize) {
    let chunk = (word + 1).ilog2();
    (chunk as usize, word + 1 - (1 << chunk))
}

/// The bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (word != 0).then(|| word.trailing_zeros() as usize);
        word &= word.wrapping_sub(1);
        lowest
    })
}

const BITS: usize = u64::BITS as usize;

/// Enough for 2^32 numbers.
const CHUNKS: usize = 27;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{collections::BTreeSet, sync::Arc, thread};

    use super::*;

    fn taken(set: &WokenSet) -> Vec<u32> {
        let mut numbers = Vec::new();
        set.take(|number| numbers.push(number));
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn each_number_is_taken_once_however_often_it_was_inserted() {
        let set = WokenSet::new();
        set.make_room(70_000);
        assert!(set.is_empty());
        let numbers = [0, 1, 63, 64, 127, 128, 4095, 4096, 4097, 65_535, 70_000];
        for _ in 0..3 {
            numbers.iter().for_each(|&number| set.insert(number));
        }
        assert!(!set.is_empty());
        assert_eq!(taken(&set), numbers);
        assert!(set.is_empty());
        assert_eq!(taken(&set), [0; 0]);
    }

    #[test]
    fn chunks_are_dense_and_hold_every_number() {
        let places = (0..5000).map(place).collect::<BTreeSet<_>>();
        assert_eq!(places.len(), 5000);
        assert!(places.iter().all(|&(chunk, offset)| offset < 1 << chunk));
        let (last, offset) = place(u32::MAX as usize / BITS);
        assert!(last < CHUNKS && offset < 1 << last);
    }

    #[test]
    fn only_the_caller_that_raises_the_flag_schedules() {
        let flag = Flag::raised();
        assert!(!flag.raise());
        flag.lower();
        assert!(!flag.is_raised());
        assert!(flag.raise());
        assert!(!flag.raise());
        assert!(flag.is_raised());
    }

    #[test]
    fn what_several_threads_insert_is_all_taken() {
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        let set = Arc::new(WokenSet::new());
        set.make_room(1000);
        let threads: Vec<_> = (0..4_u32)
            .map(|thread| {
                let set = Arc::clone(&set);
                thread::spawn(move || (0..rounds).for_each(|round| set.insert(thread * 250 + round % 250)))
            })
            .collect();
        let mut seen = BTreeSet::new();
        while threads.iter().any(|thread| !thread.is_finished()) {
            seen.extend(taken(&set));
            thread::yield_now();
        }
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        seen.extend(taken(&set));
        assert_eq!(seen.len(), 4 * 250.min(rounds as usize));
    }
}
