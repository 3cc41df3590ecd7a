//! Accepted connections that are not established yet, and which of them gives way when there are too many.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
};

use crate::ConnId;

/// The connections of a shard that are not established.
///
/// The oldest of the network with the most gives way. So one network, however many connections it opens, does not push
/// out those of another that has fewer.
#[derive(Debug, Default)]
pub(super) struct Unidentified {
    count: usize,
    /// Number of the next one.
    next: u64,
    /// Of each network, by number. None is empty.
    networks: HashMap<IpAddr, BTreeMap<u64, ConnId>>,
    /// The networks by their connections: their count, and the number of the oldest. The last one gives way.
    order: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
}

/// Where a connection is among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    network: IpAddr,
    number: u64,
}

impl Unidentified {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, ip: IpAddr, id: ConnId) -> Place {
        let place = Place { network: network(ip), number: self.next };
        self.next += 1;
        self.change(place.network, |of_network| of_network.insert(place.number, id));
        self.count += 1;
        place
    }

    pub(super) fn remove(&mut self, place: Place) {
        let removed = self.change(place.network, |of_network| of_network.remove(&place.number));
        self.count -= usize::from(removed.is_some());
    }

    /// Removes the one that gives way.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        let (_, _, network) = *self.order.last()?;
        let (_, id) = self.change(network, BTreeMap::pop_first)?;
        self.count -= 1;
        Some(id)
    }

    fn change<R>(&mut self, network: IpAddr, change: impl FnOnce(&mut BTreeMap<u64, ConnId>) -> R) -> R {
        let key = |of_network: &BTreeMap<u64, ConnId>| {
            let (oldest, _) = of_network.first_key_value()?;
            Some((of_network.len(), Reverse(*oldest), network))
        };
        let of_network = self.networks.entry(network).or_default();
        if let Some(key) = key(of_network) {
            self.order.remove(&key);
        }
        let result = change(of_network);
        match key(of_network) {
            Some(key) => drop(self.order.insert(key)),
            None => drop(self.networks.remove(&network)),
        }
        result
    }
}

/// What counts as one address: of IPv6, the network of 64 bits, all of whose addresses one host may use.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(slot: u32) -> ConnId {
        ConnId { node: 0, shard: 0, slot, generation: 1 }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_oldest_of_the_greatest_network_gives_way() {
        let mut all = Unidentified::default();
        all.insert(ip("10.0.0.1"), id(0));
        for slot in 1..=3 {
            all.insert(ip("10.0.0.2"), id(slot));
        }
        all.insert(ip("10.0.0.3"), id(4));
        assert_eq!(all.count(), 5);
        // At last each network has one: the oldest of all.
        assert_eq!([(); 5].map(|()| all.pop()), [1, 2, 0, 3, 4].map(|slot| Some(id(slot))));
        assert_eq!((all.pop(), all.count()), (None, 0));
        assert!(all.networks.is_empty() && all.order.is_empty());
    }

    #[test]
    fn one_that_is_established_or_gone_leaves_nothing() {
        let mut all = Unidentified::default();
        let places = [0, 1, 2].map(|slot| all.insert(ip("10.0.0.1"), id(slot)));
        all.remove(places[0]);
        all.remove(places[0]);
        assert_eq!((all.count(), all.pop()), (2, Some(id(1))));
        all.remove(places[1]);
        all.remove(places[2]);
        assert_eq!((all.count(), all.pop()), (0, None));
        assert!(all.networks.is_empty() && all.order.is_empty());
    }

    #[test]
    fn the_addresses_of_one_host_count_together() {
        let same = |one: &str, other: &str| network(ip(one)) == network(ip(other));
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("10.0.0.1", "::ffff:10.0.0.1") && !same("10.0.0.1", "10.0.0.2"));
    }
}
