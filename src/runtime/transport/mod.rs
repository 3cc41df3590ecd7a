//! What carries the bytes of a connection. A transport owns its descriptor and its slot of the ring, and knows nothing
//! of what the bytes mean.

mod tcp;

pub(crate) use tcp::{End, Tcp, acknowledgement, failure};
