//! Push: topics, who is subscribed to them, and when their messages go.

pub mod schedule;
