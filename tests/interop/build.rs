//! Compiles `interop.tars` and `hello.tars` twice: as usual, and so that all fields are written, as tars2node does.
#![forbid(unsafe_code)]

use std::{env, path::PathBuf};

use shardcast_build::{Builder, Error};

fn main() -> Result<(), Error> {
    let out_dir = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(Error::NoOutDir)?;
    Builder::new().compile(FILES)?;
    Builder::new().elide_defaults(false).out_dir(out_dir.join("full")).compile(FILES)
}

const FILES: &[&str] = &["interop.tars", "../../examples/tars/hello.tars"];
