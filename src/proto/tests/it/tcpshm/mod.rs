//! tcpshm, against bytes recorded from the original.

mod layout;
mod recording;
mod vectors;
