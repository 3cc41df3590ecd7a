//! Tars: its encoding, packets, TUP and JSON.

mod decode_cases;
mod types;
mod vectors;
