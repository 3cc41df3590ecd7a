//! What is between a publication and its position in the topic: delay, rate limit, expiry, repetition.

use std::time::Duration;

use super::{AddError, Bounds, DelayQueue, Periodics, RateLimit, RateLimitedTopics, rate_limited};
use crate::{Holder, NoRoom, Time};

/// The publications of one shard that wait before they get their position. It lives on the owner shard of
/// their topics.
///
/// A publication without a delay whose rate limit allows it passes after one check. All others come out of
/// [`poll`](Self::poll): those of one topic in the order in which they were submitted or became due. A
/// message gets its position in the topic only then.
#[derive(Debug)]
pub struct Admission<K, T> {
    delayed: DelayQueue<Submission<K, T>>,
    rate_limited: RateLimitedTopics<K, T>,
    periodic: Periodics<Submission<K, T>>,
    /// When the first of the three is due; needed for every publication, so it is cached.
    due: Time,
    delay_max: Duration,
    counts: Counts,
}

/// How much may wait, on one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AdmissionLimits {
    /// Messages with a delay, all topics together; each connection and address has a
    /// [share](crate::Shares). When full: refused.
    pub delayed: Bounds,
    /// The longest delay; a longer one is refused.
    pub delay_max: Duration,
    /// Messages of each topic that wait for its rate limit, with shares too. When full: refused. Delayed messages that became
    /// due are added regardless.
    pub rate_limited: Bounds,
    /// Periodic pushes. At this number: refused.
    pub periodics_max: usize,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::schedule::AdmissionLimits;
    ///
    /// let limits = AdmissionLimits::default().with(|it| it.delayed.messages_max = 100);
    /// assert_eq!(limits.delayed.messages_max, 100);
    /// ```
    impl AdmissionLimits
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            delayed: Bounds { messages_max: 65_536, bytes_max: 64 << 20 },
            delay_max: Duration::from_secs(24 * 3600),
            rate_limited: Bounds { messages_max: 1024, bytes_max: 4 << 20 },
            periodics_max: 16_384,
        }
    }
}

/// A publication, as far as its time is concerned.
#[derive(Clone, Debug)]
pub struct Submission<K, T> {
    /// Its topic.
    pub key: K,
    /// The rate limit of the topic.
    pub rate_limit: RateLimit,
    /// Bytes of its body.
    pub bytes: usize,
    /// Whose it is.
    pub holder: Holder,
    /// When it is due; [`Time::default`] is at once.
    pub due: Time,
    /// When it expires; [`Time::NEVER`] is never.
    pub expires: Time,
    /// The caller's.
    pub item: T,
}

/// The result of a submission.
#[derive(Debug, Eq, PartialEq)]
pub enum Submitted<T> {
    /// Publish it now; it is returned.
    Passes(T),
    /// It waits, and comes out of [`Admission::poll`].
    Waits,
    /// It has expired already; it is returned.
    Expired(T),
    /// There is no room where it would have to wait; it is returned.
    Refused(T, Full),
}

/// Why a submission was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// There is no room among the delayed ones.
    #[error("delayed messages: {0}")]
    Delayed(NoRoom),
    /// There is no room at the rate limit of its topic.
    #[error("messages that wait for the rate limit of the topic: {0}")]
    RateLimited(NoRoom),
    /// Its delay is longer than allowed.
    #[error("the delay is longer than {max:?}")]
    DelayTooLong {
        /// The longest delay.
        max: Duration,
    },
}

/// An output of [`Admission::poll`].
#[derive(Debug, Eq, PartialEq)]
pub enum Admitted<T> {
    /// Publish it now.
    Publish(T),
    /// It expired before it could be published: report that to the publisher, if it waits.
    Expired(T),
    /// A repetition that found no room at the rate limit of its topic.
    Refused(T),
    /// Nothing: what was due waits for the rate limit of its topic. Another one may be due.
    Waits,
}

