//! Types from a .tars file: watch how few bytes a message takes, that a missing field has the default of
//! the file, and that the same value is JSON.
#![forbid(unsafe_code)]

shardcast::include_tars!();

use std::io::{self, Write};

use shardcast::tars::codec::{DecodeStruct, TarsStruct};

use users::{Source, User};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout();
    let mut user = User { id: 7, source: Source::PARTNER, ..User::default() };
    user.labels.insert("team".into(), "green".into());

    let bytes = user.to_vec();
    writeln!(out, "{} bytes: {}", bytes.len(), hex(&bytes))?;
    assert_eq!(User::from_slice(&bytes)?, user);

    let shortest = User::from_slice(&[0x00, 7])?;
    writeln!(out, "with an id only: {} from {:?}", shortest.name, shortest.source.name())?;

    writeln!(out, "{}", serde_json::to_string(&user)?)?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
