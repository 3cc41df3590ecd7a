//! Tars: its encoding, packets, TUP and JSON.

mod decode_cases;
mod packets;
mod types;
mod vectors;
