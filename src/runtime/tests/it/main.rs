//! The runtime through its public API: real sockets, two shards, honest and hostile peers.
//!
//! A test with hostile peers also has a [control connection](support::Control), which must notice nothing. No test
//! asserts a short time: tests await conditions, with deadlines that only a hang reaches.

#![allow(clippy::print_stderr)]

mod support;

mod alarms;
mod churn;
mod client;
mod client_line;
mod client_threads;
mod drain;
mod first_exchange;
mod frame_limit;
mod framed;
mod handlers;
mod handles;
mod home;
mod kernel;
mod kick;
mod latency;
mod limits;
mod malformed;
mod memory;
mod panic;
mod placement;
mod polls;
mod push_context;
mod reload;
mod requests;
mod schedule;
mod seastar;
mod silent;
mod slow;
mod sources;
mod stall;
mod start;
mod streams;
mod tars_client;
mod tars_rpc;
mod tars_serial;
mod task_queues;
mod tasks;
mod tcpshm;
mod topic_abuse;
mod topic_client;
mod topic_history;
mod topic_receive;
mod topic_retry;
mod topic_work;
mod topics;
mod vanish;
