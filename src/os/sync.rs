//! The atomics and cells of [`spsc`](crate::spsc), [`park`](crate::park) and [`woken`](crate::woken): those
//! of std, or of loom when `--cfg loom` checks their interleavings; and the padding around them.

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, fence},
    },
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, fence},
};

/// The standard cell with loom's interface, so that loom can watch each access.
#[cfg(not(loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Passes the pointer to `f`; the caller is responsible for what it does with it.
    #[inline]
    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// A value alone on its cache lines (two, because neighbours are fetched in pairs), so that writing it does
/// not disturb readers of its neighbours.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct Padded<T>(pub(crate) T);
