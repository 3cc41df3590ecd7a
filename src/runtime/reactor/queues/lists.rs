//! The woken tasks of each queue, in the order in which they run. A number can be removed from the middle, so that the
//! tasks of a connection that ends leave nothing in a queue that does not run for a while.

/// Lists of task numbers; each number is in one list at most.
#[derive(Debug, Default)]
pub(super) struct Lists {
    lists: Vec<List>,
    /// By task number; meaningful while the number is in a list.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

impl Lists {
    /// Adds an empty list. Lists have numbers from 0 on.
    pub(super) fn add(&mut self) {
        self.lists.push(List { first: NONE, last: NONE, len: 0 });
    }

    pub(super) fn len(&self, list: usize) -> usize {
        self.lists[list].len
    }

    /// Adds a task, which is in no list, at the end.
    pub(super) fn push(&mut self, list: usize, task: u32) {
        let index = task as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, Link { before: NONE, after: NONE });
        }
        let list = &mut self.lists[list];
        list.len += 1;
        let before = std::mem::replace(&mut list.last, task);
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = task,
            None => list.first = task,
        }
        self.links[index] = Link { before, after: NONE };
    }

    /// Takes out the first task.
    pub(super) fn pop(&mut self, list: usize) -> Option<u32> {
        let first = self.lists[list].first;
        (first != NONE).then(|| {
            self.remove(list, first);
            first
        })
    }

    /// Takes out a task, which is in this list.
    pub(super) fn remove(&mut self, list: usize, task: u32) {
        let Link { before, after } = self.links[task as usize];
        let list = &mut self.lists[list];
        list.len -= 1;
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => list.first = after,
        }
        match self.links.get_mut(after as usize) {
            Some(link) => link.before = before,
            None => list.last = before,
        }
    }
}

/// No task has this number.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(lists: &mut Lists, list: usize) -> Vec<u32> {
        std::iter::from_fn(|| lists.pop(list)).collect()
    }

    #[test]
    fn tasks_come_out_in_the_order_in_which_they_were_pushed() {
        let mut lists = Lists::default();
        (0..2).for_each(|_| lists.add());
        for task in [5, 0, 9, 1] {
            lists.push(usize::from(task > 4), task);
        }
        assert_eq!((lists.len(0), lists.len(1)), (2, 2));
        assert_eq!((rest(&mut lists, 0), rest(&mut lists, 1)), (vec![0, 1], vec![5, 9]));
        assert_eq!((lists.len(0), lists.pop(0)), (0, None));
    }

    #[test]
    fn a_task_can_be_removed_from_anywhere_and_pushed_again() {
        for removed in 0..5 {
            let mut lists = Lists::default();
            lists.add();
            (0..5).for_each(|task| lists.push(0, task));
            lists.remove(0, removed);
            assert_eq!(lists.len(0), 4);
            lists.push(0, removed);
            let expected: Vec<_> = (0..5).filter(|task| *task != removed).chain([removed]).collect();
            assert_eq!(rest(&mut lists, 0), expected);
            lists.push(0, 3);
            lists.remove(0, 3);
            assert_eq!(rest(&mut lists, 0), [0; 0]);
        }
    }
}
