//! Delayed, periodic and rate-limited: what waits, in order and within bounds.

use std::{collections::VecDeque, time::Duration};

use proptest::prelude::*;

use super::{super::*, SECOND, START, after};
use crate::{Holder, NoRoom, Time};

#[test]
fn delayed_ones_come_when_due_in_the_order_of_their_times() {
    let mut queue = DelayQueue::new(Bounds { messages_max: 10, bytes_max: 100 });
    for (due, name) in [(30, 'c'), (10, 'a'), (30, 'd'), (20, 'b')] {
        queue.push(after(due), 1, &Holder::PROGRAM, name).expect("there is room");
    }
    assert_eq!((queue.next_due(), queue.len(), queue.bytes()), (Some(after(10)), 4, 4));
    assert_eq!(queue.pop_due(after(9)), None);
    let all: Vec<_> = std::iter::from_fn(|| queue.pop_due(after(30))).collect();
    assert_eq!(all, [(after(10), 'a'), (after(20), 'b'), (after(30), 'c'), (after(30), 'd')]);
    assert!(queue.is_empty() && queue.bytes() == 0);
}

#[test]
fn a_full_delay_queue_gives_back_what_it_cannot_keep() {
    let mut queue = DelayQueue::new(Bounds { messages_max: 2, bytes_max: 10 });
    let mut push = |bytes, name| queue.push(START, bytes, &Holder::PROGRAM, name);
    let no_room = |taken| NoRoom { taken, max: 2 };
    assert_eq!(push(11, 'a'), Err(('a', no_room(0))), "bytes");
    assert_eq!(push(usize::MAX, 'b'), Err(('b', no_room(0))), "bytes");
    assert_eq!(push(5, 'c'), Ok(()));
    assert_eq!(push(0, 'd'), Ok(()));
    assert_eq!(push(0, 'e'), Err(('e', no_room(2))), "messages");
}

#[test]
fn a_periodic_push_keeps_its_times_however_late_it_is_asked_for() {
    let interval = Duration::from_nanos(1000);
    let mut periodics = Periodics::new(1);
    periodics.add(7, after(1000), interval, 'p').expect("there is room");
    let mut seen = Vec::new();
    // Each time it is asked 0 to 999 ns late; that never moves the next one.
    for n in 1..=1000 {
        let now = after(n * 1000 + n * 37 % 1000);
        while let Some((due, _)) = periodics.pop_due(now) {
            seen.push(due);
        }
    }
    let exact: Vec<_> = (1..=1000).map(|n| after(n * 1000)).collect();
    assert_eq!((seen, periodics.missed()), (exact, 0));
}

#[test]
fn missed_repetitions_are_left_out_and_counted_and_the_schedule_stays() {
    let mut periodics = Periodics::new(1);
    periodics.add(7, after(1000), Duration::from_nanos(1000), 'p').expect("there is room");
    assert_eq!(periodics.pop_due(after(5500)), Some((after(1000), &'p')));
    assert_eq!(periodics.pop_due(after(5500)), None);
    assert_eq!((periodics.missed(), periodics.next_due()), (4, Some(after(6000))));
    assert_eq!(periodics.pop_due(Time::NEVER).map(|(due, _)| due), Some(after(6000)));
    assert_eq!(periodics.pop_due(Time::from_nanos(u64::MAX - 1)), None);
}

#[test]
fn periodics_are_added_and_removed_at_any_time_within_their_bound() {
    let second = Duration::from_secs(1);
    let mut periodics = Periodics::new(2);
    assert_eq!(periodics.add(1, START, Duration::ZERO, 'z'), Err(AddError::Interval));
    assert_eq!(periodics.add(1, START, second, 'a'), Ok(()));
    assert_eq!(periodics.add(1, START, second, 'b'), Err(AddError::Taken));
    assert_eq!(periodics.add(2, START, second, 'b'), Ok(()));
    assert_eq!(periodics.add(3, START, second, 'c'), Err(AddError::Full { max: 2 }));
    assert_eq!(periodics.remove(1), Some('a'));
    assert_eq!(periodics.remove(1), None);
    assert_eq!(periodics.pop_due(START), Some((START, &'b')));
    assert_eq!(periodics.pop_due(START), None);
    assert_eq!(periodics.len(), 1);
    assert_eq!(periodics.remove(2), Some('b'));
    assert!(periodics.is_empty() && periodics.next_due().is_none());
}

