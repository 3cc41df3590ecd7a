//! The service `echo`, which receives an echo load.

use shardcast::{
    Listener, Reply,
    tars::{Current, Framed, FramedService, LengthPrefixed, Servant},
};

/// A packet is its own response.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Servant for Echo {
    #[inline]
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(packet);
    }
}

/// `listener` with the framed protocol and the service `echo`, which is compiled, and optimized, here.
pub fn framed(listener: Listener, parser: LengthPrefixed) -> Listener {
    listener.protocol(Framed::length_prefixed(parser), |_| FramedService(Echo))
}
