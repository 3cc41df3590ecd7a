//! Periodic pushes, and the end of publications that wait for their time.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{
    Time,
    push::{Publish, schedule::AddError},
};

use super::{Pending, PublishOptions, Publisher, Push, ShardOutlet, with_push};
use crate::{
    PublishError, PushEveryError,
    mesh::{Envelope, Router},
};

/// A periodic push. Dropping it stops it, unless it was [detached](Self::detach).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::{Server, push::PublishOptions};
///
/// let server = Server::builder().shards(1).start()?;
/// let publisher = server.handle().publisher("news")?;
/// let every = |interval| publisher.publish_every(interval, "tick", PublishOptions::default());
/// let slow = every(Duration::from_secs(10)).wait()??;
/// let fast = every(Duration::from_secs(1)).wait()??;
/// // This one ends here,
/// drop(slow);
/// // and this one with the server.
/// fast.detach();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it stops it: detach it to let it run on"]
pub struct PeriodicPush {
    number: u64,
    /// The shard that owns its topic.
    shard: u16,
    /// Taken when it is detached.
    router: Option<Arc<Router>>,
}

impl Publisher {
    /// Publishes `body` at each `interval`, beginning one interval from now, until the [`PeriodicPush`] is dropped.
    /// Dropping the [`Pending`] before that stops it too. The times are multiples of the interval from the start, so
    /// that delays do not add up. Pushes that are late by a whole interval are left out, and counted.
    ///
    /// The outcome is an error if the interval is zero, if the options have a delay or a TTL, which do not apply to
    /// periodic pushes, if the owner of the topic has as many periodic pushes as it may ([`PushEveryError::TooMany`]),
    /// or if the owner cannot be reached ([`PushEveryError::Publish`]).
    pub fn publish_every(
        &self,
        interval: Duration,
        body: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Pending<Result<PeriodicPush, PushEveryError>> {
        let (response, reply) = Pending::new();
        let late = response.clone();
        let number = self.router.next_number();
        if options.delay.is_some() || options.ttl.is_some() {
            return Pending::known(Err(PushEveryError::DelayOrTtl));
        }
        if interval.is_zero() {
            return Pending::known(Err(PushEveryError::ZeroInterval));
        }
        let first = Time::from_nanos(clock::now_nanos()) + interval;
        // Each is posted when it is due.
        let posted = Time::default();
        let publish = Publish { due: first, posted, ..options.publish(self.topic.clone(), body.into()) };
        let push = PeriodicPush { number, shard: self.owner, router: Some(Arc::clone(&self.router)) };
        let run = Envelope::Run(Box::new(move || {
            let added = with_push(|push| push.add_periodic(number, interval, publish));
            // The caller may have dropped its end: then the push is dropped here, which stops it.
            let _ = match added {
                Some(Ok(())) => response.send(Ok(push)),
                Some(Err(error)) => {
                    push.detach();
                    response.send(Err(error))
                }
                None => return,
            };
        }));
        if let Err(error) = self.post(run) {
            let _ = late.send(Err(error.into()));
        }
        reply
    }
}

impl PeriodicPush {
    /// Stops it, like dropping it.
    pub fn stop(self) {}

    /// Lets it run on until the server stops.
    pub fn detach(mut self) {
        self.router = None;
    }
}

impl Drop for PeriodicPush {
    fn drop(&mut self) {
        let Some(router) = self.router.take() else { return };
        let number = self.number;
        let end = Envelope::Run(Box::new(move || {
            with_push(|push| push.hub().remove_periodic(number));
        }));
        router.post_response(self.shard, end);
    }
}

impl fmt::Debug for PeriodicPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicPush").field("shard", &self.shard).finish_non_exhaustive()
    }
}

impl Push {
    fn add_periodic(&self, number: u64, interval: Duration, publish: Publish) -> Result<(), PushEveryError> {
        self.refuse_while_draining().map_err(PublishError::from)?;
        let added = self.hub().add_periodic(number, interval, publish);
        added.map_err(|error| match error {
            AddError::Full { max } => PushEveryError::TooMany { max },
            AddError::Interval => PushEveryError::ZeroInterval,
            // `Taken`: but numbers are never used twice.
            error => unreachable!("{error}"),
        })
    }

    /// The shard is stopping: ends everything that waits for its time.
    pub(crate) fn close_admission(&self) {
        self.hub().close(&mut ShardOutlet(self));
    }

    /// The shard takes no more publications.
    pub(crate) fn end_publishing(&self) {
        self.hub().end_publishing();
    }

    /// As [`Hub::is_idle`](shardcast_proto::push::Hub::is_idle).
    pub(crate) fn is_idle(&self) -> bool {
        self.hub.borrow().is_idle()
    }

    /// As [`Hub::has_deliveries`](shardcast_proto::push::Hub::has_deliveries).
    pub(crate) fn has_deliveries(&self) -> bool {
        self.hub.borrow().has_deliveries()
    }

    /// As [`Hub::has_requests`](shardcast_proto::push::Hub::has_requests).
    pub(crate) fn has_requests(&self) -> bool {
        self.hub.borrow().has_requests()
    }
}
