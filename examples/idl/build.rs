//! Compiles `users.tars` into `$OUT_DIR/users.rs`, and writes the `mod.rs` that declares it.
#![forbid(unsafe_code)]

fn main() -> Result<(), shardcast_build::Error> {
    shardcast_build::Builder::new()
        .serde(true)
        .type_attribute("Users::Source", "#[non_exhaustive]")
        .compile(&["users.tars"])
}
