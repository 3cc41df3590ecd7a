//! The memory for the futures of tasks. The next future of the same type reuses a place, so that starting and ending
//! tasks allocates nothing.
//!
//! A place belongs to one type and never moves, so replacing a future by the next one needs no `unsafe`.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    future::Future,
    hash::{BuildHasherDefault, Hasher},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use super::waker::Ticket;
use crate::counters::label::Labels;

/// A place for one future of type `F`; empty unless it is in use.
pub(super) type Place<F> = Pin<Box<Option<F>>>;

/// A place, and the ticket of the future in it.
pub(super) type Next<F> = Option<(Place<F>, Ticket)>;

/// The places of one shard that are not in use, by type.
#[derive(Default)]
pub(crate) struct Places(RefCell<HashMap<TypeId, Rc<dyn Any>, BuildHasherDefault<ById>>>);

/// The state of a shard for one type of future.
pub(super) struct Kind<F> {
    spare: RefCell<Vec<Place<F>>>,
    /// The place for the next future. If that is ready at its first poll, nothing else is touched.
    pub(super) next: RefCell<Next<F>>,
    /// The name of the last task of this type, and the number of that name.
    named: RefCell<(String, u32)>,
}

/// A place in use, of any type. `T` is what the future's output becomes.
pub(super) trait Run<T> {
    /// Polls the future, and drops it when it is done.
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T>;

    /// Drops the future.
    fn clear(self: Pin<&mut Self>);

    /// Gives back the place, which is empty.
    fn give_back(self: Pin<Box<Self>>, places: &Places);
}

impl Places {
    #[inline]
    pub(super) fn of<F: 'static>(&self) -> Rc<Kind<F>> {
        let mut kinds = self.0.borrow_mut();
        let kind = kinds.entry(TypeId::of::<F>()).or_insert_with(|| Rc::new(Kind::<F>::default()));
        Rc::clone(kind).downcast().expect("kinds are kept by their types")
    }
}

impl<F> Kind<F> {
    /// A place with `future` in it.
    pub(super) fn place(&self, future: F) -> Place<F> {
        let spare = self.spare.borrow_mut().pop();
        match spare {
            Some(mut place) => {
                place.set(Some(future));
                place
            }
            None => Box::pin(Some(future)),
        }
    }

    /// Keeps an empty place, unless there are enough.
    pub(super) fn keep(&self, place: Place<F>) {
        debug_assert!(place.is_none());
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_BYTES_MAX / size_of::<Option<F>>().max(1) {
            spare.push(place);
        }
    }

    /// The number of `name`.
    pub(super) fn label(&self, name: &str, labels: &Labels) -> u32 {
        let mut named = self.named.borrow_mut();
        if named.0 != name {
            *named = (name.to_owned(), labels.number(name));
        }
        named.1
    }
}

impl<F> Default for Kind<F> {
    fn default() -> Self {
        Self { spare: RefCell::default(), next: RefCell::default(), named: RefCell::default() }
    }
}

impl<T, F: Future<Output: Into<T>> + 'static> Run<T> for Option<F> {
    fn run(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let future = self.as_mut().as_pin_mut().expect("a place in use is not empty");
        let polled = future.poll(cx);
        if polled.is_ready() {
            self.set(None);
        }
        polled.map(Into::into)
    }

    fn clear(mut self: Pin<&mut Self>) {
        self.set(None);
    }

    fn give_back(self: Pin<Box<Self>>, places: &Places) {
        places.of::<F>().keep(self);
    }
}

/// Uses the id of a type as its hash, which it already is.
#[derive(Default)]
struct ById(u64);

impl Hasher for ById {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Bytes of the places that are kept for one type.
const SPARE_BYTES_MAX: usize = 256 * 1024;
