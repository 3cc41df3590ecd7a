//! Messages that are published on a topic again and again, and the end of what waits for its time.

use std::time::Duration;

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{
    Refusal, Time,
    push::{Publish, schedule::AddError},
};

use super::{Here, PublishOptions, Publisher, Reply, Side, handle::busy};
use crate::{PeriodicPush, mesh::Envelope, shard::Shard};

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
        let number = self.server.shared.next_number();
        let first = Time::from_nanos(clock::now_nanos()) + interval;
        let plain = PublishOptions { delay: None, ttl: None, ..options };
        // Each is posted when it is its turn.
        let posted = Time::default();
        let publish = Publish { due: first, posted, ..plain.publish(self.topic.clone(), body.into()) };
        let push = PeriodicPush::new(number, self.server.clone());
        let run = Envelope::Run(Box::new(move |shard: &Here| {
            let added = shard.add_topic_periodic(number, interval, publish);
            // Whoever asked may not wait any more; then it goes on as if it had been forgotten.
            let _ = answer.send(added.map(|()| push));
        }));
        let posted = self.check().and_then(|()| {
            let router = &self.server.router;
            router.post(self.owner, run).map_err(|_| busy(router))
        });
        if let Err(refusal) = posted {
            let _ = late.send(Err(refusal));
        }
        reply
    }
}

impl Shard {
    fn add_topic_periodic(&self, number: u64, interval: Duration, publish: Publish) -> Result<(), Refusal> {
        self.refuse_while_draining()?;
        let added = self.hub().add_periodic(number, interval, publish);
        added.map_err(|error| match error {
            AddError::Full { max } => Refusal::Busy { waiting: max as u64, max: max as u64 },
            AddError::Interval | AddError::Taken => Refusal::Malformed,
        })
    }

    /// Ends a periodic push, if it is one on a topic that is owned here.
    pub(crate) fn remove_topic_periodic(&self, number: u64) {
        self.hub().remove_periodic(number);
    }

    /// The shard is stopping: nothing waits for its time any more.
    pub(crate) fn close_admission(&self) {
        self.hub().close(&mut Side(self));
    }
}
