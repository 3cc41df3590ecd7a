//! A queue in which no connection delays the others.

use std::collections::{HashMap, VecDeque};

use crate::Holder;

/// Items of many connections, each in its order. While it is short, all are in the order of arrival. When it becomes
/// longer, the connections take turns, by cost (deficit round robin: Shreedhar and Varghese, "Efficient fair queuing
/// using deficit round robin", 1995; as in [`PriorityQueue`](super::PriorityQueue), a turn may be overdrawn by one
/// item, and the next turns pay for it). The program itself counts as one connection of each shard.
///
/// # Examples
/// ```
/// use shardcast_proto::{Holder, push::schedule::{FairQueue, delivery_cost}};
///
/// let holder = |connection| Holder::connection(0, connection, [192, 0, 2, 1].into());
/// let mut queue = FairQueue::default();
/// for number in 0..1000 {
///     queue.push(&holder(1), delivery_cost(0), number);
/// }
/// queue.push(&holder(2), delivery_cost(0), 1000);
/// let ahead = std::iter::from_fn(|| queue.pop()).take_while(|item| *item != 1000).count();
/// assert!(ahead < 50, "one turn of the other connection, not everything that it sent");
/// assert_eq!((queue.len(), queue.is_empty()), (1000 - ahead, false));
/// ```
#[derive(Debug)]
pub struct FairQueue<T> {
    /// In the order of arrival. Invariant: while there are flows, these came after all that are in flows.
    arrivals: VecDeque<(Key, u64, T)>,
    flows: HashMap<Key, Flow<T>>,
    /// The keys of the flows, the next one first.
    turns: VecDeque<Key>,
    len: usize,
}

/// A connection.
type Key = (u16, u64);

#[derive(Debug)]
struct Flow<T> {
    deficit: i64,
    items: VecDeque<(u64, T)>,
}

impl<T> FairQueue<T> {
    /// Adds an item after those of the same holder.
    #[inline]
    pub fn push(&mut self, holder: &Holder, cost: u64, item: T) {
        self.arrivals.push_back(((holder.shard, holder.connection), cost, item));
        self.len += 1;
    }

    /// Takes out the next item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.flows.is_empty() && self.arrivals.len() <= IN_ORDER_MAX {
            let (_, _, item) = self.arrivals.pop_front()?;
            self.len -= 1;
            return Some(item);
        }
        self.pop_fairly()
    }

    /// How many wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn pop_fairly(&mut self) -> Option<T> {
        for (key, cost, item) in self.arrivals.drain(..) {
            let flow = self.flows.entry(key).or_insert_with(|| {
                self.turns.push_back(key);
                Flow { deficit: 0, items: VecDeque::new() }
            });
            flow.items.push_back((cost, item));
        }
        loop {
            let key = self.turns.pop_front()?;
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if flow.deficit <= 0 {
                flow.deficit += QUANTUM;
            }
            if flow.deficit <= 0 {
                self.turns.push_back(key);
                continue;
            }
            let (cost, item) = flow.items.pop_front()?;
            flow.deficit -= i64::try_from(cost).unwrap_or(COST_MAX).clamp(1, COST_MAX);
            self.len -= 1;
            if flow.items.is_empty() {
                self.flows.remove(&key);
            } else if flow.deficit > 0 {
                self.turns.push_front(key);
            } else {
                self.turns.push_back(key);
            }
            return Some(item);
        }
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { arrivals: VecDeque::new(), flows: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

/// As many are taken in the order of arrival: they leave in one turn, so their order does not matter.
const IN_ORDER_MAX: usize = 32;

/// The cost that a connection has for each turn: about 32 small items.
const QUANTUM: i64 = 8 << 10;

/// An item is not charged for more, so that an overdraft is paid for within 128 turns.
const COST_MAX: i64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn holder(connection: u64) -> Holder {
        Holder::connection(0, connection, [192, 0, 2, 1].into())
    }

    #[test]
    fn connections_get_the_same_by_cost() {
        let mut queue = FairQueue::default();
        for number in 0..2000 {
            queue.push(&holder(1), 1000, (1, number));
            queue.push(&holder(2), 4000, (2, number));
        }
        let mut cost = BTreeMap::<u64, u64>::new();
        for _ in 0..1000 {
            let (connection, _) = queue.pop().expect("there are more");
            *cost.entry(connection).or_default() += if connection == 1 { 1000 } else { 4000 };
        }
        assert!(cost[&1].abs_diff(cost[&2]) <= 2 * QUANTUM as u64, "{cost:?}");
    }

    #[test]
    fn a_large_item_is_paid_for_and_does_not_block() {
        let mut queue = FairQueue::default();
        queue.push(&holder(1), 900_000, (1, 0));
        queue.push(&holder(1), 900_000, (1, 1));
        (0..200).for_each(|number| queue.push(&holder(2), 256, (2, number)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order[0], (1, 0));
        assert_eq!(order.iter().position(|it| *it == (1, 1)), Some(201), "after all of the other");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_connection_stays_in_order_and_nothing_is_lost(
            steps in prop::collection::vec(prop::option::of((0u64..6, 0u64..50_000)), 0..400)
        ) {
            let mut queue = FairQueue::default();
            let (mut sent, mut got) = (BTreeMap::<u64, u64>::new(), BTreeMap::<u64, u64>::new());
            let mut take = |(connection, number): (u64, u64)| {
                let next = got.entry(connection).or_default();
                assert_eq!(*next, number);
                *next += 1;
            };
            for step in steps {
                match step {
                    Some((connection, cost)) => {
                        let number = sent.entry(connection).or_default();
                        queue.push(&holder(connection), cost, (connection, *number));
                        *number += 1;
                    }
                    None => if let Some(item) = queue.pop() { take(item) },
                }
            }
            while let Some(item) = queue.pop() {
                take(item);
            }
            prop_assert!(queue.is_empty() && queue.flows.is_empty() && queue.turns.is_empty());
            prop_assert_eq!(sent, got);
        }
    }
}
