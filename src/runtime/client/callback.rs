use std::sync::{Arc, Mutex, PoisonError};

use shardcast_proto::rpc::CallError;

use super::{
    CallResult,
    awaited::{Awaited, Promise},
    thread::slot::Slot,
};

enum Function {
    Boxed(Box<dyn FnOnce(CallResult) + Send>),
    /// The response goes to a thread that waits.
    Slot(Arc<Slot>),
}

/// Gets the response to a call, exactly once. If everything that could answer has been dropped, the client has ended.
pub(super) enum Callback {
    Function(Arc<Once>),
    /// The response goes to a future.
    Future(Promise),
}

pub(super) struct Once(Mutex<Option<Function>>);

impl Callback {
    pub(super) fn new(function: impl FnOnce(CallResult) + Send + 'static) -> Self {
        Self::of(Function::Boxed(Box::new(function)))
    }

    /// A callback that gives the response to a thread.
    pub(super) fn slot(slot: Arc<Slot>) -> Self {
        Self::of(Function::Slot(slot))
    }

    /// A callback that gives the response to a future.
    pub(super) fn future() -> (Self, Arc<Awaited>) {
        let (promise, awaited) = Awaited::pair();
        (Self::Future(promise), awaited)
    }

    fn of(function: Function) -> Self {
        Self::Function(Arc::new(Once(Mutex::new(Some(function)))))
    }

    /// Another one for the same function: the first response counts.
    pub(super) fn twin(&self) -> Option<Self> {
        match self {
            Self::Function(once) => Some(Self::Function(Arc::clone(once))),
            Self::Future(_) => None,
        }
    }

    /// Whether the response wakes a task, whose executor may then run anything.
    pub(super) const fn wakes_tasks(&self) -> bool {
        matches!(self, Self::Future(_))
    }

    /// Whether something still waits for the response.
    pub(super) fn is_wanted(&self) -> bool {
        match self {
            Self::Function(once) => once.lock().is_some(),
            Self::Future(promise) => promise.is_wanted(),
        }
    }

    /// Answers, unless it was answered before.
    pub(super) fn answer(self, result: CallResult) {
        match self {
            Self::Function(once) => once.answer(result),
            Self::Future(promise) => promise.answer(result),
        }
    }
}

impl Once {
    fn answer(&self, result: CallResult) {
        let function = self.lock().take();
        match function {
            Some(Function::Boxed(function)) => function(result),
            Some(Function::Slot(slot)) => slot.answer(result),
            None => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Function>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.answer(Err(CallError::Closed));
    }
}
