//! Which queue runs next. A value without a clock: what ran, and for how long, are arguments.
//!
//! Each queue has a virtual time: the time that it ran, divided by its shares. The next one is the ready queue with the
//! least virtual time, so ready queues run in proportion to their shares. A queue that becomes ready keeps what it ran
//! too much, but does not save up the time in which it had nothing to run: its virtual time begins at that of the queue
//! that is next.

/// The order of the queues of one shard, by number.
///
/// Invariant: no ready queue has a virtual time below `earliest`.
#[derive(Debug, Default)]
pub(super) struct Order {
    queues: Vec<Entry>,
    /// A bit per queue that has something to run.
    ready: u64,
    /// The virtual time of the queue that was chosen last, or a later one. It never decreases.
    earliest: u128,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    shares: u16,
    /// In nanoseconds of a queue with [`SHARES_MAX`].
    time: u128,
}

impl Order {
    /// Adds a queue, which is not ready; returns its number. There are [`QUEUES_MAX`] at most.
    pub(super) fn add(&mut self, shares: u16) -> usize {
        debug_assert!(self.queues.len() < QUEUES_MAX && (1..=SHARES_MAX).contains(&shares));
        self.queues.push(Entry { shares, time: self.earliest });
        self.queues.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn shares(&self, number: usize) -> u16 {
        self.queues[number].shares
    }

    /// Changes the shares of a queue. What it ran too much counts for its new shares.
    pub(super) fn set_shares(&mut self, number: usize, shares: u16) {
        debug_assert!((1..=SHARES_MAX).contains(&shares));
        let earliest = self.earliest;
        let entry = &mut self.queues[number];
        let ahead = entry.time.saturating_sub(earliest);
        entry.time = entry.time.min(earliest) + ahead * u128::from(entry.shares) / u128::from(shares);
        entry.shares = shares;
    }

    #[inline]
    pub(super) const fn has_ready(&self) -> bool {
        self.ready != 0
    }

    /// The queue has something to run.
    #[inline]
    pub(super) fn set_ready(&mut self, number: usize) {
        self.ready |= 1 << number;
        let entry = &mut self.queues[number];
        entry.time = entry.time.max(self.earliest);
    }

    /// The queue has nothing to run.
    #[inline]
    pub(super) fn set_waiting(&mut self, number: usize) {
        self.ready &= !(1 << number);
    }

    /// The queue that runs next, if one is ready.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        let mut left = self.ready;
        let mut next: Option<usize> = None;
        while left != 0 {
            let number = left.trailing_zeros() as usize;
            left &= left - 1;
            if next.is_none_or(|next| self.queues[number].time < self.queues[next].time) {
                next = Some(number);
            }
        }
        self.earliest = self.earliest.max(next.map_or(0, |next| self.queues[next].time));
        next
    }

    /// The queue has run for this time.
    #[inline]
    pub(super) fn charge(&mut self, number: usize, nanos: u64) {
        let entry = &mut self.queues[number];
        // At least one, so that queues take turns also when the clock does not advance; at most 18 minutes, so that the
        // product fits.
        let nanos = nanos.clamp(1, 1 << 40);
        entry.time += u128::from(nanos * u64::from(SHARES_MAX) / u64::from(entry.shares));
    }
}

/// The greatest shares of a queue; the least are 1.
pub(crate) const SHARES_MAX: u16 = 1000;

