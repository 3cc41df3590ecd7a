//! The same message in Protocol Buffers, by prost: 192 bytes.

use std::collections::BTreeMap;

use crate::tars;

/// The nested struct.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Inner {
    #[prost(int32, tag = "1")]
    pub(crate) id: i32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(double, tag = "3")]
    pub(crate) score: f64,
}

/// The message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Msg {
    #[prost(bool, tag = "1")]
    pub(crate) flag: bool,
    #[prost(int32, tag = "2")]
    pub(crate) kind: i32,
    #[prost(int32, tag = "3")]
    pub(crate) level: i32,
    #[prost(int32, tag = "4")]
    pub(crate) seq: i32,
    #[prost(int64, tag = "5")]
    pub(crate) ts: i64,
    #[prost(double, tag = "6")]
    pub(crate) price: f64,
    #[prost(string, tag = "7")]
    pub(crate) title: String,
    #[prost(int32, repeated, tag = "8")]
    pub(crate) vals: Vec<i32>,
    #[prost(btree_map = "string, string", tag = "9")]
    pub(crate) tags: BTreeMap<String, String>,
    #[prost(message, required, tag = "10")]
    pub(crate) inner: Inner,
}

impl Msg {
    /// The values that are encoded.
    pub(crate) fn sample() -> Self {
        let message = tars::Msg::sample();
        Self {
            flag: message.flag,
            kind: message.kind.into(),
            level: message.level.into(),
            seq: message.seq,
            ts: message.ts,
            price: message.price,
            title: message.title,
            vals: message.vals,
            tags: message.tags,
            inner: Inner { id: message.inner.id, name: message.inner.name, score: message.inner.score },
        }
    }
}
