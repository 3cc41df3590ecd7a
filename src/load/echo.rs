//! The servant that receives an echo load.

use shardcast::{
    Reply,
    tars::{Current, Servant},
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
