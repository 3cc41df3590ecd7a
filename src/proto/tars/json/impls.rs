//! The JSON mapping of each Rust type.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use bytes::Bytes;
use serde::{
    Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::Number;

use super::{FromJson, Json, JsonError, JsonErrorKind, JsonValue, ToJson};
use crate::tars::codec::{ByteString, Pairs, UnsignedBytes};

impl ToJson for bool {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }
}

impl FromJson for bool {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        value.as_bool().ok_or_else(|| JsonError::mismatch("a bool", &value))
    }
}

macro_rules! integer {
    ($($type:ty),*) => { $(
        impl ToJson for $type {
            fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64((*self).into())
            }
        }

        impl FromJson for $type {
            fn from_json(value: JsonValue) -> Result<Self, JsonError> {
                integer(&value, <$type>::MIN.into(), <$type>::MAX.into()).map(|number| number as $type)
            }
        }
    )* };
}

integer!(i16, i32, i64, u16, u32);

/// An integer from `min` to `max`, in any notation.
fn integer(value: &JsonValue, min: i64, max: i64) -> Result<i64, JsonError> {
    let (number, text) = match value {
        JsonValue::Number(number) => (number.as_i64().or_else(|| whole(number)), number.to_string()),
        JsonValue::String(text) => (text.parse().ok(), format!("{text:?}")),
        other => return Err(JsonError::mismatch("an integer", other)),
    };
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| JsonError::new(JsonErrorKind::OutOfRange { number: text, min, max }))
}

/// The integer value of a number like `1e3` or `7.0`, as far as a `double` distinguishes integers.
fn whole(number: &Number) -> Option<i64> {
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT_MAX)?;
    Some(float as i64)
}

macro_rules! byte {
    ($type:ty, $from_byte:expr, $to_byte:expr) => {
        impl ToJson for $type {
            fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64((*self).into())
            }

            fn list_to_json<S: Serializer>(list: &[Self], serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(list.iter().copied().map($from_byte))
            }
        }

        impl FromJson for $type {
            fn from_json(value: JsonValue) -> Result<Self, JsonError> {
                integer(&value, <$type>::MIN.into(), <$type>::MAX.into()).map(|number| number as $type)
            }

            fn list_from_json(value: JsonValue) -> Result<Vec<Self>, JsonError> {
                elements(value, |value| {
                    integer(&value, i8::MIN.into(), u8::MAX.into()).map(|byte| $to_byte(byte as u8))
                })
            }
        }
    };
}

byte!(i8, |byte: i8| byte, u8::cast_signed);
byte!(u8, u8::cast_signed, |byte: u8| byte);

macro_rules! float {
    ($type:ty, $serialize:ident) => {
        impl ToJson for $type {
            fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$serialize(*self)
            }
        }

        impl FromJson for $type {
            const NULL_IS_A_VALUE: bool = true;

            fn from_json(value: JsonValue) -> Result<Self, JsonError> {
                match &value {
                    JsonValue::Null => Ok(Self::NAN),
                    JsonValue::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN) as Self),
                    other => Err(JsonError::mismatch("a number", other)),
                }
            }
        }
    };
}

float!(f32, serialize_f32);
float!(f64, serialize_f64);

macro_rules! text {
    ($($type:ty),*) => { $(
        impl ToJson for $type {
            fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self)
            }

            fn to_json_key(&self) -> Result<String, serde_json::Error> {
                Ok(self.to_string())
            }
        }
    )* };
}

text!(str, &str, String, Cow<'_, str>);

impl ToJson for ByteString {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn to_json_key(&self) -> Result<String, serde_json::Error> {
        Ok(self.to_string())
    }
}

impl FromJson for String {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        match value {
            JsonValue::String(text) => Ok(text),
            other => Err(JsonError::mismatch("a string", &other)),
        }
    }

    fn from_json_key(key: &str) -> Result<Self, JsonError> {
        Ok(key.to_owned())
    }
}

impl FromJson for ByteString {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        String::from_json(value).map(Self::from)
    }

    fn from_json_key(key: &str) -> Result<Self, JsonError> {
        Ok(key.into())
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::list_to_json(self, serializer)
    }
}

impl<T: ToJson> ToJson for &[T] {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::list_to_json(self, serializer)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::list_to_json(self, serializer)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        T::list_from_json(value)
    }
}

impl ToJson for Bytes {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        u8::list_to_json(self, serializer)
    }
}

impl FromJson for Bytes {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        u8::list_from_json(value).map(Self::from)
    }
}

impl ToJson for UnsignedBytes {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl FromJson for UnsignedBytes {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        list_from_json(value).map(Self)
    }
}

pub(super) fn list_from_json<T: FromJson>(value: JsonValue) -> Result<Vec<T>, JsonError> {
    elements(value, T::from_json)
}

fn elements<T>(
    value: JsonValue,
    element: impl Fn(JsonValue) -> Result<T, JsonError>,
) -> Result<Vec<T>, JsonError> {
    let JsonValue::Array(values) = value else { return Err(JsonError::mismatch("an array", &value)) };
    let at = |(index, value)| element(value).map_err(|error| error.at_index(index));
    values.into_iter().enumerate().map(at).collect()
}

impl<K: ToJson, V: ToJson> ToJson for BTreeMap<K, V> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_map(self.iter(), serializer)
    }
}

impl<K: ToJson + Ord, V: ToJson, H> ToJson for HashMap<K, V, H> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<_> = self.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        write_map(pairs.into_iter(), serializer)
    }
}

impl<K: ToJson, V: ToJson> ToJson for Pairs<K, V> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_map(self.iter().map(|(key, value)| (key, value)), serializer)
    }
}

fn write_map<'a, K: ToJson + 'a, V: ToJson + 'a, S: Serializer>(
    pairs: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(pairs.len()))?;
    for (key, value) in pairs {
        object.serialize_entry(&key.to_json_key().map_err(Error::custom)?, &Json(value))?;
    }
    object.end()
}

impl<K: FromJson + Ord, V: FromJson> FromJson for BTreeMap<K, V> {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        read_map(value)
    }
}

impl<K: FromJson + Eq + Hash, V: FromJson, H: BuildHasher + Default> FromJson for HashMap<K, V, H> {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        read_map(value)
    }
}

impl<K: FromJson, V: FromJson> FromJson for Pairs<K, V> {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        read_map(value)
    }
}

fn read_map<K: FromJson, V: FromJson, M: FromIterator<(K, V)>>(value: JsonValue) -> Result<M, JsonError> {
    let JsonValue::Object(members) = value else { return Err(JsonError::mismatch("an object", &value)) };
    let pair = |(name, value): (String, _)| {
        let key = K::from_json_key(&name);
        let pair = key.and_then(|key| Ok((key, V::from_json(value)?)));
        pair.map_err(|error| error.in_member(&name))
    };
    members.into_iter().map(pair).collect()
}

/// Up to this bound, a `double` represents every integer exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
