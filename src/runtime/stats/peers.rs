/// The named peers of a listener on one shard: see [`tcpshm`](crate::tcpshm).
///
/// # Examples
/// ```
/// use shardcast::{ServerHandle, stats::PeerStats};
///
/// fn faults(handle: &ServerHandle) -> u64 {
///     let shards = handle.stats();
///     let peers = shards.iter().flat_map(|shard| &shard.listeners).filter_map(|it| it.peers.as_ref());
///     peers.flat_map(|peers: &PeerStats| &peers.faults).map(|(_, count)| count).sum()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PeerStats {
    /// Peers that are known, connected or not.
    pub peers: u64,
    /// Those that are connected.
    pub connected: u64,
    /// Journals that are open.
    pub journals: u64,
    /// Bytes of these.
    pub journal_bytes: u64,
    /// Bytes that all journals of the listener may have, on all shards together.
    pub journal_bytes_max: u64,
    /// Peers whose journal could not be used when it was last needed, per code: see `docs/tcpshm.md`. A peer is among them until
    /// it logs on; at most 1,024 are.
    pub faults: Vec<(&'static str, u64)>,
}

impl PeerStats {
    /// Adds those of another shard.
    pub fn merge(&mut self, other: &Self) {
        let Self { peers, connected, journals, journal_bytes, journal_bytes_max, faults } = self;
        *peers += other.peers;
        *connected += other.connected;
        *journals += other.journals;
        *journal_bytes += other.journal_bytes;
        *journal_bytes_max = (*journal_bytes_max).max(other.journal_bytes_max);
        for (code, count) in &other.faults {
            match faults.iter_mut().find(|(known, _)| known == code) {
                Some((_, known)) => *known += count,
                None => faults.push((code, *count)),
            }
        }
    }
}
