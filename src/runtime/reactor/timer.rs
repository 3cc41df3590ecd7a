//! The deadlines of one shard: a hierarchical timer wheel.
//!
//! It reads no clock and wakes no task; the pump passes the time in, and asks when to call again.
//!
//! Time is cut into ticks of 2^20 ns (1.05 ms). Level 0 has a slot for each of the 64 ticks around the present;
//! a slot of level `n` covers 64^n ticks. A timer is put into the level of the highest digit (base 64) in which its
//! tick differs from the present one, and moves down when the present reaches its slot. So each timer moves at most
//! `LEVELS` times, and insert and cancel touch a constant number of words.

use shardcast_proto::Time;

/// Values that are handed back when their deadline has passed. Lives on one shard.
///
/// Invariant: at each level, occupied slots are at or after the slot of `elapsed`, and everything in a level is due
/// before everything in the levels above.
#[derive(Debug)]
pub(crate) struct TimerWheel<T> {
    /// The tick up to which everything was fired.
    elapsed: u64,
    /// Bit `s` of `occupied[l]`: slot `s` of level `l` is not empty.
    occupied: [u64; LEVELS],
    /// First timer of each slot, or `NONE`.
    slots: [[u32; SLOTS]; LEVELS],
    timers: Vec<Timer<T>>,
    /// First unused place in `timers`, or `NONE`; `next` links the others.
    free: u32,
    len: usize,
}

/// Refers to one timer. After that timer fired or was cancelled, the key refers to nothing (until 2^32 others have used
/// the same place).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct TimerKey {
    index: u32,
    generation: u32,
}

impl TimerKey {
    /// No timer has this key.
    pub(crate) const NONE: Self = Self { index: NONE, generation: 0 };
}

impl<T> TimerWheel<T> {
    /// An empty wheel that begins at `now`.
    pub(crate) fn new(now: Time) -> Self {
        Self {
            elapsed: now.as_nanos() >> TICK_BITS,
            occupied: [0; LEVELS],
            slots: [[NONE; SLOTS]; LEVELS],
            timers: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Keeps `value` until `deadline`. A deadline that has passed already fires at the next [`advance`](Self::advance);
    /// [`Time::NEVER`] does not fire.
    ///
    /// # Panics
    ///
    /// When there are 2^32 - 1 timers.
    pub(crate) fn insert(&mut self, deadline: Time, value: T) -> TimerKey {
        // Rounded up, so that nothing fires early.
        let tick = deadline.as_nanos().div_ceil(TICK_NANOS);
        let index = self.vacant();
        let timer = &mut self.timers[index as usize];
        timer.tick = tick;
        timer.value = Some(value);
        let key = TimerKey { index, generation: timer.generation };
        self.len += 1;
        self.link(index);
        key
    }

    /// Takes the timer out; `None` when it has fired or was cancelled.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let timer = self.timers.get(key.index as usize)?;
        if timer.generation != key.generation || timer.value.is_none() {
            return None;
        }
        self.unlink(key.index);
        self.release(key.index)
    }

    /// The value of a timer; `None` when it has fired or was cancelled.
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        let timer = self.timers.get_mut(key.index as usize)?;
        if timer.generation == key.generation { timer.value.as_mut() } else { None }
    }

    /// Hands every value whose deadline is a tick or more before `now` to `fire`, never one whose deadline is after
    /// `now`, tick by tick; the order within one tick is not defined. A `now` that is before an earlier `now` counts as
    /// that one.
    pub(crate) fn advance(&mut self, now: Time, fire: &mut impl FnMut(T)) {
        let target = (now.as_nanos() >> TICK_BITS).max(self.elapsed);
        while let Some((level, slot, tick)) = self.first_slot()
            && tick <= target
        {
            self.elapsed = tick;
            if level == 0 {
                self.fire_slot(slot, fire);
            } else {
                self.move_down(level, slot);
            }
        }
        self.elapsed = target;
    }

