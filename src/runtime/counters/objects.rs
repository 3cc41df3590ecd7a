//! The objects of other servers that proxies call, as far as they belong to one server of this process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::stats::ObjectStats;

/// An object that has proxies.
pub(crate) trait CalledObject: Send + Sync {
    fn stats(&self) -> ObjectStats;
}

/// The objects that have proxies now.
#[derive(Default)]
pub(crate) struct CalledObjects(Mutex<List>);

#[derive(Default)]
struct List {
    objects: Vec<Weak<dyn CalledObject>>,
    /// Entries of objects that have ended are removed when there are this many.
    swept_at: usize,
}

impl CalledObjects {
    pub(crate) fn add(&self, object: Weak<dyn CalledObject>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.objects.len() >= list.swept_at {
            list.objects.retain(|object| object.strong_count() > 0);
            list.swept_at = (2 * list.objects.len()).max(SWEPT_AT_MIN);
        }
        list.objects.push(object);
    }

    /// The counts of each object, in the order of their names. Those of one name are added up, and so are those after
    /// the first [`OBJECTS_MAX`], as [`OTHERS`].
    pub(crate) fn read(&self) -> Vec<ObjectStats> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let objects: Vec<Arc<_>> = list.objects.iter().filter_map(Weak::upgrade).collect();
        // The last reference to one of them may end here.
        drop(list);
        let mut names = BTreeMap::<String, ObjectStats>::new();
        for object in objects {
            let stats = object.stats();
            match names.get_mut(&stats.object) {
                Some(known) => known.add(&stats),
                None => _ = names.insert(stats.object.clone(), stats),
            }
        }
        let mut all: Vec<_> = names.into_values().collect();
        if all.len() > OBJECTS_MAX {
            let mut others = ObjectStats { object: OTHERS.to_owned(), ..ObjectStats::default() };
            all.drain(OBJECTS_MAX..).for_each(|it| others.add(&it));
            all.push(others);
        }
        all
    }
}

impl fmt::Debug for CalledObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalledObjects").finish_non_exhaustive()
    }
}

/// The most objects with counts of their own: a program may take the names from its peers.
const OBJECTS_MAX: usize = 256;

/// The name for all others, which no object has.
const OTHERS: &str = "(others)";

const SWEPT_AT_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(String);

    impl CalledObject for Fake {
        fn stats(&self) -> ObjectStats {
            ObjectStats { object: self.0.clone(), calls: 1, calls_in_progress: 2, ..ObjectStats::default() }
        }
    }

    fn add(objects: &CalledObjects, name: String) -> Arc<dyn CalledObject> {
        let object: Arc<dyn CalledObject> = Arc::new(Fake(name));
        objects.add(Arc::downgrade(&object));
        object
    }

    #[test]
    fn objects_of_one_name_are_added_up_while_they_have_proxies() {
        let objects = CalledObjects::default();
        let kept = ["b", "a", "b"].map(|name| add(&objects, name.into()));
        drop(add(&objects, "c".into()));
        let read = objects.read();
        let found: Vec<_> = read.iter().map(|it| (&*it.object, it.calls, it.calls_in_progress)).collect();
        assert_eq!(found, [("a", 1, 2), ("b", 2, 4)]);
        drop(kept);
        assert_eq!(objects.read(), []);
    }

    #[test]
    fn the_number_of_names_and_of_entries_is_bounded() {
        let objects = CalledObjects::default();
        for name in 0..10_000 {
            drop(add(&objects, name.to_string()));
        }
        assert!(objects.0.lock().expect("no panic").objects.len() <= SWEPT_AT_MIN);
        let kept: Vec<_> = (0..1000).map(|name| add(&objects, name.to_string())).collect();
        let read = objects.read();
        assert_eq!((read.len(), kept.len()), (OBJECTS_MAX + 1, 1000));
        assert_eq!((&*read[OBJECTS_MAX].object, read[OBJECTS_MAX].calls), (OTHERS, 1000 - 256));
    }
}
