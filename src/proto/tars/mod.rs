//! Tars: what its clients and servers say to each other.
//!
//! Not here: the Tars packet protocol (`protocol = tars`). [`framed`] is its push mode over a custom
//! protocol (`not_tars`).

#[doc(hidden)]
#[path = "codegen.rs"]
pub mod __codegen;
pub mod codec;
mod endpoint;
pub mod framed;
pub mod json;
pub mod packet;
pub mod tup;
mod value;

pub use endpoint::{Endpoint, EndpointError, EndpointReason, ObjectRef, Transport};
pub use value::{TarsFields, TarsValue};
