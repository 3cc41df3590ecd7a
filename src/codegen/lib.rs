//! Compiles `.tars` files to Rust.
