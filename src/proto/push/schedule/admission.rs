//! What stands between a publish and its place in the topic: delay, pace, expiry, repetition.

use std::time::Duration;

use super::{AddError, Bounds, DelayQueue, Pace, PacedTopics, Periodics, paced};
use crate::Time;

/// The publishes of one shard that wait before they are stamped. It lives on the owner shard of their topics.
///
/// A publish that is neither delayed nor paced passes without being looked at twice. All others come out of
/// [`poll`](Self::poll): those of one topic in the order in which they were submitted or became due. A message
/// gets its place in the topic only then.
#[derive(Debug)]
pub struct Admission<K, T> {
    delayed: DelayQueue<Submission<K, T>>,
    paced: PacedTopics<K, T>,
    periodic: Periodics<Submission<K, T>>,
    /// When the first of the three has something; asked for with every publication, so it is kept.
    due: Time,
    counts: Counts,
}

/// How much may wait, on one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AdmissionLimits {
    /// Messages with a delay, all topics together. When full: refused.
    pub delayed: Bounds,
    /// Messages of each topic that wait for its pace. When full: refused. What was delayed and is due comes on
    /// top of it.
    pub paced: Bounds,
    /// Periodic pushes. When there are as many: refused.
    pub periodics_max: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            delayed: Bounds { messages_max: 65_536, bytes_max: 64 << 20 },
            paced: Bounds { messages_max: 1024, bytes_max: 4 << 20 },
            periodics_max: 16_384,
        }
    }
}

/// A publish, as far as its time is concerned.
#[derive(Clone, Debug)]
pub struct Submission<K, T> {
    /// Its topic.
    pub key: K,
    /// Pace of the topic.
    pub pace: Pace,
    /// Bytes of its body.
    pub bytes: usize,
    /// Not before this; [`Time::default`] is at once.
    pub due: Time,
    /// Not from this time on; [`Time::NEVER`] is whenever.
    pub expires: Time,
    /// The caller's.
    pub item: T,
}

/// What became of a submission.
#[derive(Debug, Eq, PartialEq)]
pub enum Submitted<T> {
    /// Publish it now: here it is.
    Passes(T),
    /// It waits, and comes out of [`Admission::poll`].
    Waits,
    /// Its time is over already: here it is.
    Expired(T),
    /// There is no room where it would have to wait: here it is.
    Refused(T, Full),
}

/// Where there was no room, and how much waits there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Full {
    /// Among the delayed ones.
    #[error("{messages} delayed messages of {bytes} bytes wait already")]
    Delayed {
        /// Messages that wait.
        messages: usize,
        /// Bytes of their bodies.
        bytes: usize,
    },
    /// Behind the pace of its topic.
    #[error("{messages} messages wait for the pace of the topic")]
    Paced {
        /// Messages that wait.
        messages: usize,
    },
}

/// What comes out of [`Admission::poll`].
#[derive(Debug, Eq, PartialEq)]
pub enum Admitted<T> {
    /// Publish it now.
    Publish(T),
    /// Its time was over before it could be published: tell whoever waits for it.
    Expired(T),
    /// A repetition that found no room behind the pace of its topic.
    Refused(T),
}

/// What happened since the beginning. Every submission, repetitions included, is handed back by
/// [`submit`](Admission::submit), comes out of [`poll`](Admission::poll), or [waits](Admission::waiting).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Submissions that were delayed.
    pub delayed: u64,
    /// Submissions that had to wait for the pace of their topic.
    pub paced: u64,
    /// Repetitions of periodic pushes.
    pub repeated: u64,
    /// Submissions that expired before they could be published.
    pub expired: u64,
    /// Submissions that found no room.
    pub refused: u64,
}

impl<K: Clone + Ord, T: Clone> Admission<K, T> {
    /// Nothing waits.
    pub fn new(limits: AdmissionLimits) -> Self {
        Self {
            delayed: DelayQueue::new(limits.delayed),
            paced: PacedTopics::new(limits.paced),
            periodic: Periodics::new(limits.periodics_max),
            due: Time::NEVER,
            counts: Counts::default(),
        }
    }

    /// Takes a publish in. One with a delay holds up none behind it; it takes its place when it is due.
    #[inline]
    pub fn submit(&mut self, submission: Submission<K, T>, now: Time) -> Submitted<T> {
        let is_plain = submission.due <= now && submission.expires > now && submission.pace.is_none();
        if is_plain && self.paced.waiting() == 0 {
            return Submitted::Passes(submission.item);
        }
        let submitted = self.submit_slow(submission, now);
        self.set_due();
        submitted
    }

