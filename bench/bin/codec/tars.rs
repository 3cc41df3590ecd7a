//! The message in Tars, as the compiler emits it: 205 bytes.
//!
//! ```text
//! struct Inner { 0 require int id; 1 require string name; 2 require double score; };
//! struct Msg { 0 require bool flag; 1 require byte kind; 2 require short level; 3 require int seq;
//!              4 require long ts; 5 require double price; 6 require string title;
//!              7 require vector<int> vals; 8 require map<string, string> tags; 9 require Inner inner; };
//! ```

use std::collections::BTreeMap;

use shardcast::tars::codec::{DecodeError, DecodeStruct, Pairs, TarsReader, TarsStruct, TarsWriter};

/// Declares a struct and the code that the compiler emits for it: all fields are required.
macro_rules! message {
    ($(#[$attribute:meta])* $type:ident<$($lifetime:lifetime)?>, $name:literal {
        $($tag:literal $field:ident: $field_type:ty,)*
    }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq)]
                pub(crate) struct $type<$($lifetime)?> { $(pub(crate) $field: $field_type,)* }

        impl<$($lifetime)?> TarsStruct for $type<$($lifetime)?> {
            const NAME: &'static str = $name;

            #[inline]
            fn write_fields(&self, w: &mut TarsWriter) {
                $(w.field($tag, &self.$field);)*
            }
        }

        message! { @decode $type, $($lifetime)?, $($tag $field,)* }
    };
    (@decode $type:ident, $lifetime:lifetime, $($tag:literal $field:ident,)*) => {
        impl<$lifetime> DecodeStruct<$lifetime> for $type<$lifetime> {
            #[inline]
            fn read_fields(r: &mut TarsReader<$lifetime>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: r.require($tag)?,)* })
            }
        }
    };
    (@decode $type:ident,, $($tag:literal $field:ident,)*) => {
        impl<'de> DecodeStruct<'de> for $type {
            #[inline]
            fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: r.require($tag)?,)* })
            }
        }
    };
}

message! {
    /// The nested struct.
    Inner<>, "BN.Inner" { 0 id: i32, 1 name: String, 2 score: f64, }
}

message! {
    /// The message.
    Msg<>, "BN.Msg" {
        0 flag: bool,
        1 kind: i8,
        2 level: i16,
        3 seq: i32,
        4 ts: i64,
        5 price: f64,
        6 title: String,
        7 vals: Vec<i32>,
        8 tags: BTreeMap<String, String>,
        9 inner: Inner,
    }
}

message! {
    /// The nested struct, borrowed.
    InnerRef<'de>, "BN.Inner" { 0 id: i32, 1 name: &'de str, 2 score: f64, }
}

message! {
    /// The message, borrowed.
    MsgRef<'de>, "BN.Msg" {
        0 flag: bool,
        1 kind: i8,
        2 level: i16,
        3 seq: i32,
        4 ts: i64,
        5 price: f64,
        6 title: &'de str,
        7 vals: Vec<i32>,
        8 tags: Pairs<&'de str, &'de str>,
        9 inner: InnerRef<'de>,
    }
}

impl Msg {
    /// The values that are encoded.
    pub(crate) fn sample() -> Self {
        Self {
            flag: true,
            kind: 7,
            level: 1234,
            seq: 123_456_789,
            ts: 1_700_000_000_123,
            price: 3.25,
            title: "a".repeat(32),
            vals: (0..16).map(|value| value * 1000).collect(),
            tags: (0..4).map(|tag| (format!("key-{tag}"), format!("value-{tag}"))).collect(),
            inner: Inner { id: 42, name: "inner-name".into(), score: 0.5 },
        }
    }
}
