//! The only module that generated code for .tars files names.
//!
//! It is not an interface for people.

pub use shardcast_proto::tars::__codegen::*;

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
