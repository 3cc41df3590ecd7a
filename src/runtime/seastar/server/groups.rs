//! The task queues in which handlers run, by the names of groups.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::task::{self, Queue};

/// One per service. Queues are made when they are first needed.
#[derive(Default)]
pub(super) struct Groups {
    shares: HashMap<String, u16>,
    queues: RefCell<HashMap<Rc<str>, Queue>>,
}

impl Groups {
    pub(super) fn set_shares(&mut self, name: String, shares: u16) {
        self.shares.insert(name, shares);
    }

    /// The queue of a group. Groups without shares of their own have a queue each only while there are few; the others
    /// have one in common, so that clients which name groups cannot take all queues of the shard.
    pub(super) fn queue(&self, name: &Rc<str>) -> Option<Queue> {
        if let Some(queue) = self.queues.borrow().get(name) {
            return Some(queue.clone());
        }
        let shares = self.shares.get(&**name).copied();
        let is_full = shares.is_none() && self.queues.borrow().len() >= GROUPS_MAX + self.shares.len();
        let queue = if is_full { None } else { self.make(name, shares.unwrap_or(SHARES)) };
        queue.or_else(|| {
            let others: Rc<str> = OTHERS.into();
            let known = self.queues.borrow().get(&others).cloned();
            known.or_else(|| self.make(&others, SHARES))
        })
    }

    fn make(&self, name: &Rc<str>, shares: u16) -> Option<Queue> {
        let queue = task::queue(name, shares).ok()?;
        self.queues.borrow_mut().insert(Rc::clone(name), queue.clone());
        Some(queue)
    }
}

/// The most groups of a service that have a queue of their own although none was configured.
pub(super) const GROUPS_MAX: usize = 16;

/// The shares of groups that have none of their own.
pub(super) const SHARES: u16 = 100;

/// The queue of groups that have none of their own.
const OTHERS: &str = "others";