fn message(item: u32, bytes: usize, expires: Time) -> Message<u32> {
    Message { bytes, holder: Holder::PROGRAM, expires, item }
}

fn all_by(topics: &mut RateLimitedTopics<u8, u32>, now: Time) -> Vec<Came<u32>> {
    std::iter::from_fn(|| topics.pop(now)).filter(|it| *it != Came::Nothing).collect()
}

const TEN: RateLimit =
    RateLimit { messages_per_second: 10, bytes_per_second: 0, burst: Duration::from_millis(100) };

#[test]
fn one_topic_waits_for_its_rate_limit_and_delays_no_other() {
    let mut topics = RateLimitedTopics::new(Bounds { messages_max: 2, bytes_max: 100 });
    assert_eq!(topics.offer(1, &TEN, message(1, 1, Time::NEVER), START), Offered::Passes(1));
    assert_eq!(topics.offer(1, &TEN, message(2, 1, Time::NEVER), START), Offered::Waits);
    assert_eq!(topics.offer(1, &TEN, message(3, 1, Time::NEVER), START), Offered::Waits);
    assert_eq!(
        topics.offer(1, &TEN, message(4, 1, Time::NEVER), START),
        Offered::Full(4, NoRoom { taken: 2, max: 2 })
    );
    assert_eq!(topics.offer(2, &TEN, message(5, 1, Time::NEVER), START), Offered::Passes(5));
    assert_eq!(topics.next_due(), Some(after(SECOND / 10)));
    assert_eq!(all_by(&mut topics, after(SECOND / 10)), [Came::Passes(2)]);
    assert_eq!(all_by(&mut topics, after(SECOND / 10)), []);
    assert_eq!(all_by(&mut topics, after(SECOND)), [Came::Passes(3)]);
    assert_eq!((topics.next_due(), topics.waiting(), topics.topics()), (None, 0, 2));
    assert!(topics.forget_rested(after(2 * SECOND), 100));
    assert_eq!(topics.topics(), 0);
}

#[test]
fn what_expires_comes_out_at_its_time_and_gives_its_room_back() {
    let mut topics = RateLimitedTopics::new(Bounds { messages_max: 3, bytes_max: 100 });
    assert_eq!(topics.offer(1, &TEN, message(1, 1, Time::NEVER), START), Offered::Passes(1));
    assert_eq!(topics.offer(1, &TEN, message(2, 1, Time::NEVER), START), Offered::Waits);
    assert_eq!(topics.offer(1, &TEN, message(3, 1, after(50)), START), Offered::Waits);
    assert_eq!(topics.offer(1, &TEN, message(4, 1, after(70)), START), Offered::Waits);
    assert_eq!(topics.next_due(), Some(after(50)));
    assert_eq!(all_by(&mut topics, after(50)), [Came::Expired(3)]);
    assert_eq!(topics.offer(1, &TEN, message(5, 1, Time::NEVER), after(50)), Offered::Waits);
    assert_eq!(all_by(&mut topics, after(SECOND)), [Came::Expired(4), Came::Passes(2)]);
    assert_eq!(all_by(&mut topics, after(2 * SECOND)), [Came::Passes(5)]);
}

#[test]
fn topics_that_rest_are_forgotten_in_pieces_and_those_that_wait_are_not() {
    let mut topics = RateLimitedTopics::new(Bounds { messages_max: 3, bytes_max: 100 });
    for key in 0..25 {
        topics.offer(key, &TEN, message(1, 1, Time::NEVER), START);
    }
    let slow = RateLimit { messages_per_second: 1, ..TEN };
    topics.offer(10, &slow, message(2, 1, Time::NEVER), START);
    topics.offer(10, &slow, message(3, 1, Time::NEVER), START);
    topics.suspend(20, &TEN, START);
    let now = after(SECOND / 2);
    let mut pieces = Vec::new();
    while !topics.forget_rested(now, 10) {
        pieces.push(topics.topics());
        assert!(pieces.len() < 100, "it comes to the end");
    }
    assert_eq!((pieces, topics.topics()), (vec![15, 6], 2));
    // It begins again.
    topics.resume(&20, now);
    assert!(topics.forget_rested(now, 10));
    assert_eq!((topics.topics(), topics.waiting()), (1, 1));
}

