//! Messages that are published on a topic again and again, and the end of what waits for its time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{
    Time,
    push::{Publish, schedule::AddError},
};

use super::{PublishOptions, Publisher, Push, Reply, Side, here};
use crate::{
    PublishError, PushEveryError,
    mesh::{Envelope, Router},
};

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
    /// Its outcome is an error for an interval of zero, when the owner of the topic has as many periodic pushes as it may
    /// ([`PushEveryError::TooMany`]), and when it cannot be reached ([`PushEveryError::Publish`]).
    pub fn publish_every(
        &self,
        interval: Duration,
        body: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Reply<Result<PeriodicPush, PushEveryError>> {
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
        if let Err(error) = self.post(run) {
            let _ = late.send(Err(error.into()));
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
    fn add_periodic(&self, number: u64, interval: Duration, publish: Publish) -> Result<(), PushEveryError> {
        self.refuse_while_draining().map_err(PublishError::from)?;
        let added = self.hub().add_periodic(number, interval, publish);
        added.map_err(|error| match error {
            AddError::Full { max } => PushEveryError::TooMany { max },
            AddError::Interval => PushEveryError::ZeroInterval,
            AddError::Taken => unreachable!("numbers are never used twice"),
        })
    }

    /// The shard is stopping: nothing waits for its time any more.
    pub(crate) fn close_admission(&self) {
        self.hub().close(&mut Side(self));
    }
}
