//! Packets between Tars clients and servers, with one request or response each.
//!
//! On a stream, a packet is a big-endian total length of four bytes, including these four, followed by the
//! fields of a [`RequestPacket`] or [`ResponsePacket`], with no struct around them. [`split_frame`] finds the
//! end, [`RequestRef`] reads a request without copying it, and `encode` of either appends a complete packet.
//!
//! | version | arguments in the buffer | a response is a |
//! | --- | --- | --- |
//! | [`Version::TARS`] | the i-th parameter as field i, from 1; in a response the result as field 0 | [`ResponsePacket`] |
//! | [`Version::TUP_TYPED`], [`Version::TUP`] | an attribute map by name, see [`tup`](super::tup) | [`RequestPacket`] |
//! | [`Version::JSON`] | a JSON object by name, see [`json`](super::json) | [`ResponsePacket`] |
//!
//! It is deliberately not a session. It matches no response with its request, and does not decide what to do
//! with a valid packet.

mod codes;
mod frame;
mod request;
mod response;
mod string_map;

pub use codes::{ReturnCode, Version, message_type, packet_type, status_key};
pub use frame::{FRAME_LEN_MAX_DEFAULT, FRAME_LEN_MAX_TARSCPP, FrameError, PacketTooLarge, split_frame};
pub use request::{Request, RequestPacket, RequestRef};
pub use response::{Response, ResponsePacket, ResponseRef};
pub use string_map::{StringMap, StringMapRef};
