//! Tars: its encoding, packets, TUP and JSON.

mod decode_cases;
mod packets;
mod tup;
mod types;
mod vectors;
