//! The load generator of `shardcast bench`, and the reports of what it measures.
//!
//! | module | contents |
//! | --- | --- |
//! | [`generator`] | loads, schedules, threads, histograms |
//! | [`report`] | a result as text, JSON, percentiles and HTML; conditions on it, and comparisons |
//! | [`links`] | connections on a bare ring, for the generator and for the baseline of the benchmarks |
//! | [`framing`] | the trait for protocols of the generator |
//! | [`frame`] | the framed protocol, which implements it |
//! | [`tars`] | Tars RPC, which implements it |
//! | [`seastar`] | Seastar RPC, which implements it |
//! | [`process`] | CPU time and memory of processes |
//! | [`echo`] | the servant that a load is sent to |
#![forbid(unsafe_code)]

pub mod echo;
pub mod frame;
pub mod framing;
pub mod generator;
pub mod links;
pub mod process;
pub mod report;
pub mod seastar;
mod streams;
pub mod tars;
