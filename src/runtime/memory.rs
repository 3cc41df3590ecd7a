//! The memory of the process, and its bound: what the shards hold for their peers, what the process really uses, and
//! what must happen about it.
//!
//! Each shard keeps an account in bytes. A thread compares the accounts with the resident memory of the process, when a
//! shard asks for it because its account has changed much, and publishes the result. Until the next time, a shard may
//! use its part of what was free. While nothing changes, the thread sleeps.
//!
//! What this deliberately is not: it neither holds nor cuts connections; [`conns`](crate::conns) does, by what is
//! published here.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_os::{
    memory::{self, Usage},
    needs::PEERS_BYTES_MIN,
};

use crate::{counters::Counter, stats::MemoryStats};

/// The memory of one server.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The bound of the process.
    max: AtomicU64,
    /// What the process uses without peers.
    base: AtomicU64,
    shards: Vec<Account>,
    /// The last result, and its number.
    used: Counter,
    free: Counter,
    excess: Counter,
    accounted: Counter,
    pressure: AtomicU8,
    number: AtomicU64,
    /// Times that free memory was returned to the system.
    returned: Counter,
    /// A shard asks for a new result.
    wanted: AtomicBool,
    thread: OnceLock<Thread>,
    stopped: AtomicBool,
}

/// What one shard holds.
#[derive(Debug, Default)]
struct Account {
    /// What its connections and its hub hold; written by the shard.
    held: Counter,
    /// Large bodies and frames that were made there. The last owner of each may be on any thread.
    bodies: Arc<AtomicU64>,
    /// Something waits there for room.
    waits: AtomicBool,
}

/// How short memory is.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Pressure {
    /// There is enough.
    #[default]
    None,
    /// New frames and connections wait.
    Hold,
    /// New connections and publications are refused.
    Refuse,
    /// The largest holders are cut.
    Cut,
}

/// What to do at this moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) pressure: Pressure,
    /// Bytes used for peers.
    used: u64,
    /// Bytes that frames and responses may still take, on all shards together.
    pub(crate) free: u64,
    /// Bytes to cut, on all shards together.
    excess: u64,
}

/// What is known at one moment, in bytes.
#[derive(Clone, Copy, Debug)]
struct Known {
    max: u64,
    base: u64,
    /// The sum of the accounts.
    accounted: u64,
    resident: u64,
}

impl Known {
    /// The bytes for peers.
    fn budget(&self) -> u64 {
        self.max.saturating_sub(self.base).max(PEERS_BYTES_MIN)
    }

    fn judge(&self) -> Verdict {
        let budget = self.budget();
        // Memory that the accounts do not explain belongs to the application, or the allocator keeps it. It leaves
        // peers less, but never nothing.
        let used = match self.accounted < budget / LEAST_PART {
            true => self.accounted,
            false => self.accounted.max(self.resident.saturating_sub(self.base)),
        };
        let percent = |percent: u64| budget / 100 * percent;
        let pressure = match used {
            _ if used >= percent(CUT_PERCENT) => Pressure::Cut,
            _ if used >= percent(REFUSE_PERCENT) => Pressure::Refuse,
            _ if used >= percent(HOLD_PERCENT) => Pressure::Hold,
            _ => Pressure::None,
        };
        let excess = if pressure == Pressure::Cut { used - percent(HOLD_PERCENT) } else { 0 };
        Verdict { pressure, used, free: percent(HOLD_PERCENT).saturating_sub(used), excess }
    }
}

impl Memory {
    pub(crate) fn new(max: u64, base: u64, shards: usize) -> Self {
        let memory = Self {
            max: AtomicU64::new(max),
            base: AtomicU64::new(base),
            shards: (0..shards).map(|_| Account::default()).collect(),
            used: Counter::default(),
            free: Counter::default(),
            excess: Counter::default(),
            accounted: Counter::default(),
            pressure: AtomicU8::default(),
            number: AtomicU64::default(),
            returned: Counter::default(),
            wanted: AtomicBool::new(true),
            thread: OnceLock::new(),
            stopped: AtomicBool::new(false),
        };
        memory.free.set(memory.known(0, 0).judge().free);
        memory
    }

    /// Changes the bound.
    pub(crate) fn set_max(&self, max: u64) {
        self.max.store(max, Ordering::Relaxed);
        self.want();
    }

    /// Sets what the process uses without peers.
    pub(crate) fn set_base(&self, base: u64) {
        self.base.store(base, Ordering::Relaxed);
        self.want();
    }

