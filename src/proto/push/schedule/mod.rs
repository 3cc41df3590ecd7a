//! When a message goes, and which goes first: the scheduler of one shard.
//!
//! It has two halves. [`Admission`] is on the owner shard of a topic, before a message gets its place there: it
//! keeps what is delayed, what is over the pace of its topic, and what is repeated, and lets go of what has
//! expired. [`FanOut`] is on every shard, behind the stamp: by a [`ClassQueue`] it decides whose fan-out is worked
//! at next, and how much of it, so that neither a fan-out to 10,000 nor a flood of less urgent topics holds up the
//! others. The messages of a burst go to some subscribers together, then to the next ones, so that each outbox sends
//! them at once. [`Pacer`] is also what paces one connection.
//!
//! What it deliberately is not: it knows no connection, no clock and no timer; whoever drives it passes the time in
//! and asks when to come back.
//!
//! A class belongs to a topic, so that a topic stays in order whatever the classes are. A publish that asks for
//! a more urgent one takes those of its topic in front of it along.

mod admission;
mod batch;
mod classes;
mod delay;
mod fanout;
mod gathered;
mod pace;
mod paced;
mod periodic;
mod rules;

pub use admission::{Admission, AdmissionLimits, Admitted, Counts, Full, Submission, Submitted};
pub use classes::{Class, ClassQueue, Piece, delivery_cost};
pub use delay::{Bounds, DelayQueue};
pub use fanout::{FanOut, FanOutCounts, FanOutLimits};
pub use pace::{Pace, Pacer, TokenBucket};
pub use paced::{Came, Message, Offered, PacedTopics};
pub use periodic::{AddError, Periodics};
pub use rules::{TopicRule, TopicRules};

#[cfg(test)]
mod tests;
