//! Structs: members by name.

use serde::{Serializer, ser::SerializeStruct};

use super::super::codec::Elements;
use super::{FromJson, Json, JsonError, JsonErrorKind, JsonValue, ToJson};

/// Writes the members of a struct, one after the other.
#[derive(Debug)]
pub struct JsonObjectWriter<S>(S);

impl<S: SerializeStruct> JsonObjectWriter<S> {
    /// Begins an object of `len` members.
    ///
    /// # Errors
    /// The errors of the serializer, here and below.
    pub fn begin<Z>(serializer: Z, name: &'static str, len: usize) -> Result<Self, Z::Error>
    where
        Z: Serializer<SerializeStruct = S, Error = S::Error>,
    {
        serializer.serialize_struct(name, len).map(Self)
    }

    /// Writes a member.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn field<T: ToJson + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), S::Error> {
        self.0.serialize_field(name, &Json(value))
    }

    /// Writes an optional member, if it is `Some`.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn option<T: ToJson>(&mut self, name: &'static str, value: &Option<T>) -> Result<(), S::Error> {
        match value {
            Some(value) => self.field(name, value),
            None => self.0.skip_field(name),
        }
    }

    /// Ends the object.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// The members of an object, taken by name, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonObject(serde_json::Map<String, JsonValue>);

impl JsonObject {
    /// The members of `value`.
    ///
    /// # Errors
    /// It is not an object.
    pub fn new(value: JsonValue) -> Result<Self, JsonError> {
        match value {
            JsonValue::Object(members) => Ok(Self(members)),
            other => Err(JsonError::mismatch("an object", &other)),
        }
    }

    /// The members of the object in `text`; empty text is an object without members.
    ///
    /// # Errors
    /// It is not JSON, or not an object.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        if text.is_empty() { Ok(Self::default()) } else { Self::new(serde_json::from_slice(text)?) }
    }

    /// Takes a required member.
    ///
    /// # Errors
    /// It is missing, or has another type.
    pub fn require<T: FromJson>(&mut self, name: &str) -> Result<T, JsonError> {
        let found = self.0.remove(name).ok_or_else(|| JsonError::new(JsonErrorKind::MissingMember));
        found.and_then(T::from_json).map_err(|error| error.in_member(name))
    }

    /// Takes an optional member; a missing one is the default of its type.
    ///
    /// # Errors
    /// It has another type.
    pub fn optional<T: FromJson + Default>(&mut self, name: &str) -> Result<T, JsonError> {
        self.option(name).map(Option::unwrap_or_default)
    }

    /// Takes an optional member; a missing one is `default`.
    ///
    /// # Errors
    /// It has another type.
    pub fn optional_or<T: FromJson>(&mut self, name: &str, default: T) -> Result<T, JsonError> {
        Ok(self.option(name)?.unwrap_or(default))
    }

    /// Takes an optional member; `default` makes a missing one.
    ///
    /// # Errors
    /// It has another type.
    pub fn optional_or_else<T: FromJson>(
        &mut self,
        name: &str,
        default: impl FnOnce() -> T,
    ) -> Result<T, JsonError> {
        Ok(self.option(name)?.unwrap_or_else(default))
    }

    /// Takes an optional member; `None` if it is missing.
    ///
    /// # Errors
    /// It has another type.
    pub fn option<T: FromJson>(&mut self, name: &str) -> Result<Option<T>, JsonError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(JsonValue::Null) if !T::NULL_IS_A_VALUE => Ok(None),
            Some(value) => T::from_json(value).map(Some).map_err(|error| error.in_member(name)),
        }
    }

    /// Takes a required member that was declared with a fixed size: at most `max` elements.
    ///
    /// # Errors
    /// It is missing, has another type, or has more elements.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::json::{JsonError, JsonErrorKind, JsonObject};
    ///
    /// let mut object = JsonObject::parse(br#"{"codes": [1, 2, 3]}"#)?;
    /// let error = object.clone().require_at_most::<Vec<i32>>("codes", 2).unwrap_err();
    /// assert_eq!(error.kind(), &JsonErrorKind::TooManyElements { len: 3, max: 2 });
    /// assert_eq!(object.require_at_most::<Vec<i32>>("codes", 3)?, [1, 2, 3]);
    ///
    /// // Optional ones that are missing.
    /// assert!(object.optional_at_most::<Vec<i32>>("flags", 3)?.is_empty());
    /// assert_eq!(object.option_at_most::<Vec<i32>>("flags", 3)?, None);
    /// # Ok::<(), JsonError>(())
    /// ```
    pub fn require_at_most<T: FromJson + Elements>(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<T, JsonError> {
        let value = self.require(name)?;
        check_at_most(value, name, max)
    }

    /// Takes an optional member that was declared with a fixed size; a missing one is empty.
    ///
    /// # Errors
    /// It has another type, or more elements than `max`.
    pub fn optional_at_most<T: FromJson + Default + Elements>(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<T, JsonError> {
        let value = self.optional(name)?;
        check_at_most(value, name, max)
    }

    /// Takes an optional member that was declared with a fixed size; `None` if it is missing.
    ///
    /// # Errors
    /// It has another type, or more elements than `max`.
    pub fn option_at_most<T: FromJson + Elements>(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Option<T>, JsonError> {
        let value = self.option(name)?;
        value.map(|value| check_at_most(value, name, max)).transpose()
    }
}

fn check_at_most<T: Elements>(value: T, name: &str, max: usize) -> Result<T, JsonError> {
    let len = value.count();
    if len <= max {
        return Ok(value);
    }
    Err(JsonError::new(JsonErrorKind::TooManyElements { len, max }).in_member(name))
}
