//! Values that are text in the file, and their bridge to serde and schemars.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use schemars::{Schema, json_schema};
use serde::{Deserializer, de};

/// A value written as text.
pub(crate) trait TextValue: FromStr<Err = String> + fmt::Display {
    /// Its name in messages and in the reference, as in "expected TITLE".
    const TITLE: &'static str;
    /// Examples of valid texts.
    const EXAMPLES: &'static [&'static str];

    /// The value of a plain integer, or what to write instead of it.
    fn from_integer(number: i64) -> Result<Self, String>;
}

/// Implements serde and schemars for a [`TextValue`].
macro_rules! text_value {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::text::deserialize(deserializer)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                super::text::schema_name::<Self>()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                super::text::schema::<Self>()
            }
        }
    };
}
pub(super) use text_value;

pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TextValue>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(TextVisitor(PhantomData))
}

pub(super) fn schema_name<T: TextValue>() -> Cow<'static, str> {
    T::TITLE.into()
}

pub(super) fn schema<T: TextValue>() -> Schema {
    json_schema!({ "type": "string", "title": T::TITLE, "examples": T::EXAMPLES })
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: TextValue> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::TITLE)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::from_integer(number).map_err(E::custom)
    }
}