    /// Publishes `submission` again and again, for the first time at its `due`; its `expires` means nothing. The
    /// times are fixed by the first, and those that were missed are left out.
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

    /// Ends a periodic push; what it submitted before may still wait for its pace.
    pub fn remove_periodic(&mut self, number: u64) -> Option<T> {
        let removed = self.periodic.remove(number).map(|submission| submission.item);
        self.set_due();
        removed
    }

    /// The next thing that is to be published or has expired by now.
    pub fn poll(&mut self, now: Time) -> Option<Admitted<T>> {
        let admitted = self.next(now);
        self.set_due();
        admitted
    }

    fn next(&mut self, now: Time) -> Option<Admitted<T>> {
        // What has waited behind a pace is older than what becomes due now.
        if let Some(came) = self.paced.pop(now) {
            return Some(match came {
                paced::Came::Passes(item) => Admitted::Publish(item),
                paced::Came::Expired(item) => self.expire(item),
            });
        }
        while let Some((_, submission)) = self.delayed.pop_due(now) {
            let Submission { key, pace, bytes, expires, item, .. } = submission;
            if expires <= now {
                return Some(self.expire(item));
            }
            match self.paced.insist(key, &pace, paced::Message { bytes, expires, item }, now) {
                Some(item) => return Some(Admitted::Publish(item)),
                None => self.counts.paced += 1,
            }
        }
        while let Some((_, submission)) = self.periodic.pop_due(now) {
            let submission = Submission { due: now, expires: Time::NEVER, ..submission.clone() };
            self.counts.repeated += 1;
            match self.submit(submission, now) {
                Submitted::Passes(item) => return Some(Admitted::Publish(item)),
                Submitted::Refused(item, _) => return Some(Admitted::Refused(item)),
                Submitted::Expired(item) => return Some(Admitted::Expired(item)),
                Submitted::Waits => {}
            }
        }
        None
    }

    /// When [`poll`](Self::poll) will have something.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Time> {
        (self.due != Time::NEVER).then_some(self.due)
    }

    fn set_due(&mut self) {
        let all = [self.paced.next_due(), self.delayed.next_due(), self.periodic.next_due()];
        self.due = all.into_iter().flatten().min().unwrap_or(Time::NEVER);
    }

    /// Messages that wait: delayed ones and paced ones.
    pub fn waiting(&self) -> usize {
        self.delayed.len() + self.paced.waiting()
    }

    /// What happened since the beginning.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Repetitions that were left out because the shard came to them too late.
    pub const fn missed(&self) -> u64 {
        self.periodic.missed()
    }

    /// Forgets topics whose pace is as good as new; to be called once in a while.
    pub fn forget_rested(&mut self, now: Time) {
        self.paced.forget_rested(now);
    }

    /// Ends all repetitions, and hands out what waits: nobody will publish it any more.
    pub fn close(&mut self) -> Vec<T> {
        self.periodic.clear();
        let mut left = Vec::with_capacity(self.waiting());
        left.extend(self.paced.drain());
        while let Some((_, submission)) = self.delayed.pop_due(Time::NEVER) {
            left.push(submission.item);
        }
        self.set_due();
        left
    }

    fn submit_slow(&mut self, submission: Submission<K, T>, now: Time) -> Submitted<T> {
        if submission.due > now {
            let (due, bytes) = (submission.due, submission.bytes);
            return match self.delayed.push(due, bytes, submission) {
                Ok(()) => {
                    self.counts.delayed += 1;
                    Submitted::Waits
                }
                Err(submission) => {
                    self.counts.refused += 1;
                    let full = Full::Delayed { messages: self.delayed.len(), bytes: self.delayed.bytes() };
                    Submitted::Refused(submission.item, full)
                }
            };
        }
        let Submission { key, pace, bytes, expires, item, .. } = submission;
        if expires <= now {
            self.counts.expired += 1;
            return Submitted::Expired(item);
        }
        if pace.is_none() && !self.paced.has_waiting(&key) {
            return Submitted::Passes(item);
        }
        match self.paced.offer(key, &pace, paced::Message { bytes, expires, item }, now) {
            paced::Offered::Passes(item) => Submitted::Passes(item),
            paced::Offered::Waits => {
                self.counts.paced += 1;
                Submitted::Waits
            }
            paced::Offered::Full(item, messages) => {
                self.counts.refused += 1;
                Submitted::Refused(item, Full::Paced { messages })
            }
        }
    }

    const fn expire(&mut self, item: T) -> Admitted<T> {
        self.counts.expired += 1;
        Admitted::Expired(item)
    }
}
