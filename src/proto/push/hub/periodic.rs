//! What is published again and again.

use std::time::Duration;

use super::{Hub, Outlet, Publish, Waiting};
use crate::{Refusal, push::schedule::AddError};

impl<F: Default> Hub<F> {
    /// Publishes `publish` each `interval`, for the first time when it is due. The times are fixed by the first one,
    /// so that lateness never adds up; whole intervals that were missed are left out and counted. Its expiry means
    /// nothing. The topic must be one that [this shard owns](crate::TopicName::owner).
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
        let submission = self.submission(Waiting { publish, ticket: None });
        self.admission.add_periodic(number, interval, submission)
    }

    /// Ends all periodic pushes, and refuses what waits for its time or for its pace: the server is stopping.
    pub fn close(&mut self, outlet: &mut impl Outlet<F>) {
        for waiting in self.admission.close() {
            self.counters.closed += 1;
            self.tell(waiting.ticket, Err(Refusal::Draining), outlet);
        }
    }

    /// Ends a periodic push. What it published before may still wait for the pace of its topic. False: there is
    /// none of this number.
    pub fn remove_periodic(&mut self, number: u64) -> bool {
        self.admission.remove_periodic(number).is_some()
    }
}
