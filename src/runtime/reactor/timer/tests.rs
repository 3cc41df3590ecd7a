use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;

const START: Time = Time::from_nanos(987_654_321_012_345);
/// Its type is given, because numbers can be compared with JSON too.
const NOTHING: [u64; 0] = [];

fn fired(wheel: &mut TimerWheel<u64>, now: Time) -> Vec<u64> {
    let mut values = Vec::new();
    wheel.advance(now, &mut |value| values.push(value));
    values
}

#[test]
fn a_timer_fires_within_one_tick_after_its_deadline_and_never_before() {
    let second = 1_000_000_000;
    for wait in [0, 1, TICK_NANOS, 64 * TICK_NANOS, second, 60 * second, 86_400 * second, 1 << 62] {
        let mut wheel = TimerWheel::new(START);
        let deadline = START + Duration::from_nanos(wait);
        wheel.insert(deadline, 7);
        if wait > 0 {
            assert_eq!(fired(&mut wheel, Time::from_nanos(deadline.as_nanos() - 1)), NOTHING, "{wait}");
        }
        assert_eq!(fired(&mut wheel, deadline + Duration::from_nanos(TICK_NANOS)), [7], "{wait}");
        assert!(wheel.is_empty());
    }
}

#[test]
fn a_deadline_that_has_passed_fires_at_once() {
    let mut wheel = TimerWheel::new(START);
    wheel.insert(Time::from_nanos(0), 1);
    assert!(wheel.next_deadline().expect("there is a timer") <= START);
    assert_eq!(fired(&mut wheel, START), [1]);
}

#[test]
fn never_does_not_fire() {
    let mut wheel = TimerWheel::new(START);
    let key = wheel.insert(Time::NEVER, 1);
    assert_eq!(fired(&mut wheel, Time::NEVER), NOTHING);
    assert_eq!(wheel.next_deadline(), Some(Time::NEVER));
    assert_eq!(wheel.cancel(key), Some(1));
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn a_key_that_was_used_up_names_nothing() {
    let mut wheel = TimerWheel::new(START);
    let cancelled = wheel.insert(START, 1);
    assert_eq!(wheel.cancel(cancelled), Some(1));
    let in_its_place = wheel.insert(START, 2);
    assert_eq!(wheel.cancel(cancelled), None);
    assert_eq!(wheel.get_mut(cancelled), None);
    assert_eq!(wheel.get_mut(in_its_place), Some(&mut 2));
    assert_eq!(fired(&mut wheel, START + Duration::from_millis(2)), [2]);
    assert_eq!(wheel.cancel(in_its_place), None);
    assert_eq!(wheel.get_mut(in_its_place), None);
    assert_eq!(wheel.len(), 0);
}

#[test]
fn time_that_goes_back_fires_nothing_early() {
    let mut wheel = TimerWheel::new(START);
    let later = START + Duration::from_secs(10);
    assert_eq!(fired(&mut wheel, later), NOTHING);
    wheel.insert(later + Duration::from_millis(5), 1);
    assert_eq!(fired(&mut wheel, START), NOTHING);
    assert_eq!(fired(&mut wheel, later + Duration::from_millis(7)), [1]);
}

#[test]
fn a_callback_that_panics_loses_no_other_timer() {
    let mut wheel = TimerWheel::new(START);
    (0..3).for_each(|value| _ = wheel.insert(START, value));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wheel.advance(START + Duration::from_millis(2), &mut |_| panic!("a fault of the callback"));
    }));
    assert!(unwound.is_err());
    assert_eq!(wheel.len(), 2);
    assert_eq!(fired(&mut wheel, START + Duration::from_millis(2)).len(), 2);
}