/// Counters since the beginning. Every submission, including repetitions, is returned by
/// [`submit`](Admission::submit), comes out of [`poll`](Admission::poll), or [waits](Admission::waiting).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Submissions that were delayed.
    pub delayed: u64,
    /// Submissions that had to wait for the rate limit of their topic.
    pub rate_limited: u64,
    /// Repetitions of periodic pushes.
    pub repeated: u64,
    /// Submissions that expired before they could be published.
    pub expired: u64,
    /// Submissions that found no room, or had a delay that is too long.
    pub refused: u64,
    /// Delayed submissions of connections that ended.
    pub withdrawn: u64,
}

impl<K: Clone + Ord, T: Clone> Admission<K, T> {
    /// Nothing waits.
    pub fn new(limits: AdmissionLimits) -> Self {
        Self {
            delayed: DelayQueue::new(limits.delayed),
            rate_limited: RateLimitedTopics::new(limits.rate_limited),
            periodic: Periodics::new(limits.periodics_max),
            due: Time::NEVER,
            delay_max: limits.delay_max,
            counts: Counts::default(),
        }
    }

    /// Takes a publication. One with a delay does not delay later ones; it takes its place when it is due.
    #[inline]
    pub fn submit(&mut self, submission: Submission<K, T>, now: Time) -> Submitted<T> {
        let is_plain = submission.due <= now && submission.expires > now && submission.rate_limit.is_none();
        if is_plain && self.rate_limited.waiting() == 0 {
            return Submitted::Passes(submission.item);
        }
        let submitted = self.submit_slow(submission, now);
        self.set_due();
        submitted
    }

    /// Publishes `submission` repeatedly, first when it is `due`; its `expires` is ignored. The first time
    /// fixes all others, and missed ones are skipped.
    ///
    /// # Errors
    /// See [`AddError`].
    pub fn add_periodic(
        &mut self,
        number: u64,
        interval: Duration,
        submission: Submission<K, T>,
    ) -> Result<(), AddError> {
        let added = self.periodic.add(number, submission.due, interval, submission);
        self.set_due();
        added
    }

    /// Ends a periodic push; its earlier submissions may still wait for the rate limit.
    pub fn remove_periodic(&mut self, number: u64) -> Option<T> {
        let removed = self.periodic.remove(number).map(|submission| submission.item);
        self.set_due();
        removed
    }

    /// The next submission that must be published or has expired: one look-up per call, however many are due.
    pub fn poll(&mut self, now: Time) -> Option<Admitted<T>> {
        let admitted = self.next(now);
        self.set_due();
        admitted
    }

    fn next(&mut self, now: Time) -> Option<Admitted<T>> {
        // Submissions that have waited for a rate limit are older than those that become due now.
        if let Some(came) = self.rate_limited.pop(now) {
            return Some(match came {
                rate_limited::Came::Passes(item) => Admitted::Publish(item),
                rate_limited::Came::Expired(item) => self.expire(item),
                rate_limited::Came::Nothing => Admitted::Waits,
            });
        }
        if let Some((_, submission)) = self.delayed.pop_due(now) {
            let Submission { key, rate_limit, bytes, holder, expires, item, .. } = submission;
            if expires <= now {
                return Some(self.expire(item));
            }
            let message = rate_limited::Message { bytes, holder, expires, item };
            let passed = self.rate_limited.insist(key, &rate_limit, message, now);
            self.counts.rate_limited += u64::from(passed.is_none());
            return Some(passed.map_or(Admitted::Waits, Admitted::Publish));
        }
        let (_, submission) = self.periodic.pop_due(now)?;
        let submission = Submission { due: now, expires: Time::NEVER, ..submission.clone() };
        self.counts.repeated += 1;
        Some(match self.submit(submission, now) {
            Submitted::Passes(item) => Admitted::Publish(item),
            Submitted::Refused(item, _) => Admitted::Refused(item),
            Submitted::Expired(item) => Admitted::Expired(item),
            Submitted::Waits => Admitted::Waits,
        })
    }

