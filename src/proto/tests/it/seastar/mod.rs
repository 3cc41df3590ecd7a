//! Seastar RPC: its frames, compression, and encoding of values.

mod compress;
mod ends;
mod hostile;
mod malformed;
mod negotiation;
pub(crate) mod recording;
mod replay;
mod serialize;
mod streams;
mod teardown;
mod vectors;

/// Bytes that have no pattern, the same each time.
fn random_bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}
