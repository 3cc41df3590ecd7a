//! Tars push mode over a custom framed protocol: the listener's [`Parser`] says where a packet ends, the
//! handler sees the packet whole, header included, and what it answers or pushes goes out as it is.
//!
//! What this deliberately is not: a codec. [`frame`] has the frames of the push guide (length, id,
//! payload) for those who use the ready-made [`LengthPrefixed`]; the session itself never looks inside a
//! packet. `WIRE.md` beside this file has every byte, limit and refusal.

pub mod control;
pub mod frame;
mod parser;
mod proxy;
mod session;

#[cfg(test)]
mod tests;

pub use parser::{LengthPrefixed, Parsed, Parser};
pub use proxy::{
    Action, Call, CallError, Cause, ClientCodec, Decoded, LengthPrefixedCodec, Proxy, ProxyConfig, ProxyEvent,
};
pub use session::{Framed, FramedSession};
