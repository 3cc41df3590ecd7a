//! The Tars encoding: fields with a tag and a type, without names, which readers interpret with the schema.
//!
//! [`TarsWriter`] appends fields, [`TarsReader`] finds them by tag. [`Encode`] and [`Decode`] are for values
//! of a field; [`TarsStruct`] and [`DecodeStruct`] are for the structs of .tars files. The compiler generates
//! these for your types; `docs/tars-codec.md` describes the bytes.
//!
//! It deliberately knows no packet, no names and no JSON.
//!
//! # Types
//!
//! | in a .tars file | in Rust | on the wire |
//! | --- | --- | --- |
//! | `bool`, `byte`, `short`, `int`, `long` | `bool`, `i8`, `i16`, `i32`, `i64` | the narrowest integer that holds it |
//! | `unsigned byte`, `unsigned short`, `unsigned int` | `u8`, `u16`, `u32` | the same, at most as wide as `short`, `int`, `long` |
//! | `float`, `double` | `f32`, `f64` | FLOAT, DOUBLE |
//! | `string` | [`String`]; `&str`, [`Cow<str>`](std::borrow::Cow); [`ByteString`] for any bytes | STRING1, STRING4 |
//! | `vector<byte>` | [`Vec<u8>`]; [`Bytes`](bytes::Bytes), `&[u8]` | SIMPLE_LIST |
//! | `vector<unsigned byte>` | [`UnsignedBytes`] | LIST |
//! | `vector<T>`, `T a[N]` | [`Vec<T>`] | LIST |
//! | `map<K, V>` | [`BTreeMap`](std::collections::BTreeMap), [`HashMap`](std::collections::HashMap), [`Pairs`] | MAP, in the order of the keys ([`Pairs`]: as they are) |
//! | `enum E` | an open [`TarsEnum`], `struct E(pub i32)` | as `int` |
//! | `struct S` | a [`TarsStruct`] | STRUCT_BEGIN … STRUCT_END |
//!
//! They nest as in the .tars file: `map<string, vector<byte>>` is `BTreeMap<String, Vec<u8>>`. `Vec<u8>` is a
//! `vector<byte>` everywhere.
//!
//! # The code for a .tars file
//!
//! All of it names `shardcast::__codegen` only; here that is `c`. A struct derives `Debug`, `Clone` and
//! `PartialEq`; its `Default` holds the defaults of the .tars file. `read_fields` reads the fields in the
//! order of their tags, whatever the order of declaration.
//!
//! | declaration | `write_fields` | `read_fields` |
//! | --- | --- | --- |
//! | `require T x` | `w.field(0, &self.x)` | `r.require(0)?` |
//! | `optional T x` | `w.optional(0, &self.x)` | `r.optional(0)?` |
//! | `optional int x = 5` | `w.optional_or(0, &self.x, &5)` | `r.optional_or(0, 5)?` |
//! | `optional string x = "a"` | `w.optional_or(0, &self.x, "a")` | `r.optional_or_else(0, \|\| "a".into())?` |
//! | `optional bool x = true`, `optional E x = A` | `w.field(0, &self.x)` | `r.optional_or(0, E::A)?` |
//! | `optional T x` as `Option<T>` | `w.option(0, &self.x)` | `r.option(0)?` |
//! | `require T x[8]` | `w.field(0, &self.x)` | `r.require_at_most(0, 8)?`; or `optional_at_most`, `option_at_most` |
//!
//! An enum implements [`TarsEnum`], [`Encode`] as `self.0.encode(w, tag)` with `type_name` of `i32`, and
//! [`Decode`] as `i32::decode(r, head).map(Self)`. For a file whose strings may not be UTF-8, either use
//! [`ByteString`], or wrap `read_fields` in [`TarsReader::lossy`]. A borrowing struct is `struct S<'de>`,
//! implements `DecodeStruct<'de>` only for its own `'de`, and is otherwise the same.
//!
//! JSON is optional, and similar: [`ToJson`](super::json::ToJson) writes all members with a
//! `JsonObjectWriter` (`field`, or `option` for an `Option`). [`FromJson`](super::json::FromJson) takes them
//! from a `JsonObject` with `require`, `optional`, `optional_or`, `optional_or_else`, `option`, by the names
//! of the .tars file. The traits of serde take one line each on top of them.
//!
//! `src/proto/tests/it/generated_shape.rs` is a complete example.
//!
//! # Examples
//! ```
//! use shardcast_proto::tars::codec::{
//!     ByteString, Decode, DecodeError, DecodeErrorKind, DecodeLimits, DecodeOwned, DecodeStruct, Encode, Head, Pairs,
//!     TarsEnum, TarsReader, TarsStruct, TarsWriter, TypeCode, UnsignedBytes, Utf8Policy, Wanted,
//! };
//!
//! /// `enum Source { APP, PARTNER };`
//! #[derive(Clone, Copy, Debug, Default, PartialEq)]
//! struct Source(i32);
//!
//! impl TarsEnum for Source {
//!     const NAME: &'static str = "Demo.Source";
//!     const MEMBERS: &'static [(&'static str, i32)] = &[("APP", 0), ("PARTNER", 1)];
//!
//!     fn from_i32(number: i32) -> Self {
//!         Self(number)
//!     }
//!
//!     fn to_i32(self) -> i32 {
//!         self.0
//!     }
//! }
//!
//! impl Encode for Source {
//!     fn encode(&self, w: &mut TarsWriter, tag: u8) {
//!         self.0.encode(w, tag);
//!     }
//!
//!     fn type_name(out: &mut String) {
//!         i32::type_name(out);
//!     }
//! }
//!
//! impl<'de> Decode<'de> for Source {
//!     fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
//!         i32::decode(r, head).map(Self)
//!     }
//! }
//!
//! #[derive(Debug, Default, PartialEq)]
//! struct User {
//!     id: i64,                       // 0 require long id;
//!     name: ByteString,              // 1 optional string name;
//!     source: Source,                // 2 optional Source source;
//!     icon: UnsignedBytes,           // 3 optional vector<unsigned byte> icon;
//!     labels: Pairs<String, String>, // 4 optional map<string, string> labels;
//! }
//!
//! impl TarsStruct for User {
//!     const NAME: &'static str = "Demo.User";
//!
//!     fn write_fields(&self, w: &mut TarsWriter) {
//!         w.field(0, &self.id);
//!         w.optional(1, &self.name);
//!         w.field(2, &self.source);
//!         w.optional(3, &self.icon);
//!         w.optional(4, &self.labels);
//!     }
//! }
//!
//! impl<'de> DecodeStruct<'de> for User {
//!     fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
//!         Ok(Self {
//!             id: r.require(0)?,
//!             name: r.optional(1)?,
//!             source: r.optional(2)?,
//!             icon: r.optional(3)?,
//!             labels: r.optional(4)?,
//!         })
//!     }
//! }
//!
//! let user = User { id: 7, name: "Ann".into(), source: Source(1), ..User::default() };
//! let bytes = user.to_vec();
//! assert_eq!(bytes, [0x00, 7, 0x16, 3, b'A', b'n', b'n', 0x20, 1]);
//! assert_eq!(User::from_slice(&bytes)?, user);
//! assert_eq!(user.source.name(), Some("PARTNER"));
//!
//! // An error names the field and the place.
//! let error = User::from_slice(&[0x06, 1, b'7']).unwrap_err();
//! let kind = DecodeErrorKind::TypeMismatch { wanted: Wanted::Int64, found: TypeCode::String1 };
//! assert_eq!((error.kind(), error.tag(), error.offset()), (kind, Some(0), 0));
//!
//! /// Reads a value of a file that may be from anyone, in any encoding of text.
//! fn first_field<T: DecodeOwned>(file: &[u8]) -> Result<T, DecodeError> {
//!     let limits = DecodeLimits::default().with(|it| (it.depth_max, it.memory_max) = (4, 1 << 20));
//!     TarsReader::new(file).limits(limits).utf8(Utf8Policy::Lossy).require(0)
//! }
//! assert_eq!(first_field::<i64>(&bytes)?, 7);
//! # Ok::<(), DecodeError>(())
//! ```

mod error;
mod head;
mod impls;
mod limits;
mod reader;
mod short;
mod traits;
mod writer;

pub use error::{DecodeError, DecodeErrorKind, Wanted};
pub use head::{Head, TypeCode};
pub(in crate::tars) use impls::lossy;
use impls::value_list;
pub use impls::{ByteString, Pairs, UnsignedBytes};
pub use limits::{DecodeLimits, Utf8Policy};
pub use reader::TarsReader;
pub use traits::{Decode, DecodeOwned, DecodeStruct, Elements, Elide, Encode, TarsEnum, TarsStruct};
pub use writer::TarsWriter;