#[test]
fn a_rate_limit_that_changes_takes_effect_with_the_next_message() {
    let mut topics = RateLimitedTopics::new(Bounds { messages_max: 3, bytes_max: 100 });
    topics.offer(1, &TEN, message(1, 1, Time::NEVER), START);
    let faster = RateLimit { messages_per_second: 100, ..TEN };
    assert_eq!(topics.offer(1, &faster, message(2, 1, Time::NEVER), START), Offered::Passes(2));
    for n in 0..9 {
        assert_eq!(topics.offer(1, &faster, message(n, 1, Time::NEVER), START), Offered::Passes(n));
    }
    assert_eq!(topics.offer(1, &faster, message(12, 1, Time::NEVER), START), Offered::Waits);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model: everything offered passes in order, or expired, or was refused; nothing twice; the
    /// bounds hold; nothing passes faster than its rate limit allows.
    #[test]
    fn rate_limited_topics_lose_and_reorder_nothing(
        steps in prop::collection::vec((0u8..3, 0u64..60_000_000, 0usize..40, 0u64..400_000_000), 1..200),
    ) {
        let bounds = Bounds { messages_max: 8, bytes_max: 200 };
        let rate_limit = RateLimit { messages_per_second: 50, bytes_per_second: 1000, burst: Duration::from_millis(50) };
        let mut topics = RateLimitedTopics::new(bounds);
        let mut now = START;
        let mut waiting: [VecDeque<u32>; 3] = Default::default();
        let mut passed: [Vec<(Time, usize)>; 3] = Default::default();
        let mut sizes = Vec::new();
        let run_until_idle = |topics: &mut RateLimitedTopics<u8, u32>, waiting: &mut [VecDeque<u32>; 3],
                          passed: &mut [Vec<(Time, usize)>; 3], sizes: &[(u8, usize, Time)], now: Time| {
            for came in all_by(topics, now) {
                match came {
                    Came::Passes(item) => {
                        let (key, bytes, expires) = sizes[item as usize];
                        let key = usize::from(key);
                        assert_eq!(waiting[key].pop_front(), Some(item));
                        assert!(expires > now);
                        passed[key].push((now, bytes));
                    }
                    Came::Expired(item) => {
                        let (key, _, expires) = sizes[item as usize];
                        assert!(expires <= now);
                        let queue = &mut waiting[usize::from(key)];
                        let at = queue.iter().position(|it| *it == item).expect("it waited");
                        queue.remove(at);
                    }
                    Came::Nothing => unreachable!("left out"),
                }
            }
        };
        for (item, (key, wait, bytes, ttl)) in steps.into_iter().enumerate() {
            now = now + Duration::from_nanos(wait);
            run_until_idle(&mut topics, &mut waiting, &mut passed, &sizes, now);
            let expires = if ttl < 200_000_000 { now + Duration::from_nanos(ttl + 1) } else { Time::NEVER };
            sizes.push((key, bytes, expires));
            let index = usize::from(key);
            match topics.offer(key, &rate_limit, message(item as u32, bytes, expires), now) {
                Offered::Passes(_) => {
                    prop_assert!(waiting[index].is_empty());
                    passed[index].push((now, bytes));
                }
                Offered::Waits => waiting[index].push_back(item as u32),
                Offered::Full(_, no_room) => {
                        prop_assert_eq!(no_room.taken, waiting[index].len() as u64);
                    }
            }
            prop_assert!(waiting[index].len() <= bounds.messages_max);
            prop_assert_eq!(topics.waiting(), waiting.iter().map(VecDeque::len).sum::<usize>());
        }
        while let Some(due) = topics.next_due() {
            prop_assert!(due > now);
            now = due;
            run_until_idle(&mut topics, &mut waiting, &mut passed, &sizes, now);
        }
        prop_assert!(waiting.iter().all(VecDeque::is_empty));
        for passed in &passed {
            for first in 0..passed.len() {
                let mut bytes = 0;
                for (count, &(at, len)) in passed[first..].iter().enumerate() {
                    bytes += len;
                    let millis = (at - passed[first].0).as_nanos() as f64 / 1e6;
                    prop_assert!(count as f64 + 1.0 <= 2.5 + millis * 0.05 + 1e-6);
                    prop_assert!(bytes as f64 <= 50.0 + millis + 1e-6);
                }
            }
        }
    }
}