    /// Asks for a new result soon.
    #[inline]
    pub(crate) fn want(&self) {
        if !self.wanted.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The number of the last result; it changes with each.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// The last result. The excess is the part of a shard that holds this many bytes.
    pub(crate) fn verdict(&self, held: u64) -> (Verdict, u64) {
        let pressure = match self.pressure.load(Ordering::Relaxed) {
            0 => Pressure::None,
            1 => Pressure::Hold,
            2 => Pressure::Refuse,
            _ => Pressure::Cut,
        };
        let (excess, accounted) = (self.excess.read(), self.accounted.read().max(1));
        let part = u128::from(excess) * u128::from(held) / u128::from(accounted);
        let verdict = Verdict { pressure, used: self.used.read(), free: self.free.read(), excess };
        (verdict, u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// A shard's account has changed by so much that a new result is worth its cost: also that memory may be returned,
    /// however large the budget is.
    pub(crate) fn step(&self) -> u64 {
        let budget = self.known(0, 0).budget();
        let shards = self.shards.len().max(1) as u64;
        (budget / STEPS).min(RETURNED_BYTES_MIN / 2).div_ceil(shards).max(STEP_BYTES_MIN)
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Publishes what the connections and the hub of a shard hold, and whether something waits there. Returns its whole
    /// account.
    #[inline]
    pub(crate) fn publish(&self, shard: u16, held: u64, waits: bool) -> u64 {
        let account = &self.shards[usize::from(shard)];
        account.held.set(held);
        account.waits.store(waits, Ordering::Relaxed);
        held + account.bodies.load(Ordering::Relaxed)
    }

    /// Makes these bytes count, in the account of this shard, until the last reference to them is dropped. Few bytes
    /// are not worth it.
    pub(crate) fn count<T: AsRef<[u8]> + Into<Bytes> + Send + 'static>(&self, shard: u16, bytes: T) -> Bytes {
        let len = bytes.as_ref().len() as u64;
        if len < COUNTED_BYTES_MIN {
            return bytes.into();
        }
        let account = Arc::clone(&self.shards[usize::from(shard)].bodies);
        account.fetch_add(len, Ordering::Relaxed);
        Bytes::from_owner(Counted { bytes, len, account })
    }

    /// Bytes used for peers, and those that there are for them.
    pub(crate) fn used_and_max(&self) -> (u64, u64) {
        (self.used.read(), self.known(0, 0).budget())
    }

    pub(crate) fn stats(&self) -> MemoryStats {
        MemoryStats {
            max_bytes: self.max.load(Ordering::Relaxed),
            base_bytes: self.base.load(Ordering::Relaxed),
            used_bytes: self.used.read(),
            accounted_bytes: self.accounted(),
            resident_bytes: Usage::read().resident_bytes,
            pressure: self.pressure.load(Ordering::Relaxed),
            returned: self.returned.read(),
        }
    }

    /// Compares accounts and memory until it is [stopped](Self::stop). `wake` wakes a shard that may sleep.
    pub(crate) fn run(&self, wake: impl Fn(u16)) {
        let _ = self.thread.set(thread::current());
        let mut seen = Seen::default();
        let mut pause = PAUSE_MIN;
        while !self.stopped.load(Ordering::Acquire) {
            if !self.wanted.swap(false, Ordering::AcqRel) {
                if pause > PAUSE_MAX {
                    thread::park();
                } else {
                    thread::park_timeout(pause);
                }
            }
            let before = (seen.pressure, seen.accounted);
            self.compare(&mut seen);
            let mut is_waited_for = false;
            for (shard, account) in self.shards.iter().enumerate() {
                let waits = account.waits.load(Ordering::Relaxed);
                is_waited_for |= waits;
                if waits || seen.pressure != before.0 || seen.pressure == Pressure::Cut {
                    wake(shard as u16);
                }
            }
            let is_steady = before == (seen.pressure, seen.accounted);
            let must_look =
                is_waited_for || seen.returns_later || seen.returns_again || seen.pressure != Pressure::None;
            pause = if must_look || !is_steady { PAUSE_MIN } else { pause * 2 };
            thread::sleep(PAUSE_LEAST);
        }
    }

    /// Ends [`run`](Self::run), which is `thread`'s.
    pub(crate) fn stop(&self, thread: &Thread) {
        self.stopped.store(true, Ordering::Release);
        thread.unpark();
    }

    fn known(&self, accounted: u64, resident: u64) -> Known {
        let (max, base) = (self.max.load(Ordering::Relaxed), self.base.load(Ordering::Relaxed));
        Known { max, base, accounted, resident }
    }

    fn accounted(&self) -> u64 {
        let of_shard = |it: &Account| it.held.read().saturating_add(it.bodies.load(Ordering::Relaxed));
        self.shards.iter().map(of_shard).fold(0, u64::saturating_add)
    }

    /// One comparison; returns free memory to the system where that may help.
    fn compare(&self, seen: &mut Seen) {
        let accounted = self.accounted();
        let mut known = self.known(accounted, Usage::read().resident_bytes);
        seen.peak = seen.peak.max(accounted);
        let unexplained = known.resident.saturating_sub(known.base + accounted);
        let is_short = known.judge().pressure != Pressure::None;
        // Once more after each return: a part may have become free a moment too late.
        let has_fallen = seen.peak - accounted >= RETURNED_BYTES_MIN || seen.returns_again;
        let interval = if is_short { RETURN_INTERVAL_SHORT } else { RETURN_INTERVAL };
        let is_rested = seen.returned_at.is_none_or(|at| at.elapsed() >= interval);
        let mut is_fresh = unexplained < RETURNED_BYTES_MIN;
        seen.returns_again &= !is_fresh;
        seen.returns_later = !is_fresh && has_fallen && !is_rested;
        if !is_fresh && (is_short || has_fallen) && is_rested {
            memory::give_back();
            seen.returns_again = !seen.returns_again;
            self.returned.add(1);
            (seen.returned_at, seen.peak) = (Some(Instant::now()), accounted);
            known.resident = Usage::read().resident_bytes;
            is_fresh = true;
        }
        let mut verdict = known.judge();
        if !is_fresh && verdict.pressure == Pressure::Cut {
            // A part of it may be free already: no peer is cut for that.
            verdict = Known { resident: 0, ..known }.judge();
            verdict.pressure = verdict.pressure.max(Pressure::Refuse);
            verdict.free = 0;
        }
        (seen.pressure, seen.accounted) = (verdict.pressure, accounted);
        self.used.set(verdict.used);
        self.free.set(verdict.free);
        self.excess.set(verdict.excess);
        self.accounted.set(accounted);
        self.pressure.store(verdict.pressure as u8, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::Release);
    }
}

/// What the thread knows from the last time.
#[derive(Debug, Default)]
struct Seen {
    pressure: Pressure,
    accounted: u64,
    /// The largest sum of the accounts since free memory was returned.
    peak: u64,
    returned_at: Option<Instant>,
    /// There is more to return, a little later.
    returns_later: bool,
    /// Memory was returned, and is returned once more.
    returns_again: bool,
}

/// Bytes that count until they are dropped.
struct Counted<T> {
    bytes: T,
    len: u64,
    account: Arc<AtomicU64>,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Counted<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.account.fetch_sub(self.len, Ordering::Relaxed);
    }
}

/// The parts of the budget at which memory is short.
const HOLD_PERCENT: u64 = 80;
const REFUSE_PERCENT: u64 = 90;
const CUT_PERCENT: u64 = 100;

/// Peers may hold one part of so many, whatever else the process uses.
const LEAST_PART: u64 = 8;

/// A shard asks for a new result when its account has changed by one part of so many.
const STEPS: u64 = 64;
const STEP_BYTES_MIN: u64 = 64 << 10;

/// Smaller bodies are not counted one by one.
const COUNTED_BYTES_MIN: u64 = 1024;

/// Free memory is returned to the system if it may be this much.
const RETURNED_BYTES_MIN: u64 = 16 << 20;

/// How often at most: that takes some milliseconds.
const RETURN_INTERVAL: Duration = Duration::from_secs(1);
const RETURN_INTERVAL_SHORT: Duration = Duration::from_millis(50);

/// How often at most the thread compares, how long it waits while something changes, and the last wait before it sleeps.
const PAUSE_LEAST: Duration = Duration::from_millis(1);
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(1500);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn pressure_rises_with_accounts_and_with_resident_memory() {
        // 100 MiB for peers.
        let judge = |accounted: u64, resident: u64| {
            let known = Known {
                max: 120 * MIB,
                base: 20 * MIB,
                accounted: accounted * MIB,
                resident: resident * MIB,
            };
            known.judge().pressure
        };
        for (accounted, resident, expected) in [
            (0, 20, Pressure::None),
            (79, 20, Pressure::None),
            (81, 20, Pressure::Hold),
            (91, 20, Pressure::Refuse),
            (101, 20, Pressure::Cut),
            // What the accounts do not explain counts too,
            (20, 99, Pressure::None),
            (20, 101, Pressure::Hold),
            (20, 121, Pressure::Cut),
            // but peers always get a part.
            (12, 500, Pressure::None),
        ] {
            assert_eq!(judge(accounted, resident), expected, "{accounted} {resident}");
        }
    }

    #[test]
    fn the_excess_is_cut_where_the_memory_is_held() {
        let memory = Memory::new(120 * MIB, 20 * MIB, 2);
        memory.publish(0, 90 * MIB, false);
        memory.publish(1, 30 * MIB, false);
        memory.compare(&mut Seen::default());
        let (verdict, excess) = memory.verdict(90 * MIB);
        assert_eq!((verdict.pressure, verdict.free), (Pressure::Cut, 0));
        // 40 MiB in all.
        assert_eq!((excess / MIB, memory.verdict(30 * MIB).1 / MIB), (30, 10));
        assert_eq!(memory.number(), 1);
    }

    #[test]
    fn a_body_counts_until_its_last_reference_is_dropped() {
        let memory = Memory::new(u64::MAX, 0, 1);
        let body = memory.count(0, vec![0; 5000]);
        let same = body.clone();
        drop(body);
        assert_eq!(memory.publish(0, 10, false), 5010);
        drop(same);
        assert_eq!(memory.publish(0, 10, false), 10);
        let small = memory.count(0, vec![0; 10]);
        assert_eq!((small.len(), memory.accounted()), (10, 10));
    }
}
