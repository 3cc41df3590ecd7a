//! Shared by the benchmarks.
#![forbid(unsafe_code)]
