//! Values as JSON: how packets of version 5 carry arguments, and serde for the types of .tars files.
//!
//! The mapping is that of TarsCpp; parsing and printing are serde_json's.
//!
//! | in a .tars file | in JSON |
//! | --- | --- |
//! | integers, enums | a number; also read: a number with nothing behind the point, and decimal text |
//! | `bool` | `true`, `false`; nothing else is read |
//! | `float`, `double` | a number; `null` for NaN and the infinities, read as NaN |
//! | `string` | a string; a [`ByteString`](super::codec::ByteString) with U+FFFD for what is not UTF-8 |
//! | `vector<byte>` | an array of numbers from -128 to 127; also read: up to 255 |
//! | `vector<T>` | an array |
//! | `map<K, V>` | an object; a key that is no string is its JSON as text, so `7` is `"7"` |
//! | structs | an object, members named as in the .tars file and all written; unknown ones are skipped |
//!
//! A member that is `null` counts as missing, except that of a float. Of equal members the last one counts.
//! Text nests 128 levels at most, which is serde_json's limit.
//!
//! What this deliberately is not: fast. Members come in any order, so an object is held as a tree before its
//! struct is made from it.

mod error;
mod impls;
mod object;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_json::Value as JsonValue;

pub use error::{JsonError, JsonErrorKind};
pub use object::{JsonObject, JsonObjectWriter};

/// A value that can be written as JSON.
pub trait ToJson {
    /// Writes the value with a serializer of any format that has what JSON has.
    ///
    /// # Errors
    /// Those of the serializer.
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// The value as the key of a map: its JSON as text, if it is no string.
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
    /// Whether `null` is a value of the type, rather than the lack of one.
    #[doc(hidden)]
    const NULL_IS_A_VALUE: bool = false;

    /// Makes the value from parsed JSON.
    ///
    /// # Errors
    /// It is JSON of another shape, or a number out of range.
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
/// Code of the caller's that writes a part of it fails; what comes from .tars files never does.
pub fn to_vec<T: ToJson + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    serde_json::to_vec(&Json(value)).map_err(JsonError::from)
}

/// The value that `text` holds.
///
/// # Errors
/// The text is no JSON, or JSON of another shape.
pub fn from_slice<T: FromJson>(text: &[u8]) -> Result<T, JsonError> {
    T::from_json(serde_json::from_slice(text)?)
}

/// Makes a value with any deserializer: what `serde::Deserialize` does for the types of .tars files.
///
/// # Errors
/// Those of the deserializer, and of [`FromJson::from_json`].
pub fn deserialize<'de, T: FromJson, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::from_json(JsonValue::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Makes of something that can be written as JSON something that serde can serialize.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

impl<T: ToJson + ?Sized> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_json(serializer)
    }
}
