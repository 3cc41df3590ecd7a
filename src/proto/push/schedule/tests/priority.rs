use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::super::*;

/// A job of so many deliveries of so many bytes each.
#[derive(Clone, Debug)]
struct Job {
    name: u32,
    deliveries: u64,
    bytes: usize,
}

const fn job(name: u32, deliveries: u64) -> Job {
    Job { name, deliveries, bytes: 0 }
}

/// Does one piece as a fan-out does: whole deliveries, one at least, until the allowance is spent.
fn piece(job: &mut Job, allowance: u64) -> Piece {
    let each = delivery_cost(job.bytes);
    let count = allowance.div_ceil(each).clamp(1, job.deliveries);
    job.deliveries -= count;
    Piece { cost: count * each, is_done: job.deliveries == 0 }
}

/// Runs one piece; returns key, name of the job, and cost.
fn step(queue: &mut PriorityQueue<u8, Job>) -> Option<(u8, u32, u64)> {
    let mut ran = None;
    let cost = queue.run(|key, job, allowance| {
        ran = Some((*key, job.name));
        piece(job, allowance)
    })?;
    ran.map(|(key, name)| (key, name, cost))
}

#[test]
fn jobs_of_one_key_are_done_in_order_whatever_their_priorities() {
    let mut queue = PriorityQueue::new();
    for (name, priority) in
        [Priority::Bulk, Priority::Urgent, Priority::Normal, Priority::Bulk].into_iter().enumerate()
    {
        queue.push(1, priority, job(name as u32, 300));
    }
    let mut names: Vec<_> = std::iter::from_fn(|| step(&mut queue)).map(|(_, name, _)| name).collect();
    names.dedup();
    assert_eq!(names, [0, 1, 2, 3]);
}

#[test]
fn an_urgent_job_waits_for_one_piece_of_a_fan_out_to_ten_thousand() {
    for ahead in [Priority::High, Priority::Normal, Priority::Bulk] {
        let mut queue = PriorityQueue::new();
        queue.push(1, ahead, job(0, 10_000));
        let (key, _, cost) = step(&mut queue).expect("there is a job");
        assert!(key == 1 && cost <= 33 << 10, "a piece costs {cost}");
        queue.push(2, Priority::Urgent, job(1, 1));
        assert_eq!(step(&mut queue).map(|(key, ..)| key), Some(2), "{ahead:?}");
    }
}

#[test]
fn an_urgent_job_takes_those_of_its_key_along() {
    let mut queue = PriorityQueue::new();
    queue.push(1, Priority::Normal, job(0, 10_000));
    queue.push(2, Priority::Bulk, job(1, 10));
    queue.push(2, Priority::Urgent, job(2, 10));
    let order: Vec<_> = (0..2).filter_map(|_| step(&mut queue)).map(|(_, name, _)| name).collect();
    assert_eq!(order, [1, 2]);
    // And it is over with them: the next one is what it was.
    queue.push(2, Priority::Bulk, job(3, 10));
    assert_eq!(step(&mut queue).map(|(_, name, _)| name), Some(0));
}

#[test]
fn all_priorities_with_work_get_their_parts() {
    let mut queue = PriorityQueue::new();
    for priority in Priority::ALL {
        queue.push(priority.number(), priority, job(0, u64::MAX));
    }
    let mut spent = [0; 4];
    for _ in 0..15_000 {
        let (key, _, cost) = step(&mut queue).expect("there is always work");
        spent[usize::from(key)] += cost;
    }
    let all: u64 = spent.iter().sum();
    for (spent, weight) in spent.into_iter().zip([8, 4, 2, 1]) {
        let share = spent as f64 / all as f64 * 15.0;
        assert!((share - f64::from(weight)).abs() < 0.05, "{share} instead of {weight}");
    }
}

#[test]
fn keys_of_one_priority_share_by_cost_and_not_by_number() {
    let mut queue = PriorityQueue::new();
    for (key, bytes) in [(1, 0), (2, 1 << 10), (3, 100 << 10)] {
        queue.push(key, Priority::Normal, Job { name: 0, deliveries: u64::MAX, bytes });
    }
    let mut spent = BTreeMap::new();
    for _ in 0..30_000 {
        let (key, _, cost) = step(&mut queue).expect("there is always work");
        *spent.entry(key).or_insert(0u64) += cost;
    }
    let (least, most) = (spent.values().min().expect("three"), spent.values().max().expect("three"));
    assert!(most - least < 1 << 20, "{spent:?}");
}

#[test]
fn a_huge_delivery_is_paid_for_and_ends() {
    let mut queue = PriorityQueue::new();
    queue.push(1, Priority::Bulk, Job { name: 0, deliveries: 3, bytes: usize::MAX / 4 });
    queue.push(2, Priority::Bulk, job(1, 10_000));
    assert_eq!(step(&mut queue).map(|(key, ..)| key), Some(1));
    let mut between = 0;
    while step(&mut queue).expect("not done yet").0 == 2 {
        between += 1;
        if queue.len() == 1 {
            break;
        }
    }
    assert!(between >= 78, "10,000 small deliveries are 78 pieces and come first: {between}");
    while step(&mut queue).is_some() {}
    assert!(queue.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model of one queue per key: each job is done once, in the order of its key, completely; and
    /// nothing waits longer than all others may take in a round.
    #[test]
    fn no_job_is_lost_doubled_or_starved(
        steps in prop::collection::vec((0u8..6, 0u8..4, 1u64..400, 0usize..3000, any::<bool>()), 1..300),
    ) {
        let mut queue = PriorityQueue::new();
        let mut model: BTreeMap<u8, VecDeque<u32>> = BTreeMap::new();
        let mut waited: BTreeMap<u8, u64> = BTreeMap::new();
        let run = |queue: &mut PriorityQueue<u8, Job>, model: &mut BTreeMap<u8, VecDeque<u32>>,
                   waited: &mut BTreeMap<u8, u64>| {
            let before = queue.len();
            let Some((key, name, cost)) = step(queue) else { return false };
            let jobs = model.get_mut(&key).expect("it was pushed");
            assert_eq!(jobs.front(), Some(&name));
            if queue.len() < before {
                jobs.pop_front();
            }
            waited.insert(key, 0);
            for (other, jobs) in model.iter().filter(|(other, _)| **other != key) {
                let waited = waited.entry(*other).or_default();
                *waited = if jobs.is_empty() { 0 } else { *waited + cost };
                // Six keys, at most one piece over a quantum each, 15 quanta a round.
                assert!(*waited <= 6 * 15 * (36 << 10), "key {other} waited {waited}");
            }
            true
        };
        for (name, (key, priority, deliveries, bytes, runs)) in steps.into_iter().enumerate() {
            let priority = Priority::from_number(priority).expect("there are four");
            queue.push(key, priority, Job { name: name as u32, deliveries, bytes });
            model.entry(key).or_default().push_back(name as u32);
            prop_assert!(queue.has(&key));
            if runs {
                run(&mut queue, &mut model, &mut waited);
            }
            prop_assert_eq!(queue.len(), model.values().map(VecDeque::len).sum::<usize>());
        }
        while run(&mut queue, &mut model, &mut waited) {}
        prop_assert!(queue.is_empty() && model.values().all(VecDeque::is_empty));
    }
}
