//! Tars: what its clients and servers say to each other.
//!
//! [`codec`] is the encoding of all of it, [`packet`] the requests and responses, [`tup`] and [`json`] two ways
//! to put arguments into them; [`framed`] is push mode over a custom protocol (`not_tars`).
//!
//! Not here: a session that speaks packets (`protocol = tars`).

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