#[test]
fn places_are_used_again() {
    let mut wheel = TimerWheel::new(START);
    for round in 0..1000 {
        let key = wheel.insert(START + Duration::from_secs(round), round);
        assert_eq!(wheel.cancel(key), Some(round));
    }
    assert_eq!(wheel.timers.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Cancel(prop::sample::Index),
    Advance(u64),
    AdvanceToNext,
}

fn step() -> impl Strategy<Value = Step> {
    let near_and_far = || {
        prop_oneof![
            4 => 0..4 * TICK_NANOS,
            4 => 0..200 * TICK_NANOS,
            2 => 0..1u64 << 40,
            1 => any::<u64>(),
            1 => (0u64..=44, 0..3u64).prop_map(|(bit, more)| (TICK_NANOS << (bit % 44)).saturating_add(more)),
        ]
    };
    let advance = prop_oneof![4 => 0..4 * TICK_NANOS, 4 => 0..5000 * TICK_NANOS, 1 => 0..1u64 << 42, 1 => 0..1u64 << 60];
    prop_oneof![
        5 => near_and_far().prop_map(Step::Insert),
        2 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        2 => advance.prop_map(Step::Advance),
        2 => Just(Step::AdvanceToNext),
    ]
}

/// The tick at which a deadline may fire, and whether it has come.
fn due(deadline: Time, now: Time) -> bool {
    deadline.as_nanos().div_ceil(TICK_NANOS) <= now.as_nanos() / TICK_NANOS
}

proptest! {
    #[test]
    fn the_wheel_does_what_a_sorted_map_does(start in 0..1u64 << 50, steps in prop::collection::vec(step(), 1..200)) {
        let mut now = Time::from_nanos(start);
        let mut wheel = TimerWheel::new(now);
        // By value, because deadlines may be equal.
        let mut model: BTreeMap<u64, (Time, TimerKey)> = BTreeMap::new();
        let mut used_up = Vec::new();
        for (value, step) in (0u64..).zip(steps) {
            match step {
                Step::Insert(wait) => {
                    let deadline = Time::from_nanos(now.as_nanos().saturating_add(wait));
                    model.insert(value, (deadline, wheel.insert(deadline, value)));
                    continue;
                }
                Step::Cancel(which) if !model.is_empty() => {
                    let (&value, &(_, key)) = model.iter().nth(which.index(model.len())).expect("not empty");
                    prop_assert_eq!(wheel.cancel(key), Some(value));
                    model.remove(&value);
                    used_up.push(key);
                    continue;
                }
                Step::Cancel(_) => continue,
                Step::Advance(wait) => now = Time::from_nanos(now.as_nanos().saturating_add(wait)),
                Step::AdvanceToNext => now = now.max(wheel.next_deadline().unwrap_or(now)),
            }
            for value in fired(&mut wheel, now) {
                let (deadline, key) = model.remove(&value).expect("it was inserted and not yet fired");
                prop_assert!(due(deadline, now));
                used_up.push(key);
            }
            prop_assert!(model.values().all(|&(deadline, _)| !due(deadline, now)));
            prop_assert!(used_up.iter().all(|&key| wheel.cancel(key).is_none()));
            prop_assert_eq!(wheel.len(), model.len());
            match (wheel.next_deadline(), model.values().map(|&(deadline, _)| deadline).min()) {
                (Some(next), Some(first)) => {
                    prop_assert!(next.as_nanos() <= first.as_nanos().div_ceil(TICK_NANOS).saturating_mul(TICK_NANOS));
                    prop_assert!(next > now || next == Time::NEVER, "the pump would turn without end");
                }
                (None, None) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn following_the_next_deadline_fires_soon(start in 0..1u64 << 50, wait in 0..1u64 << 60) {
        let mut now = Time::from_nanos(start);
        let mut wheel = TimerWheel::new(now);
        wheel.insert(now + Duration::from_nanos(wait), 1);
        let mut turns = 0;
        while let Some(next) = wheel.next_deadline() {
            now = now.max(next);
            fired(&mut wheel, now);
            turns += 1;
        }
        prop_assert!(turns <= LEVELS);
    }
}
