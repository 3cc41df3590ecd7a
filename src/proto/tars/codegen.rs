//! Everything that code generated for .tars files uses, and nothing else.

pub use super::codec::{
    ByteString, Decode, DecodeError, DecodeStruct, Encode, Head, Pairs, TarsEnum, TarsReader, TarsStruct,
    TarsWriter, UnsignedBytes,
};
pub use super::json::{
    FromJson, JsonError, JsonObject, JsonObjectWriter, JsonValue, ToJson, deserialize as json_deserialize,
};
pub use bytes::Bytes;
pub use serde;
pub use std;
pub use std::collections::{BTreeMap, HashMap};
