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
//!
//! # Examples
//! ```
//! use shardcast_proto::tars::packet::{
//!     FRAME_LEN_MAX_DEFAULT, FRAME_LEN_MAX_TARSCPP, FrameError, PacketTooLarge, Request, RequestPacket,
//!     RequestRef, Response, ResponsePacket, ResponseRef, ReturnCode, StringMap, StringMapRef, Version,
//!     message_type, packet_type, split_frame, status_key,
//! };
//!
//! fn encoded(request: &RequestPacket) -> Result<Vec<u8>, PacketTooLarge> {
//!     let mut out = Vec::new();
//!     request.encode(&mut out)?;
//!     Ok(out)
//! }
//!
//! let request: RequestPacket = Request {
//!     version: Version::TARS,
//!     packet_type: packet_type::NORMAL,
//!     message_type: message_type::DYED,
//!     request_id: 7,
//!     servant: "Demo.HelloServer.HelloObj".into(),
//!     func: "hello".into(),
//!     buffer: b"\x10\x02".as_slice().into(),
//!     timeout_ms: 3000,
//!     context: StringMap::new(),
//!     status: StringMap::from([(status_key::DYED.into(), "user 5".into())]),
//! };
//! let sent = encoded(&request)?;
//!
//! let (body, taken) = split_frame(&sent, FRAME_LEN_MAX_DEFAULT)?.expect("a whole packet");
//! let received: RequestRef<'_> = RequestRef::decode(body)?;
//! assert_eq!((taken, &*received.func, &*received.buffer), (sent.len(), "hello", &b"\x10\x02"[..]));
//! let status: StringMapRef<'_> = received.status;
//! assert_eq!(status.get(status_key::DYED).as_deref(), Some("user 5"));
//! assert_eq!((status.to_map(), received.to_owned()), (request.status.clone(), request));
//! assert!(!received.is_one_way() && !received.version.is_tup());
//!
//! let (request_id, ret) = (received.request_id, ReturnCode::NO_FUNCTION);
//! let response: ResponsePacket = Response { request_id, ret, ..Response::default() };
//! let mut sent = Vec::new();
//! response.encode(&mut sent)?;
//! let (body, _) = split_frame(&sent, FRAME_LEN_MAX_DEFAULT)?.expect("a whole packet");
//! assert_eq!(ResponseRef::decode(body)?.ret.name(), Some("TARSSERVERNOFUNCERR"));
//!
//! // An impossible length is noticed before anything else has arrived.
//! let (len, max) = (u32::MAX, FRAME_LEN_MAX_TARSCPP);
//! assert_eq!(split_frame(&len.to_be_bytes(), max), Err(FrameError::TooLarge { len, max }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
