use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

/// What a session and its application share: on one thread, or on several.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc, sync::{Arc, Mutex}};
///
/// use shardcast_proto::Shared;
///
/// fn count(calls: &impl Shared<u32>) -> u32 {
///     calls.with(|calls| {
///         *calls += 1;
///         *calls
///     })
/// }
///
/// assert_eq!(count(&Rc::new(RefCell::new(1))), 2);
/// assert_eq!(count(&Arc::new(Mutex::new(2))), 3);
/// ```
pub trait Shared<T>: Clone {
    /// Calls `f` with the value. It must not be called within `f`, and so not by a waker that is woken there either.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Shared<T> for Rc<RefCell<T>> {
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.borrow_mut())
    }
}

impl<T> Shared<T> for Arc<Mutex<T>> {
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
