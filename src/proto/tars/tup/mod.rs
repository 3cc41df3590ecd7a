//! TUP: calls whose arguments are put and got one by one, by name or by tag, without generated code.
//!
//! [`Attributes`] are the arguments of one call or its results, in the encoding of a version: by tag in
//! version 1, by name in versions 2 and 3. [`UniPacket`] is a request with its arguments, [`UniResponse`]
//! a response with its results, whatever layout the version gives it.
//!
//! | in the PHP extension | here |
//! | --- | --- |
//! | `putBool`, …, `putStruct`, `putVector`, `putMap` | [`Attributes::put`] of any value: Rust's own, emitted structs, or a [`TarsValue`](super::TarsValue) |
//! | `getBool`, …, `getMap` | [`Attributes::get`], [`require`](Attributes::require), [`get_or`](Attributes::get_or) |
//! | a number as `nameOrTagNum` | [`Key::Tag`]; text that is a number counts as a tag in version 1 |
//! | an encoded buffer from `put…` | [`Attributes::encoded`], [`put_encoded`](Attributes::put_encoded) |
//! | `encode` | [`UniPacket::encode`] |
//! | `decode` | [`UniResponse::decode`] |
//! | `decodeReqPacket` | [`UniPacket::decode`] |
//! | `encodeRspPacket` | [`UniResponse::encode`] |
//!
//! It is deliberately not a client. It encodes and decodes packets and sends none.
//!
//! # Examples
//! ```
//! use shardcast_proto::tars::{packet::{FRAME_LEN_MAX_DEFAULT, Version, split_frame}, tup::UniPacket};
//!
//! let mut call = UniPacket::new(Version::TUP, "TestApp.HelloServer.HelloObj", "hello");
//! call.request.request_id = 1;
//! call.attributes.put("no", &1000)?.put("name", "hello world")?;
//! let mut frame = Vec::new();
//! call.encode(&mut frame)?;
//!
//! let (body, _) = split_frame(&frame, FRAME_LEN_MAX_DEFAULT)?.expect("a whole packet");
//! let call = UniPacket::decode(body)?;
//! assert_eq!(call.attributes.require::<i32>("no")?, 1000);
//! let mut response = call.create_response();
//! response.put_result(&format!("hello, {}", call.attributes.require::<String>("name")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attributes;
mod error;
mod key;
mod request;
mod response;

pub use attributes::{Attribute, Attributes};
pub use error::{TupEncodeError, TupError, TupErrorKind};
pub use key::Key;
pub use request::UniPacket;
pub use response::UniResponse;
