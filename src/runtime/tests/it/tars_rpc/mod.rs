//! Tars RPC: servants of adapters, called with packets.

mod adapter;
mod calls;
mod peer;
mod recorded;
mod servant;
mod topics;
