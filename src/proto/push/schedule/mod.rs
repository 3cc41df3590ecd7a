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

mod admission;
mod batch;
mod delay;
mod fanout;
mod gathered;
mod periodic;
mod priority;
mod rate_limit;
mod rate_limited;
mod rules;

pub use admission::{Admission, AdmissionLimits, Admitted, Counts, Full, Submission, Submitted};
pub use delay::{Bounds, DelayQueue};
pub use fanout::{FanOut, FanOutCounts, FanOutLimits};
pub use periodic::{AddError, Periodics};
pub use priority::{Piece, Priority, PriorityQueue, delivery_cost};
pub use rate_limit::{RateLimit, RateLimiter, TokenBucket};
pub use rate_limited::{Came, Message, Offered, RateLimitedTopics};
pub use rules::{TopicRule, TopicRules};

#[cfg(test)]
mod tests;
