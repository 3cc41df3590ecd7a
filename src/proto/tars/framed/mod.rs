//! Tars push mode over a custom framed protocol: the listener's [`Parser`] finds the end of a packet, the
//! handler gets the complete packet, including its header, and responses and pushes are sent unchanged.
//!
//! It is deliberately not a codec. [`frame`] has the frames of the push guide (length, id, payload) for users
//! of the built-in [`LengthPrefixed`]; the session itself never looks inside a packet. `WIRE.md` in this
//! folder has every byte, limit and refusal.
//!
//! # Examples
//! ```
//! use shardcast_proto::{
//!     Command, Error, Event, Request, RequestId, Response, Route, Session, Time,
//!     tars::framed::{
//!         CallError, ClientCodec, Decoded, FramedClient, FramedClientSession, LengthPrefixed, LengthPrefixedCodec,
//!         Parsed, Parser, SerialProtocol, SerialSession,
//!         frame::{self, HEADER_LEN, Header, PUSH_ID},
//!     },
//! };
//!
//! // The frames of the push guide.
//! let packet = frame::encode(7, b"price?");
//! assert_eq!(Header::load(&packet), Some(Header { len: HEADER_LEN + 6, id: 7 }));
//! assert_eq!(LengthPrefixed::default().parse(&packet), Ok(Parsed::Full(14)));
//! assert_eq!(LengthPrefixed::default().parse(&packet[..13]), Ok(Parsed::Less));
//! assert_eq!(frame::payload(&packet), Some(&b"price?"[..]));
//!
//! // A client of the push guide, with a bound of its own for what it receives.
//! let now = Time::from_nanos(0);
//! let codec = LengthPrefixedCodec::default().with(|it| it.response_len_max = 1000);
//! let mut client: FramedClientSession = FramedClient::new(codec).session();
//! let mut sent = Vec::new();
//! let request = Request::new(RequestId(7), Route::Only, b"price?");
//! assert_eq!(client.handle_command(Command::Request(request), &mut sent, now), Ok(()));
//! assert_eq!(sent, packet);
//! let response = frame::encode(7, b"2410");
//! let event = client.handle_input(&response, now)?.event;
//! let expected = Response { id: RequestId(7), head: &[], result: Ok(b"2410") };
//! assert_eq!(event, Some(Event::Response(expected)));
//! let push = frame::push(b"news");
//! assert_eq!(Header::load(&push).map(|header| header.id), Some(PUSH_ID));
//! assert_eq!(client.handle_input(&push, now)?.event, Some(Event::Push { route: Route::Only, head: &[], body: b"news" }));
//!
//! /// Frames of an application: `[u8 length][u8 id][body]`.
//! struct Short;
//!
//! impl ClientCodec for Short {
//!     fn encode_request(&self, id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
//!         let len = u8::try_from(body.len()).map_err(|_| CallError::TooLarge)?;
//!         let id = u8::try_from(id).map_err(|_| CallError::IdTaken)?;
//!         out.extend_from_slice(&[len, id]);
//!         out.extend_from_slice(body);
//!         Ok(())
//!     }
//!
//!     fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
//!         let [len, id, rest @ ..] = input else { return Ok(None) };
//!         let Some(body) = rest.get(..usize::from(*len)) else { return Ok(None) };
//!         Ok(Some(Decoded { taken: 2 + body.len(), id: u32::from(*id), body }))
//!     }
//! }
//!
//! let mut client = FramedClient::new(Short).session();
//! let expected = Response { id: RequestId(7), head: &[], result: Ok(b"ok") };
//! assert_eq!(client.handle_input(b"\x02\x07ok", now)?.event, Some(Event::Response(expected)));
//!
//! /// Lines of text, without ids: the responses come in the order of the requests.
//! struct Lines;
//!
//! impl ClientCodec for Lines {
//!     fn encode_request(&self, _id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
//!         out.extend_from_slice(body);
//!         out.push(b'\n');
//!         Ok(())
//!     }
//!
//!     fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
//!         let end = input.iter().position(|byte| *byte == b'\n');
//!         Ok(end.map(|end| Decoded { taken: end + 1, id: 0, body: &input[..end] }))
//!     }
//! }
//!
//! let mut client: SerialSession<Lines> = SerialProtocol::new(Lines).session();
//! for id in [7, 8] {
//!     let request = Request::new(RequestId(id), Route::Only, b"price?");
//!     assert_eq!(client.handle_command(Command::Request(request), &mut Vec::new(), now), Ok(()));
//! }
//! for id in [7, 8] {
//!     let response = Response { id: RequestId(id), head: &[], result: Ok(b"2410") };
//!     assert_eq!(client.handle_input(b"2410\n", now)?.event, Some(Event::Response(response)));
//! }
//! # Ok::<(), Error>(())
//! ```

mod client;
pub mod frame;
mod parser;
mod session;

#[cfg(test)]
mod tests;

pub use crate::rpc::{CallError, CallerConfig as ProxyConfig, Cause};
pub use client::{
    ClientCodec, Decoded, FramedClient, FramedClientSession, LengthPrefixedCodec, SerialProtocol,
    SerialSession,
};
pub use parser::{LengthPrefixed, Parsed, Parser};
pub use session::{Framed, FramedSession};
