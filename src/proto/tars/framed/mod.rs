//! Tars push mode over a custom framed protocol: the listener's [`Parser`] says where a packet ends, the
//! handler sees the packet whole, header included, and what it answers or pushes goes out as it is.
//!
//! What this deliberately is not: a codec. [`frame`] has the frames of the push guide (length, id,
//! payload) for those who use the ready-made [`LengthPrefixed`]; the session itself never looks inside a
//! packet. `WIRE.md` beside this file has every byte, limit and refusal.

mod client;
pub mod frame;
mod parser;
mod session;

#[cfg(test)]
mod tests;

pub use crate::rpc::{CallError, CallerConfig as ProxyConfig, Cause};
pub use client::{ClientCodec, Decoded, FramedClient, FramedClientSession, LengthPrefixedCodec};
pub use parser::{LengthPrefixed, Parsed, Parser};
pub use session::{Framed, FramedSession};
