//! Tars: the formats that its clients and servers exchange.
//!
//! [`codec`] is the encoding, [`packet`] the requests and responses, [`tup`] and [`json`] two ways to encode
//! arguments in them. [`rpc`] is the protocol of servants and proxies (`tars`), [`framed`] push mode over a custom
//! protocol (`not_tars`).

#[doc(hidden)]
#[path = "codegen.rs"]
pub mod __codegen;
pub mod codec;
mod endpoint;
pub mod framed;
pub mod json;
pub mod packet;
pub mod rpc;
pub mod tup;
mod value;

pub use endpoint::{Endpoint, EndpointError, EndpointReason, ObjectRef, Transport};
pub use value::{TarsFields, TarsValue};
