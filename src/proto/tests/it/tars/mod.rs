//! Tars: its encoding, packets, TUP, JSON and RPC.

mod decode_cases;
mod hostile;
mod packets;
mod properties;
mod rpc;
mod rpc_client;
mod tup;
mod types;
mod vectors;
