//! Tars RPC: servants of adapters, called with packets and by proxies.

mod adapter;
mod calls;
mod peer;
mod proxies;
mod recorded;
mod servant;
mod topics;
