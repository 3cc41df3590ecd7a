//! Compiles the interfaces of the `tars_hello` examples and of the guide to Tars RPC.
#![forbid(unsafe_code)]

fn main() -> Result<(), shardcast_build::Error> {
    shardcast_build::compile(&["tars/hello.tars", "template/greeter.tars"])
}
