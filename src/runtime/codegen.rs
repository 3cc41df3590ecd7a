//! The only module that generated code for .tars files names.
//!
//! It is not an interface for people.

pub use crate::{
    CloseReason, Connection, Failure,
    tars::rpc::{
        ArgumentError, ArgumentReader, ArgumentWriter, Call, CallContext, CallFuture, Dispatcher,
        IncomingCall, IncomingPush, Proxy, PushHandler, PushPacket, RpcError,
    },
};
pub use shardcast_proto::tars::__codegen::*;
pub use std::{
    future::{Future, IntoFuture},
    rc::Rc,
    sync::Arc,
};

/// Includes the code that `shardcast_build` generated in the build script: a module for each module of the .tars files.
///
/// # Examples
/// ```ignore
/// mod idl {
///     shardcast::include_tars!();
/// }
/// ```
#[macro_export]
macro_rules! include_tars {
    () => {
        ::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/mod.rs"));
    };
}
