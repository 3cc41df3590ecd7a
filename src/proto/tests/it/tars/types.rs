//! The structs of the recorded vectors, and how to make values of any type from what the vector files say.

use std::{collections::BTreeMap, fmt::Debug};

use serde_json::Value;
use shardcast_proto::tars::codec::{DecodeOwned, Encode, UnsignedBytes};

/// Declares a struct, and what the compiler would emit for it, as far as the tests need.
macro_rules! tars_struct {
    ($type:ident, $name:literal { $($tag:literal $field:ident: $field_type:ty = $presence:ident),* $(,)? }) => {
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct $type { $(pub(crate) $field: $field_type),* }

        impl shardcast_proto::tars::codec::TarsStruct for $type {
            const NAME: &'static str = $name;

            fn write_fields(&self, w: &mut shardcast_proto::tars::codec::TarsWriter) {
                $(tars_struct!(@write w, $tag, self.$field, $presence);)*
            }
        }

        impl<'de> shardcast_proto::tars::codec::DecodeStruct<'de> for $type {
            fn read_fields(
                r: &mut shardcast_proto::tars::codec::TarsReader<'de>,
            ) -> Result<Self, shardcast_proto::tars::codec::DecodeError> {
                Ok(Self { $($field: r.$presence($tag)?),* })
            }
        }

        impl crate::tars::types::FromVector for $type {
            fn from_vector(value: &serde_json::Value) -> Self {
                Self { $($field: crate::tars::types::FromVector::from_vector(&value[stringify!($field)])),* }
            }

            fn shown(&self) -> serde_json::Value {
                serde_json::Value::Object(
                    [$((stringify!($field).to_owned(), self.$field.shown())),*].into_iter().collect()
                )
            }
        }
    };
    (@write $w:ident, $tag:literal, $value:expr, require) => { $w.field($tag, &$value) };
    (@write $w:ident, $tag:literal, $value:expr, optional) => { $w.optional($tag, &$value) };
}
pub(crate) use tars_struct;

tars_struct!(P, "GV.P" { 0 x: i32 = require, 1 s: String = require });
tars_struct!(N, "GV.N" {
    0 pp: P = require, 1 vp: Vec<P> = require, 2 mp: BTreeMap<String, P> = require,
});
tars_struct!(T15, "GV.T15" {
    14 a: i32 = require, 15 b: i32 = require, 16 c: String = require, 255 d: i64 = require,
});
tars_struct!(One, "GV.One" { 0 v: i32 = require });
tars_struct!(Un, "GV.Un" { 0 a: u8 = require, 1 b: u16 = require, 2 c: u32 = require });

tars_struct!(Inner, "BN.Inner" { 0 id: i32 = require, 1 name: String = require, 2 score: f64 = require });
tars_struct!(Msg, "BN.Msg" {
    0 flag: bool = require,
    1 kind: i8 = require,
    2 level: i16 = require,
    3 seq: i32 = require,
    4 ts: i64 = require,
    5 price: f64 = require,
    6 title: String = require,
    7 vals: Vec<i32> = require,
    8 tags: BTreeMap<String, String> = require,
    9 inner: Inner = require,
});

/// Makes values from what the vector files say, and says it again.
pub(crate) trait FromVector: Encode + DecodeOwned + Debug {
    fn from_vector(value: &Value) -> Self;

    /// As the decode cases show values: strings as `s:` and hex, bytes as `h:` and hex, maps as pairs.
    fn shown(&self) -> Value;

    /// A vector of them; `vector<byte>` is written in another way.
    fn list_from_vector(value: &Value) -> Vec<Self> {
        value.as_array().expect("an array").iter().map(Self::from_vector).collect()
    }

