//! Compiles `greeter.tars` to Rust.
#![forbid(unsafe_code)]

fn main() -> Result<(), shardcast_build::Error> {
    shardcast_build::compile(&["greeter.tars"])
}
