//! Compiles the interface of the `tars_hello` examples.
#![forbid(unsafe_code)]

fn main() -> Result<(), shardcast_build::Error> {
    shardcast_build::compile(&["tars/hello.tars"])
}
