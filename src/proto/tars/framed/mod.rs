//! Tars push mode over a custom framed protocol: the listener's [`Parser`] finds the end of a packet, the
//! handler gets the complete packet, including its header, and responses and pushes are sent unchanged.
//!
//! It is deliberately not a codec. [`frame`] has the frames of the push guide (length, id, payload) for users
//! of the built-in [`LengthPrefixed`]; the session itself never looks inside a packet. `WIRE.md` in this
//! folder has every byte, limit and refusal.

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