/// The queues of one shard at most: each has a bit.
pub(crate) const QUEUES_MAX: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets the order choose until `until` nanoseconds have passed; a queue that is chosen runs for the time in `slices`.
    /// Returns how long each ran.
    fn run(order: &mut Order, slices: &[u64], until: u64) -> Vec<u64> {
        let mut ran = vec![0; slices.len()];
        while ran.iter().sum::<u64>() < until {
            let number = order.next().expect("one is ready");
            order.charge(number, slices[number]);
            ran[number] += slices[number];
        }
        ran
    }

    fn ready(shares: &[u16]) -> Order {
        let mut order = Order::default();
        for &shares in shares {
            let number = order.add(shares);
            order.set_ready(number);
        }
        order
    }

    #[track_caller]
    fn ratio(ran: &[u64], expected: f64) {
        let ratio = ran[1] as f64 / ran[0] as f64;
        assert!((ratio / expected - 1.0).abs() < 0.01, "{ran:?}: {ratio}, not {expected}");
    }

    const US: u64 = 1000;
    const S: u64 = 1_000_000_000;

    #[test]
    fn ready_queues_run_by_their_shares_whatever_they_take_at_once() {
        for slices in [[100 * US, 100 * US], [500 * US, 20 * US], [3 * US, 700 * US]] {
            ratio(&run(&mut ready(&[100, 900]), &slices, 2 * S), 9.0);
            ratio(&run(&mut ready(&[1, 1]), &slices, 2 * S), 1.0);
            ratio(&run(&mut ready(&[1000, 500]), &slices, 2 * S), 0.5);
        }
    }

    #[test]
    fn more_queues_than_two_run_by_their_shares() {
        let mut order = ready(&[100, 200, 300, 400]);
        let ran = run(&mut order, &[70 * US, 50 * US, 90 * US, 10 * US], S);
        let parts: Vec<_> = ran.iter().map(|nanos| (*nanos as f64 / S as f64 * 10.0).round()).collect();
        assert_eq!(parts, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_queue_alone_runs_always() {
        let mut order = ready(&[1, 1000]);
        order.set_waiting(1);
        assert_eq!(run(&mut order, &[US, US], S), [S, 0]);
        order.set_waiting(0);
        assert_eq!(order.next(), None);
        assert!(!order.has_ready());
    }

    #[test]
    fn a_queue_that_waited_is_next_but_saves_up_nothing() {
        let mut order = ready(&[500, 500]);
        order.set_waiting(1);
        run(&mut order, &[100 * US, 100 * US], 10 * S);
        order.set_ready(1);
        // It runs after one slice of the other at the latest, and then they take turns.
        let ran = run(&mut order, &[100 * US, 100 * US], 200 * US);
        assert_eq!(ran, [100 * US, 100 * US]);
        ratio(&run(&mut order, &[100 * US, 100 * US], S), 1.0);
    }

    #[test]
    fn a_new_queue_does_not_make_up_for_the_time_before_it() {
        let mut order = ready(&[500]);
        run(&mut order, &[100 * US], 10 * S);
        let new = order.add(500);
        order.set_ready(new);
        ratio(&run(&mut order, &[100 * US, 100 * US], S), 1.0);
    }

    #[test]
    fn waiting_for_a_moment_does_not_cancel_what_a_queue_ran_too_much() {
        let mut order = ready(&[900, 100]);
        let mut ran = [0, 0];
        while ran[0] + ran[1] < S {
            let number = order.next().expect("one is ready");
            if number == 1 {
                // Its only task waits after each poll, and is woken before the next choice.
                order.set_waiting(1);
                order.set_ready(1);
            }
            order.charge(number, 100 * US);
            if number == 1 {
                order.set_waiting(1);
                order.set_ready(1);
            }
            ran[number] += 100 * US;
        }
        ratio(&ran, 1.0 / 9.0);
    }

    #[test]
    fn a_queue_that_ran_too_much_alone_is_not_punished_for_that() {
        let mut order = ready(&[1, 1000]);
        order.set_waiting(1);
        run(&mut order, &[100 * US, US], S);
        order.set_waiting(0);
        order.set_ready(0);
        // Alone again, and then beside the other.
        assert_eq!(order.next(), Some(0));
        order.set_ready(1);
        ratio(&run(&mut order, &[US, US], S), 1000.0);
    }

    #[test]
    fn new_shares_count_at_once() {
        let mut order = ready(&[1, 999]);
        run(&mut order, &[100 * US, 100 * US], S);
        // The first one is about 100 ms of the second one ahead.
        order.set_shares(0, 999);
        assert_eq!((order.shares(0), order.len()), (999, 2));
        ratio(&run(&mut order, &[100 * US, 100 * US], 20_000 * US), 1.0);
        order.set_shares(1, 111);
        ratio(&run(&mut order, &[100 * US, 100 * US], S), 1.0 / 9.0);
    }

    #[test]
    fn all_queues_that_a_shard_may_have_take_turns_without_a_clock() {
        let mut order = ready(&[7; QUEUES_MAX]);
        let mut chosen = [0; QUEUES_MAX];
        for _ in 0..3 * QUEUES_MAX {
            let number = order.next().expect("all are ready");
            order.charge(number, 0);
            chosen[number] += 1;
        }
        assert_eq!(chosen, [3; QUEUES_MAX]);
    }
}
