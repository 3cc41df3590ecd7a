//! The encoding of each Rust type.

mod bytes;
mod list;
mod map;
mod number;
mod string;
mod structure;

pub use bytes::UnsignedBytes;
pub(super) use list::value_list;
pub use map::Pairs;
pub use string::ByteString;
pub(in crate::tars) use string::lossy;
