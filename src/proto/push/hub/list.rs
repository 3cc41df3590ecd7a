//! The subscriptions of one subscriber.

use std::collections::HashMap;

use super::{Route, subscribe::Subscription};
use crate::Holder;

/// The subscriptions of a subscriber, in no order. Many of them are found through an index.
#[derive(Debug, Default)]
pub(super) struct List {
    /// In whose share they are.
    pub(super) holder: Holder,
    entries: Vec<Subscription>,
    /// Invariant: if it exists, it has the place of each entry by its route.
    places: Option<HashMap<Route, u32>>,
}

impl List {
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<Subscription> {
        self.entries.get(place).copied()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> &mut Subscription {
        &mut self.entries[place as usize]
    }

    /// The place of the subscription to this route.
    pub(super) fn find(&self, route: Route) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&route).map(|place| *place as usize),
            None => self.entries.iter().position(|it| it.route == route),
        }
    }

    pub(super) fn push(&mut self, subscription: Subscription) {
        let place = self.entries.len() as u32;
        self.entries.push(subscription);
        if let Some(places) = &mut self.places {
            places.insert(subscription.route, place);
        } else if self.entries.len() > INDEXED_FROM {
            let places = self.entries.iter().enumerate().map(|(place, it)| (it.route, place as u32));
            self.places = Some(places.collect());
        }
    }

    /// Removes the subscription at `place`; the last one moves there.
    pub(super) fn swap_remove(&mut self, place: usize) -> Subscription {
        let removed = self.entries.swap_remove(place);
        if let Some(places) = &mut self.places {
            places.remove(&removed.route);
            if let Some(moved) = self.entries.get(place) {
                places.insert(moved.route, place as u32);
            }
        }
        if self.entries.is_empty() {
            *self = Self::default();
        }
        removed
    }
}

/// Shorter lists are searched.
const INDEXED_FROM: usize = 32;
