//! Tars: its encoding, packets, TUP and JSON.

mod decode_cases;
mod hostile;
mod packets;
mod properties;
mod tup;
mod types;
mod vectors;
