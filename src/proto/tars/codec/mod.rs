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
use impls::value_list;
pub use impls::{ByteString, Pairs, UnsignedBytes};
pub use limits::{DecodeLimits, Utf8Policy};
pub use reader::TarsReader;
pub use traits::{Decode, DecodeOwned, DecodeStruct, Elements, Elide, Encode, TarsEnum, TarsStruct};
pub use writer::TarsWriter;
