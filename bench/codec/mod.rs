//! One message in several encodings, and how long each takes.

pub mod measure;
pub mod protobuf;
pub mod tars;
