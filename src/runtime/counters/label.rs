//! Names of what runs on a shard, so that a stall can be reported by name from another thread.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Numbers that one thread has already looked up, so that it takes no lock again.
#[derive(Debug, Default)]
pub(crate) struct Labels(RefCell<HashMap<String, u32>>);

impl Labels {
    /// As [`number`].
    pub(crate) fn number(&self, name: &str) -> u32 {
        let known = self.0.borrow().get(name).copied();
        known.unwrap_or_else(|| {
            let number = number(name);
            self.0.borrow_mut().insert(name.to_owned(), number);
            number
        })
    }
}

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The number of `name`. Names are never removed, so there must be few: those of listeners and kinds of task.
pub(crate) fn number(name: &str) -> u32 {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = names.iter().position(|it| it == name);
    let index = known.unwrap_or_else(|| {
        if names.len() >= NAMES_MAX {
            return NAMES_MAX - 1;
        }
        names.push(name.to_owned());
        names.len() - 1
    });
    index as u32 + 1
}

/// The name that has this number; 0 is the shard's own work.
pub(crate) fn name(number: u32) -> String {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let name = number.checked_sub(1).and_then(|index| names.get(index as usize));
    name.cloned().unwrap_or_else(|| "pump".to_owned())
}

/// The greatest number of names; further names share the last number.
const NAMES_MAX: usize = 4096;
