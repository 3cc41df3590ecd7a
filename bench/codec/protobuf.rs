//! The same message in Protocol Buffers, by prost: 192 bytes.

use std::collections::BTreeMap;

use super::tars;

/// The struct within.
#[derive(Clone, PartialEq, prost::Message)]
#[allow(missing_docs, reason = "as in the .tars file")]
pub struct Inner {
    #[prost(int32, tag = "1")]
    pub id: i32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(double, tag = "3")]
    pub score: f64,
}

/// The message.
#[derive(Clone, PartialEq, prost::Message)]
#[allow(missing_docs, reason = "as in the .tars file")]
pub struct Msg {
    #[prost(bool, tag = "1")]
    pub flag: bool,
    #[prost(int32, tag = "2")]
    pub kind: i32,
    #[prost(int32, tag = "3")]
    pub level: i32,
    #[prost(int32, tag = "4")]
    pub seq: i32,
    #[prost(int64, tag = "5")]
    pub ts: i64,
    #[prost(double, tag = "6")]
    pub price: f64,
    #[prost(string, tag = "7")]
    pub title: String,
    #[prost(int32, repeated, tag = "8")]
    pub vals: Vec<i32>,
    #[prost(btree_map = "string, string", tag = "9")]
    pub tags: BTreeMap<String, String>,
    #[prost(message, required, tag = "10")]
    pub inner: Inner,
}

impl Msg {
    /// The values that are encoded.
    pub fn sample() -> Self {
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
