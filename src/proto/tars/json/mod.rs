//! Values as JSON: the arguments in packets of version 5, and serde for the types of .tars files.
//!
//! The mapping is that of TarsCpp; parsing and printing are serde_json's.
//!
//! | in a .tars file | in JSON |
//! | --- | --- |
//! | integers, enums | a number; also read: a number without a fraction, and decimal text |
//! | `bool` | `true`, `false` only |
//! | `float`, `double` | a number; `null` for NaN and the infinities, read as NaN |
//! | `string` | a string; a [`ByteString`](super::codec::ByteString) with U+FFFD for what is not UTF-8 |
//! | `vector<byte>` | an array of numbers from -128 to 127; also read: up to 255 |
//! | `vector<T>` | an array |
//! | `map<K, V>` | an object; a key that is not a string becomes its JSON text, so `7` is `"7"` |
//! | structs | an object, members named as in the .tars file and all written; unknown ones are skipped |
//!
//! A member that is `null` counts as missing, except that of a float. Of equal members the last one counts.
//! Text nests 128 levels at most, which is serde_json's limit.
//!
//! It is deliberately not fast. Members come in any order, so an object is parsed into a tree before its
//! struct is built.
//!
//! # Examples
//! ```
//! use serde::{Deserialize, Deserializer, Serializer};
//! use shardcast_proto::tars::json::{
//!     self, FromJson, Json, JsonError, JsonErrorKind, JsonObject, JsonObjectWriter, JsonValue, ToJson,
//! };
//!
//! #[derive(Debug, PartialEq)]
//! struct User {
//!     id: i64,
//!     name: String,
//! }
//!
//! impl ToJson for User {
//!     fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
//!         let mut object = JsonObjectWriter::begin(serializer, "User", 2)?;
//!         object.field("id", &self.id)?;
//!         object.field("name", &self.name)?;
//!         object.end()
//!     }
//! }
//!
//! impl FromJson for User {
//!     fn from_json(value: JsonValue) -> Result<Self, JsonError> {
//!         let mut object = JsonObject::new(value)?;
//!         Ok(Self { id: object.require("id")?, name: object.optional_or_else("name", || "unknown".into())? })
//!     }
//! }
//!
//! let user = User { id: 7, name: "Ann".into() };
//! let text = json::to_vec(&user)?;
//! assert_eq!(text, br#"{"id":7,"name":"Ann"}"#);
//! assert_eq!(json::from_slice::<User>(&text)?, user);
//! let error = json::from_slice::<Vec<User>>(br#"[{"id":7},{}]"#).unwrap_err();
//! assert_eq!((error.path(), error.kind()), ("[1].id", &JsonErrorKind::MissingMember));
//!
//! // With serde: `Json` writes, and `deserialize` reads.
//! impl<'de> Deserialize<'de> for User {
//!     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
//!         json::deserialize(deserializer)
//!     }
//! }
//! assert_eq!(serde_json::from_str::<User>(&serde_json::to_string(&Json(&user))?)?, user);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod impls;
mod object;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_json::Value as JsonValue;

pub use error::{JsonError, JsonErrorKind};
pub use object::{JsonObject, JsonObjectWriter};

/// A value that can be written as JSON.
pub trait ToJson {
    /// Writes the value with a serializer of any format with the data model of JSON.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// The value as the key of a map: its JSON text, if it is not a string.
    ///
    /// # Errors
    /// It cannot be written as text.
    fn to_json_key(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Json(self))
    }

    #[doc(hidden)]
    fn list_to_json<S: Serializer>(list: &[Self], serializer: S) -> Result<S::Ok, S::Error>
    where
        Self: Sized,
    {
        serializer.collect_seq(list.iter().map(Json))
    }
}

/// A value that can be read from JSON.
pub trait FromJson: Sized {
    /// Whether `null` is a value of the type, rather than a missing value.
    #[doc(hidden)]
    const NULL_IS_A_VALUE: bool = false;

    /// Makes the value from parsed JSON.
    ///
    /// # Errors
    /// The JSON has another structure, or a number is out of range.
    fn from_json(value: JsonValue) -> Result<Self, JsonError>;

    /// Makes the value from the key of a map.
    ///
    /// # Errors
    /// The key is not the JSON of such a value.
    fn from_json_key(key: &str) -> Result<Self, JsonError> {
        from_slice(key.as_bytes())
    }

    #[doc(hidden)]
    fn list_from_json(value: JsonValue) -> Result<Vec<Self>, JsonError> {
        impls::list_from_json(value)
    }
}

/// The JSON text of `value`.
///
/// # Errors
/// User code that writes a part of it fails; types of .tars files never do.
pub fn to_vec<T: ToJson + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    serde_json::to_vec(&Json(value)).map_err(JsonError::from)
}

/// Parses the value in `text`.
///
/// # Errors
/// The text is not JSON, or JSON of another structure.
pub fn from_slice<T: FromJson>(text: &[u8]) -> Result<T, JsonError> {
    T::from_json(serde_json::from_slice(text)?)
}

/// Makes a value with any deserializer: the implementation of `serde::Deserialize` for the types of .tars
/// files.
///
/// # Errors
/// Those of the deserializer, and of [`FromJson::from_json`].
pub fn deserialize<'de, T: FromJson, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::from_json(JsonValue::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Makes a value that can be written as JSON usable with serde.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

impl<T: ToJson + ?Sized> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_json(serializer)
    }
}