    /// When [`poll`](Self::poll) will return something.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Time> {
        (self.due != Time::NEVER).then_some(self.due)
    }

    fn set_due(&mut self) {
        let all = [self.rate_limited.next_due(), self.delayed.next_due(), self.periodic.next_due()];
        self.due = all.into_iter().flatten().min().unwrap_or(Time::NEVER);
    }

    /// Messages that wait: delayed ones and rate-limited ones.
    pub fn waiting(&self) -> usize {
        self.delayed.len() + self.rate_limited.waiting()
    }

    /// The counters.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Repetitions that were skipped because the shard was too late.
    pub const fn missed(&self) -> u64 {
        self.periodic.missed()
    }

    /// Looks at the next `max` topics with a rate limit, and forgets those whose buckets are full again; true when it
    /// was at the last one.
    pub fn forget_rested(&mut self, now: Time, max: usize) -> bool {
        self.rate_limited.forget_rested(now, max)
    }

    /// Takes out a delayed submission of a connection, because it has ended. Those that are due already, and
    /// wait for a rate limit only, stay.
    pub fn withdraw(&mut self, holder: &Holder) -> Option<T> {
        let withdrawn = self.delayed.withdraw(holder)?;
        self.counts.withdrawn += 1;
        self.set_due();
        Some(withdrawn.item)
    }

    /// Bytes of the messages that wait.
    pub const fn waiting_bytes(&self) -> usize {
        self.delayed.bytes() + self.rate_limited.bytes()
    }

    /// What was published last on this topic has to wait for something else: nothing more of it passes its rate limit
    /// until it is [resumed](Self::resume), so that what is delayed does not come out faster than the limit.
    pub fn suspend(&mut self, key: K, rate_limit: &RateLimit, now: Time) {
        self.rate_limited.suspend(key, rate_limit, now);
        self.set_due();
    }

    /// Ends a suspension.
    pub fn resume(&mut self, key: &K, now: Time) {
        self.rate_limited.resume(key, now);
        self.set_due();
    }

    /// Ends all repetitions, and takes out something that waits; it will not be published.
    pub fn close(&mut self) -> Option<T> {
        // All at once: the program alone has some, and the server stops.
        self.periodic.clear();
        let delayed = |queue: &mut DelayQueue<Submission<K, T>>| Some(queue.pop_due(Time::NEVER)?.1.item);
        let left = self.rate_limited.pop_any().or_else(|| delayed(&mut self.delayed));
        self.set_due();
        left
    }

    fn submit_slow(&mut self, submission: Submission<K, T>, now: Time) -> Submitted<T> {
        if submission.due > now {
            let Submission { due, bytes, holder, .. } = submission;
            if due - now > self.delay_max {
                self.counts.refused += 1;
                return Submitted::Refused(submission.item, Full::DelayTooLong { max: self.delay_max });
            }
            return match self.delayed.push(due, bytes, &holder, submission) {
                Ok(()) => {
                    self.counts.delayed += 1;
                    Submitted::Waits
                }
                Err((submission, no_room)) => {
                    self.counts.refused += 1;
                    Submitted::Refused(submission.item, Full::Delayed(no_room))
                }
            };
        }
        let Submission { key, rate_limit, bytes, holder, expires, item, .. } = submission;
        if expires <= now {
            self.counts.expired += 1;
            return Submitted::Expired(item);
        }
        if rate_limit.is_none() && !self.rate_limited.has_waiting(&key) {
            return Submitted::Passes(item);
        }
        let message = rate_limited::Message { bytes, holder, expires, item };
        match self.rate_limited.offer(key, &rate_limit, message, now) {
            rate_limited::Offered::Passes(item) => Submitted::Passes(item),
            rate_limited::Offered::Waits => {
                self.counts.rate_limited += 1;
                Submitted::Waits
            }
            rate_limited::Offered::Full(item, no_room) => {
                self.counts.refused += 1;
                Submitted::Refused(item, Full::RateLimited(no_room))
            }
        }
    }

    const fn expire(&mut self, item: T) -> Admitted<T> {
        self.counts.expired += 1;
        Admitted::Expired(item)
    }
}
