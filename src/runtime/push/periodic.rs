//! Messages that are published on a topic again and again, and the end of what waits for its time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{
    Refusal, Time,
    push::{Publish, schedule::AddError},
};

use super::{PublishOptions, Publisher, Push, Reply, Side, handle::busy, here};
use crate::mesh::{Envelope, Router};

/// A repeated push, for as long as the server runs or until [`stop`](Self::stop).
#[must_use]
pub struct PeriodicPush {
    number: u64,
    /// Where its topic is owned.
    shard: u16,
    router: Arc<Router>,
}

impl Publisher {
    /// Publishes `body` each `interval`, beginning one interval from now, for as long as the server runs or until
    /// [`PeriodicPush::stop`]. The times are fixed by the first one, so that lateness does not add up; what was
    /// missed by whole intervals is left out, and counted. Of the options, the key and the class count.
    ///
    /// Its outcome is [`Refusal::Malformed`] for an interval of zero, and [`Refusal::Busy`] when the owner has as many
    /// periodic pushes as it may, or does not listen.
    pub fn publish_every(
        &self,
        interval: Duration,
        body: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Reply<Result<PeriodicPush, Refusal>> {
        let (answer, reply) = Reply::new();
        let late = answer.clone();
        let number = self.router.next_number();
        let first = Time::from_nanos(clock::now_nanos()) + interval;
        let plain = PublishOptions { delay: None, ttl: None, ..options };
        // Each is posted when it is its turn.
        let posted = Time::default();
        let publish = Publish { due: first, posted, ..plain.publish(self.topic.clone(), body.into()) };
        let push = PeriodicPush { number, shard: self.owner, router: Arc::clone(&self.router) };
        let run = Envelope::Run(Box::new(move || {
            let added = here(|push| push.add_periodic(number, interval, publish));
            if let Some(added) = added {
                // Whoever asked may not wait any more; then it goes on as if it had been forgotten.
                let _ = answer.send(added.map(|()| push));
            }
        }));
        let posted = self.check().and_then(|()| {
            let router = &self.router;
            router.post(self.owner, run).map_err(|_| busy(router))
        });
        if let Err(refusal) = posted {
            let _ = late.send(Err(refusal));
        }
        reply
    }
}

impl PeriodicPush {
    /// Ends the repetition.
    pub fn stop(self) {
        let number = self.number;
        self.router.run_on(self.shard, move || {
            here(|push| push.hub().remove_periodic(number));
        });
    }

    /// Lets it go on for as long as the server runs.
    pub fn forget(self) {}
}

impl Push {
    fn add_periodic(&self, number: u64, interval: Duration, publish: Publish) -> Result<(), Refusal> {
        self.refuse_while_draining()?;
        let added = self.hub().add_periodic(number, interval, publish);
        added.map_err(|error| match error {
            AddError::Full { max } => Refusal::Busy { waiting: max as u64, max: max as u64 },
            AddError::Interval | AddError::Taken => Refusal::Malformed,
        })
    }

    /// The shard is stopping: nothing waits for its time any more.
    pub(crate) fn close_admission(&self) {
        self.hub().close(&mut Side(self));
    }
}
