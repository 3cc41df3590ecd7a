//! tcpshm, against bytes recorded from the original.

mod conformance;
mod ends;
mod geometries;
mod layout;
mod memory;
mod original;
mod recording;
mod sessions;
mod simulated;
mod synced;
mod vectors;
