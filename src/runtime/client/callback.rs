use std::sync::{Arc, Mutex, PoisonError};

use shardcast_proto::rpc::CallError;

use super::{CallResult, thread::slot::Slot};

enum Function {
    Boxed(Box<dyn FnOnce(CallResult) + Send>),
    /// The response goes to a future.
    Channel(flume::Sender<CallResult>),
    /// The response goes to a thread that waits.
    Slot(Arc<Slot>),
}

/// Gets the response to a call, exactly once. If everything that could answer has been dropped, the client has ended.
#[derive(Clone)]
pub(super) struct Callback(Arc<Once>);

struct Once(Mutex<Option<Function>>);

impl Callback {
    pub(super) fn new(function: impl FnOnce(CallResult) + Send + 'static) -> Self {
        Self(Arc::new(Once(Mutex::new(Some(Function::Boxed(Box::new(function)))))))
    }

    /// A callback that sends the response into a channel.
    pub(super) fn channel(result: flume::Sender<CallResult>) -> Self {
        Self(Arc::new(Once(Mutex::new(Some(Function::Channel(result))))))
    }

    /// A callback that gives the response to a thread.
    pub(super) fn slot(slot: Arc<Slot>) -> Self {
        Self(Arc::new(Once(Mutex::new(Some(Function::Slot(slot))))))
    }

    /// Whether the response wakes a task, whose executor may then run anything.
    pub(super) fn wakes_tasks(&self) -> bool {
        matches!(&*self.0.0.lock().unwrap_or_else(PoisonError::into_inner), Some(Function::Channel(_)))
    }

    /// Whether something still waits for the response.
    pub(super) fn is_wanted(&self) -> bool {
        match &*self.0.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Function::Channel(result)) => !result.is_disconnected(),
            Some(Function::Boxed(_) | Function::Slot(_)) => true,
            None => false,
        }
    }

    /// Answers, unless it was answered before.
    pub(super) fn answer(&self, result: CallResult) {
        self.0.answer(result);
    }
}

impl Once {
    fn answer(&self, result: CallResult) {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match function {
            Some(Function::Boxed(function)) => function(result),
            // The receiver may not wait any more.
            Some(Function::Channel(channel)) => _ = channel.send(result),
            Some(Function::Slot(slot)) => slot.answer(result),
            None => {}
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.answer(Err(CallError::Closed));
    }
}
