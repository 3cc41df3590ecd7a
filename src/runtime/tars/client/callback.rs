use std::sync::{Arc, Mutex, PoisonError};

use shardcast_proto::tars::framed::CallError;

use super::Answer;

type Function = Box<dyn FnOnce(Answer) + Send>;

/// Who gets the answer to a call, exactly once: when everybody who could answer has forgotten it, the
/// client has ended.
#[derive(Clone)]
pub(super) struct Callback(Arc<Once>);

struct Once(Mutex<Option<Function>>);

impl Callback {
    pub(super) fn new(function: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Arc::new(Once(Mutex::new(Some(Box::new(function))))))
    }

    /// Answers, unless it was answered before.
    pub(super) fn answer(&self, answer: Answer) {
        self.0.answer(answer);
    }
}

impl Once {
    fn answer(&self, answer: Answer) {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(function) = function {
            function(answer);
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.answer(Err(CallError::Closed));
    }
}
