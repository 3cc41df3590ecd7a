//! Which endpoint gets a call. A value without I/O.

use std::sync::{Mutex, PoisonError};

/// How a call chooses its endpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Choice {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The same one for the same key.
    Hash(u64),
    /// The same one for the same key, also when most other endpoints change.
    ConsistentHash(u64),
    /// The one with this hash of its name.
    Only(u64),
}

/// Chooses among endpoints, which are numbers here.
#[derive(Debug)]
pub(super) struct Balance {
    /// By number: the hash of its name.
    names: Vec<u64>,
    /// By number: how often it is chosen in comparison.
    weights: Vec<u32>,
    /// Smooth weighted round robin: by number, the weight that it has gathered.
    turns: Mutex<Vec<i64>>,
    /// The endpoints with a weight, in the order of their names.
    by_name: Vec<usize>,
    /// Points on the circle of hashes, in order, and the endpoint of each.
    ring: Vec<(u64, usize)>,
}

impl Balance {
    /// `endpoints` are their names, which decide about hashes, and their weights.
    pub(super) fn new(endpoints: &[(String, u32)]) -> Self {
        // If nothing has a weight, all are equal.
        let all_equal = endpoints.iter().all(|(_, weight)| *weight == 0);
        let weights: Vec<u32> =
            endpoints.iter().map(|(_, weight)| if all_equal { 1 } else { *weight }).collect();
        let mut by_name: Vec<usize> = (0..weights.len()).filter(|number| weights[*number] > 0).collect();
        by_name.sort_by(|one, other| endpoints[*one].0.cmp(&endpoints[*other].0));
        let most = u64::from(weights.iter().copied().max().unwrap_or(1));
        let mut ring: Vec<(u64, usize)> = by_name
            .iter()
            .flat_map(|number| {
                let points = (POINTS * u64::from(weights[*number])).div_ceil(most);
                let name = hash_text(&endpoints[*number].0);
                (0..points).map(move |point| (mix(name ^ mix(point)), *number))
            })
            .collect();
        ring.sort_unstable();
        let turns = Mutex::new(vec![0; weights.len()]);
        let names = endpoints.iter().map(|(name, _)| hash_text(name)).collect();
        Self { names, weights, turns, by_name, ring }
    }

    /// The endpoint for a call among those that are `usable`, if there is one.
    pub(super) fn choose(&self, choice: Choice, usable: impl Fn(usize) -> bool) -> Option<usize> {
        match choice {
            Choice::RoundRobin => self.next_turn(usable),
            Choice::Only(name) => self.names.iter().position(|it| *it == name).filter(|it| usable(*it)),
            Choice::Hash(key) => {
                let first = *pick(&self.by_name, key)?;
                if usable(first) {
                    return Some(first);
                }
                let others: Vec<usize> = self.by_name.iter().copied().filter(|it| usable(*it)).collect();
                pick(&others, key).copied()
            }
            Choice::ConsistentHash(key) => {
                let key = mix(key);
                let start = self.ring.partition_point(|(point, _)| *point < key);
                let (before, after) = self.ring.split_at(start);
                after.iter().chain(before).map(|(_, number)| *number).find(|number| usable(*number))
            }
        }
    }

    /// Each usable one gets its weight; the one with the most is chosen, and pays for all.
    fn next_turn(&self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut total, mut chosen) = (0, None);
        for number in self.by_name.iter().copied().filter(|it| usable(*it)) {
            let weight = i64::from(self.weights[number]);
            turns[number] += weight;
            total += weight;
            if chosen.is_none_or(|best: usize| turns[number] > turns[best]) {
                chosen = Some(number);
            }
        }
        turns[chosen?] -= total;
        chosen
    }
}

fn pick(numbers: &[usize], key: u64) -> Option<&usize> {
    let index = key.checked_rem(numbers.len() as u64)?;
    numbers.get(usize::try_from(index).ok()?)
}

/// The hash of a text, the same in every process: FNV-1a.
pub(super) fn hash_text(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Distributes similar numbers evenly: the last step of SplitMix64.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Points of the endpoint with the greatest weight.
const POINTS: u64 = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(weights: &[u32]) -> Balance {
        let named = |(number, weight): (usize, &u32)| (format!("10.0.0.{number}:10000"), *weight);
        Balance::new(&weights.iter().enumerate().map(named).collect::<Vec<_>>())
    }

    fn counts(
        balance: &Balance,
        rounds: u64,
        choice: impl Fn(u64) -> Choice,
        usable: impl Fn(usize) -> bool,
    ) -> Vec<u64> {
        let mut counts = vec![0; balance.weights.len()];
        for round in 0..rounds {
            counts[balance.choose(choice(round), &usable).expect("one is usable")] += 1;
        }
        counts
    }

    #[test]
    fn turns_follow_the_weights_of_those_that_are_usable() {
        let in_turn = |_| Choice::RoundRobin;
        assert_eq!(counts(&balance(&[1, 3, 0]), 400, in_turn, |_| true), [100, 300, 0]);
        assert_eq!(counts(&balance(&[1, 3, 2]), 300, in_turn, |it| it != 1), [100, 0, 200]);
        assert_eq!(counts(&balance(&[0, 0]), 10, in_turn, |_| true), [5, 5]);
        let mixed = balance(&[1, 3]);
        let turns: Vec<_> = (0..4).filter_map(|_| mixed.choose(Choice::RoundRobin, |_| true)).collect();
        assert_eq!(turns, [1, 0, 1, 1], "spread");
        assert_eq!(balance(&[1, 0]).choose(Choice::RoundRobin, |it| it == 1), None, "weight 0 gets no calls");
        assert_eq!(balance(&[]).choose(Choice::Hash(1), |_| true), None);
    }

    #[test]
    fn a_key_keeps_its_endpoint_while_that_is_usable() {
        let five = balance(&[1; 5]);
        for key in 0..1000 {
            for choice in [Choice::Hash(key), Choice::ConsistentHash(key)] {
                let first = five.choose(choice, |_| true).expect("all are");
                assert_eq!(five.choose(choice, |it| it == first || it == 2), Some(first));
                assert_ne!(five.choose(choice, |it| it != first), Some(first));
            }
        }
    }

    #[test]
    fn a_consistent_hash_moves_only_the_keys_of_what_is_gone() {
        let (five, weighted) = (balance(&[1; 5]), balance(&[1, 3]));
        let shares = counts(&five, 10_000, Choice::ConsistentHash, |_| true);
        assert!(shares.iter().all(|share| (1500..2500).contains(share)), "{shares:?}");
        let shares = counts(&weighted, 10_000, Choice::ConsistentHash, |_| true);
        assert!((1900..3100).contains(&shares[0]), "{shares:?}");
        for key in 0..1000 {
            let before = five.choose(Choice::ConsistentHash(key), |_| true);
            let after = five.choose(Choice::ConsistentHash(key), |it| it != 4);
            assert!(before == after || before == Some(4));
        }
        // The same in every process.
        assert_eq!(
            five.choose(Choice::ConsistentHash(7), |_| true),
            five.choose(Choice::ConsistentHash(7), |_| true)
        );
        assert_eq!(hash_text("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
