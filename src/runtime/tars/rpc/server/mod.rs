mod access;
mod adapter;
mod call;
mod context;
mod dispatcher;
mod gate;
mod interceptor;
mod raw;
mod service;
mod stats;

pub use access::{Access, AccessError};
pub use adapter::{Adapter, AdapterError, AdapterOptions};
pub use call::IncomingCall;
pub use context::{CallContext, CallInfo};
pub use dispatcher::Dispatcher;
pub use interceptor::Interceptor;
pub use raw::RawServant;
pub use stats::AdapterStats;
