//! Periodic pushes.

use std::time::Duration;

use super::{Account, Hub, Outlet, Publish, Waiting};
use crate::{Refusal, push::schedule::AddError};

impl<F: Default> Hub<F> {
    /// Publishes `publish` at each `interval`, first when it is due. The first time fixes all others, so
    /// delays never accumulate; whole missed intervals are skipped and counted. Its expiry is ignored. The
    /// topic must be one that [this shard owns](crate::TopicName::owner).
    ///
    /// # Errors
    /// See [`AddError`]; nothing was added.
    pub fn add_periodic(
        &mut self,
        number: u64,
        interval: Duration,
        publish: Publish,
    ) -> Result<(), AddError> {
        debug_assert_eq!(publish.topic.owner(self.shards), self.shard, "added at its owner");
        let submission = self.submission(Waiting { publish, asker: None, account: Account::Outside });
        self.admission.add_periodic(number, interval, submission)
    }

    /// Ends all periodic pushes, and refuses publications that wait for their time or rate limit: the
    /// server is draining. It refuses a part of them, and publications that come later may wait again: call it in
    /// each turn until the hub is [idle](Self::is_idle).
    pub fn close(&mut self, outlet: &mut impl Outlet<F>) {
        for _ in 0..self.config.turn_work_max {
            let Some(waiting) = self.admission.close() else { return };
            self.counters.closed += 1;
            self.tell(waiting.asker, Err(Refusal::Draining), outlet);
        }
        self.ready |= self.admission.waiting() > 0;
    }

    /// Refuses publications from now on: no other shard would wait for their messages.
    pub const fn end_publishing(&mut self) {
        self.is_closed = true;
    }

    /// Ends a periodic push. Its earlier publications may still wait for the rate limit of the topic. False:
    /// no push has this number.
    pub fn remove_periodic(&mut self, number: u64) -> bool {
        self.admission.remove_periodic(number).is_some()
    }
}