    fn list_shown(list: &[Self]) -> Value {
        list.iter().map(Self::shown).collect()
    }
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl FromVector for $type {
            fn from_vector(value: &Value) -> Self {
                integer(value).try_into().expect("an integer of the type")
            }

            fn shown(&self) -> Value {
                Value::from(*self)
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u16, u32);

/// Integers above 2^53 are decimal text.
fn integer(value: &Value) -> i64 {
    let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    text.parse().expect("an integer")
}

impl FromVector for u8 {
    fn from_vector(value: &Value) -> Self {
        integer(value).try_into().expect("a byte")
    }

    fn shown(&self) -> Value {
        Value::from(*self)
    }

    fn list_from_vector(value: &Value) -> Vec<Self> {
        if let Some(digits) = value["repeat_hex"].as_str() {
            return bytes(digits).repeat(count(&value["n"]));
        }
        bytes(value["hex"].as_str().expect("bytes in hex"))
    }

    fn list_shown(list: &[Self]) -> Value {
        Value::from(format!("h:{}", hex(list)))
    }
}

impl FromVector for bool {
    fn from_vector(value: &Value) -> Self {
        value.as_bool().expect("a bool")
    }

    fn shown(&self) -> Value {
        Value::from(*self)
    }
}

/// An IEEE 754 pattern in hex, if the value is given as one.
fn pattern(value: &Value) -> Option<u64> {
    let digits = value.as_str()?.strip_prefix("bits:")?;
    Some(u64::from_str_radix(digits, 16).expect("hex digits"))
}

impl FromVector for f32 {
    fn from_vector(value: &Value) -> Self {
        match pattern(value) {
            Some(pattern) => Self::from_bits(pattern.try_into().expect("32 bits")),
            None => value.as_f64().expect("a number") as Self,
        }
    }

    fn shown(&self) -> Value {
        Value::from(*self)
    }
}

impl FromVector for f64 {
    fn from_vector(value: &Value) -> Self {
        match pattern(value) {
            Some(pattern) => Self::from_bits(pattern),
            None => value.as_f64().expect("a number"),
        }
    }

    fn shown(&self) -> Value {
        Value::from(*self)
    }
}

impl FromVector for String {
    fn from_vector(value: &Value) -> Self {
        if let Some(text) = value["repeat"].as_str() {
            return text.repeat(count(&value["n"]));
        }
        value.as_str().expect("a string").into()
    }

    fn shown(&self) -> Value {
        Value::from(format!("s:{}", hex(self.as_bytes())))
    }
}

impl<T: FromVector> FromVector for Vec<T> {
    fn from_vector(value: &Value) -> Self {
        T::list_from_vector(value)
    }

    fn shown(&self) -> Value {
        T::list_shown(self)
    }
}

impl FromVector for UnsignedBytes {
    fn from_vector(value: &Value) -> Self {
        value.as_array().expect("an array").iter().map(u8::from_vector).collect()
    }

    fn shown(&self) -> Value {
        self.0.clone().into()
    }
}

impl<K: FromVector + Ord, V: FromVector> FromVector for BTreeMap<K, V> {
    fn from_vector(value: &Value) -> Self {
        let pair = |pair: &Value| (K::from_vector(&pair[0]), V::from_vector(&pair[1]));
        value.as_array().expect("pairs").iter().map(pair).collect()
    }

    fn shown(&self) -> Value {
        self.iter().map(|(key, value)| Value::from(vec![key.shown(), value.shown()])).collect()
    }
}

/// `$call::<T>` for the Rust type of each declared type that occurs in the vector files.
macro_rules! with_type {
    ($declared:expr, $call:ident($($argument:expr),*)) => {
        match $declared {
            "bool" => $call::<bool>($($argument),*),
            "byte" => $call::<i8>($($argument),*),
            "unsigned byte" => $call::<u8>($($argument),*),
            "short" => $call::<i16>($($argument),*),
            "unsigned short" => $call::<u16>($($argument),*),
            "int" | "enum GV::E" => $call::<i32>($($argument),*),
            "unsigned int" => $call::<u32>($($argument),*),
            "long" => $call::<i64>($($argument),*),
            "float" => $call::<f32>($($argument),*),
            "double" => $call::<f64>($($argument),*),
            "string" => $call::<String>($($argument),*),
            "vector<byte>" => $call::<Vec<u8>>($($argument),*),
            "vector<unsigned byte>" => $call::<UnsignedBytes>($($argument),*),
            "vector<bool>" => $call::<Vec<bool>>($($argument),*),
            "vector<short>" => $call::<Vec<i16>>($($argument),*),
            "vector<unsigned short>" => $call::<Vec<u16>>($($argument),*),
            "vector<int>" => $call::<Vec<i32>>($($argument),*),
            "vector<unsigned int>" => $call::<Vec<u32>>($($argument),*),
            "vector<long>" => $call::<Vec<i64>>($($argument),*),
            "vector<float>" => $call::<Vec<f32>>($($argument),*),
            "vector<double>" => $call::<Vec<f64>>($($argument),*),
            "vector<string>" => $call::<Vec<String>>($($argument),*),
            "vector<vector<byte>>" => $call::<Vec<Vec<u8>>>($($argument),*),
            "vector<vector<int>>" => $call::<Vec<Vec<i32>>>($($argument),*),
            "vector<vector<vector<int>>>" => $call::<Vec<Vec<Vec<i32>>>>($($argument),*),
            "vector<map<string,int>>" => $call::<Vec<BTreeMap<String, i32>>>($($argument),*),
            "vector<struct GV::P>" => $call::<Vec<P>>($($argument),*),
            "map<string,string>" => $call::<BTreeMap<String, String>>($($argument),*),
            "map<string,int>" => $call::<BTreeMap<String, i32>>($($argument),*),
            "map<string,long>" => $call::<BTreeMap<String, i64>>($($argument),*),
            "map<string,double>" => $call::<BTreeMap<String, f64>>($($argument),*),
            "map<string,vector<byte>>" => $call::<BTreeMap<String, Vec<u8>>>($($argument),*),
            "map<string,vector<int>>" => $call::<BTreeMap<String, Vec<i32>>>($($argument),*),
            "map<string,map<string,int>>" => $call::<BTreeMap<String, BTreeMap<String, i32>>>($($argument),*),
            "map<int,string>" => $call::<BTreeMap<i32, String>>($($argument),*),
            "map<unsigned byte,int>" => $call::<BTreeMap<u8, i32>>($($argument),*),
            "map<bool,int>" => $call::<BTreeMap<bool, i32>>($($argument),*),
            "struct GV::P" => $call::<P>($($argument),*),
            "struct GV::N" => $call::<N>($($argument),*),
            "struct GV::T15" => $call::<T15>($($argument),*),
            "struct GV::One" => $call::<One>($($argument),*),
            "struct GV::Un" => $call::<Un>($($argument),*),
            other => panic!("the tests have no Rust type for `{other}`"),
        }
    };
}
pub(crate) use with_type;

/// Hex digits as bytes.
pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "{digits}");
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().expect("a count").try_into().expect("64 bits")
}