    /// When [`advance`](Self::advance) should be called next; `None` when there are no timers.
    ///
    /// Never later than the time at which the next timer can fire (its deadline rounded up to a tick); for far
    /// deadlines it may be earlier, at most `LEVELS` times per timer.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let (_, _, tick) = self.first_slot()?;
        Some(Time::from_nanos(tick.saturating_mul(TICK_NANOS)))
    }

    /// Timers that have neither fired nor been cancelled.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no timers.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The occupied slot that comes first, and the tick at which it begins.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let above = self.elapsed >> ((level + 1) * SLOT_BITS) << SLOT_BITS;
        Some((level, slot, (above | slot as u64) << (level * SLOT_BITS)))
    }

    fn fire_slot(&mut self, slot: usize, fire: &mut impl FnMut(T)) {
        // One by one, so that the wheel is consistent if `fire` panics.
        while self.slots[0][slot] != NONE {
            let index = self.slots[0][slot];
            self.unlink(index);
            if let Some(value) = self.release(index) {
                fire(value);
            }
        }
    }

    fn move_down(&mut self, level: usize, slot: usize) {
        let mut index = std::mem::replace(&mut self.slots[level][slot], NONE);
        self.occupied[level] &= !(1 << slot);
        while index != NONE {
            let next = self.timers[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Puts a timer at the front of the slot that its tick belongs to, as seen from `elapsed`.
    fn link(&mut self, index: u32) {
        let tick = self.timers[index as usize].tick.max(self.elapsed);
        let digit_bits = (tick ^ self.elapsed) | 1;
        let level = digit_bits.ilog2() as usize / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS)) as usize % SLOTS;

        let next = std::mem::replace(&mut self.slots[level][slot], index);
        self.occupied[level] |= 1 << slot;
        let timer = &mut self.timers[index as usize];
        (timer.level, timer.slot) = (level as u8, slot as u8);
        (timer.previous, timer.next) = (NONE, next);
        if next != NONE {
            self.timers[next as usize].previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let timer = &self.timers[index as usize];
        let (previous, next) = (timer.previous, timer.next);
        let (level, slot) = (usize::from(timer.level), usize::from(timer.slot));
        if next != NONE {
            self.timers[next as usize].previous = previous;
        }
        if previous != NONE {
            self.timers[previous as usize].next = next;
            return;
        }
        self.slots[level][slot] = next;
        if next == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// An unused place in `timers`.
    fn vacant(&mut self) -> u32 {
        if self.free != NONE {
            let index = self.free;
            self.free = self.timers[index as usize].next;
            return index;
        }
        let index = u32::try_from(self.timers.len()).unwrap_or(NONE);
        assert_ne!(index, NONE, "more timers than a key can name");
        self.timers.push(Timer {
            tick: 0,
            generation: 0,
            previous: NONE,
            next: NONE,
            level: 0,
            slot: 0,
            value: None,
        });
        index
    }

    /// Takes the value of a timer that was removed from its slot, and frees its place.
    fn release(&mut self, index: u32) -> Option<T> {
        let timer = &mut self.timers[index as usize];
        timer.generation = timer.generation.wrapping_add(1);
        timer.next = self.free;
        self.free = index;
        self.len -= 1;
        timer.value.take()
    }
}

/// One place: a timer in a slot's list, or unused (`value` is `None`) in the list of those.
#[derive(Debug)]
struct Timer<T> {
    tick: u64,
    /// How many timers had this place before.
    generation: u32,
    previous: u32,
    next: u32,
    level: u8,
    slot: u8,
    value: Option<T>,
}

const TICK_BITS: u32 = 20;
const TICK_NANOS: u64 = 1 << TICK_BITS;
const SLOT_BITS: usize = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// 48 bits of ticks; `Time` needs 44 of them, and the rounding up.
const LEVELS: usize = 8;
/// No timer.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
