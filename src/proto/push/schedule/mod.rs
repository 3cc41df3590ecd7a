//! The scheduler of one shard: when a message is delivered, and which goes first.
//!
//! It has two parts. [`Admission`] is on the owner shard of a topic, before a message gets its position: it
//! keeps delayed publications, those over the rate limit of their topic, and repetitions, and drops expired
//! ones. [`FanOut`] is on every shard, after that: with a [`PriorityQueue`] it decides which fan-out is next,
//! and how much of it, so that neither a fan-out to 10,000 nor a flood of less urgent topics delays the
//! others. The messages of a burst go to some subscribers together, then to the next ones, so that each
//! outbox sends them at once. [`RateLimiter`] is also the rate limit of a connection.
//!
//! It deliberately knows no connection, no clock and no timer; its driver passes the time in and asks when to
//! call again.
//!
//! A priority belongs to a topic, so that a topic stays in order. A publication that asks for a more urgent
//! priority also promotes messages of that topic queued ahead of it.
//!
//! # Examples
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use shardcast_proto::{
//!     Holder, NoRoom, Position, Time, TopicFilter, TopicName,
//!     push::{
//!         Publication, SubscriberId,
//!         schedule::{
//!             Admission, AdmissionLimits, Admitted, Bounds, Priority, Counts, FanOut, FanOutCounts, FanOutLimits,
//!             Full, RateLimit, Submission, Submitted, TopicRule, TopicRules,
//!         },
//!     },
//! };
//!
//! let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
//! let slow = RateLimit::default().with(|it| (it.messages_per_second, it.burst) = (1, Duration::ZERO));
//! let rule = TopicRule::default().with(|it| {
//!     it.prefix = "prices.".into();
//!     (it.priority, it.rate_limit) = (Priority::High, slow);
//! });
//! let rules = TopicRules::new([rule]);
//! let (priority, rate_limit) = rules.of("prices.gold");
//! assert_eq!((priority, rate_limit), (Priority::High, slow));
//!
//! // Before a message has its position: one at once, one at the rate limit, one later.
//! let bounds = Bounds { messages_max: 10, bytes_max: 1000 };
//! let limits = AdmissionLimits::default().with(|it| (it.delayed, it.rate_limited) = (bounds, bounds));
//! let mut admission = Admission::new(limits);
//! let submission =
//!     |item, due| Submission { key: "prices.gold", rate_limit, bytes: 4, holder: Holder::PROGRAM, due, expires: Time::NEVER, item };
//! assert_eq!(admission.submit(submission("2410", start), start), Submitted::Passes("2410"));
//! assert_eq!(admission.submit(submission("2411", start), start), Submitted::Waits);
//! assert_eq!(admission.submit(submission("2409", start + 10 * second), start), Submitted::Waits);
//! let large = Submission { bytes: 1000, ..submission("large", start + second) };
//! let full = Full::Delayed(NoRoom { taken: 1, max: 10 });
//! assert_eq!(admission.submit(large, start), Submitted::Refused("large", full));
//! assert_eq!(admission.poll_timeout(), Some(start + second));
//! assert_eq!(admission.poll(start + second), Some(Admitted::Publish("2411")));
//! assert_eq!(admission.poll(start + 10 * second), Some(Admitted::Publish("2409")));
//! assert_eq!(admission.counts(), Counts { delayed: 1, rate_limited: 1, refused: 1, ..Counts::default() });
//!
//! // While there is no room for what passed, nothing follows it.
//! admission.suspend("prices.gold", &slow, start + 12 * second);
//! assert_eq!(admission.submit(submission("2412", start), start + 12 * second), Submitted::Waits);
//! assert_eq!(admission.poll(start + 12 * second), None);
//! admission.resume(&"prices.gold", start + 12 * second);
//! assert_eq!(admission.poll(start + 12 * second), Some(Admitted::Publish("2412")));
//!
//! // A periodic push, first at its due time.
//! let tick = submission("tick", start + 20 * second);
//! assert_eq!(admission.add_periodic(7, 60 * second, tick), Ok(()));
//! assert_eq!(admission.poll(start + 20 * second), Some(Admitted::Publish("tick")));
//! assert_eq!(admission.poll_timeout(), Some(start + 80 * second));
//! assert_eq!(admission.remove_periodic(7), Some("tick"));
//! // Occasionally, such as here: what is known of idle topics.
//! assert!(admission.forget_rested(start + 30 * second, 100));
//!
//! // After that: to the subscribers of a shard, as much in one turn as the limits allow.
//! let mut fan_out: FanOut = FanOut::new(FanOutLimits::default());
//! let topic = TopicName::new("prices.gold")?;
//! let message = |offset| Arc::new(Publication {
//!     topic: topic.clone(),
//!     position: Position { epoch: 1, offset },
//!     body: "2410".into(),
//!     key: None,
//!     posted: start,
//!     published: start,
//!     expires: Time::NEVER,
//!     priority,
//!     owner: 0,
//!     sequence: offset,
//! });
//! let mut delivered = Vec::new();
//! let mut deliver = |message: &Arc<Publication>, _: &mut (), to: &[SubscriberId]| {
//!     delivered.extend(to.iter().map(|who| (*who, message.position.offset)));
//! };
//! let both = [SubscriberId(3), SubscriberId(5)];
//! let subscriptions = |who, _: &TopicName| usize::from(who == SubscriberId(5));
//! fan_out.deliver(&message(1), &both, start);
//! fan_out.work(start, &subscriptions, &mut deliver);
//! // In the next turn, one of them ends its subscriptions before the message is delivered.
//! fan_out.begin_turn();
//! fan_out.deliver(&message(2), &both, start);
//! fan_out.end(SubscriberId(3), &"prices.*".parse::<TopicFilter>()?, 0);
//! fan_out.end(SubscriberId(3), &TopicFilter::Exact(topic), 0);
//! fan_out.begin(SubscriberId(3), &"gold.*".parse::<TopicFilter>()?);
//! assert!(!fan_out.is_full());
//! fan_out.work(start, &subscriptions, &mut deliver);
//! assert_eq!(delivered, [(SubscriberId(3), 1), (SubscriberId(5), 1), (SubscriberId(5), 2)]);
//! assert_eq!(fan_out.counts(), FanOutCounts { left: 1, ..FanOutCounts::default() });
//! # Ok::<(), shardcast_proto::TopicError>(())
//! ```

mod admission;
mod batch;
mod delay;
mod fair;
mod fanout;
mod gathered;
mod periodic;
mod priority;
mod rate_limit;
mod rate_limited;
mod rules;

pub use admission::{Admission, AdmissionLimits, Admitted, Counts, Full, Submission, Submitted};
pub use delay::{Bounds, DelayQueue};
pub use fair::FairQueue;
pub use fanout::{FanOut, FanOutCounts, FanOutLimits};
pub use periodic::{AddError, Periodics};
pub use priority::{Piece, Priority, PriorityQueue, delivery_cost};
pub use rate_limit::{RateLimit, RateLimiter, TokenBucket};
pub use rate_limited::{Came, Message, Offered, RateLimitedTopics};
pub use rules::{TopicRule, TopicRules};

#[cfg(test)]
mod tests;
