//! Named peers and their journals, among the metrics and the conditions of readiness.

use shardcast::stats::{PeerStats, ShardStats};

use super::metrics::{Number, Page, for_each_listener};

pub(super) fn render(shards: &[ShardStats], page: &mut Page) {
    let for_each = |then: &mut Then<'_>| {
        for_each_listener(shards, |shard, listener| {
            let Some(peers) = &listener.peers else { return };
            let labels = [("shard", shard), ("listener", &listener.listener), ("proto", listener.protocol)];
            then(&labels, peers);
        });
    };
    for (name, kind, help, value) in NUMBERS {
        page.family(name, kind, help);
        for_each(&mut |labels, peers| page.sample(name, labels, value(peers)));
    }
    page.family(FAULTS, "gauge", "Peers whose journal could not be used when it was last needed, by code.");
    for_each(&mut |labels, peers| {
        for (code, count) in &peers.faults {
            page.sample(FAULTS, &[labels, &[("code", code)]].concat(), count);
        }
    });
}

/// One line for each listener with peers: a journal that cannot be used costs its peer, and not the server.
pub(crate) fn checks(shards: &[ShardStats]) -> Vec<(String, Result<String, String>)> {
    let mut of_listener: Vec<(&str, PeerStats)> = Vec::new();
    for listener in shards.iter().flat_map(|shard| &shard.listeners) {
        let Some(peers) = &listener.peers else { continue };
        match of_listener.iter_mut().find(|(name, _)| *name == listener.listener) {
            Some((_, all)) => all.merge(peers),
            None => of_listener.push((&listener.listener, peers.clone())),
        }
    }
    of_listener.iter().map(|(name, peers)| (format!("peers of {name}"), Ok(describe(peers)))).collect()
}

fn describe(peers: &PeerStats) -> String {
    let PeerStats { peers: known, connected, journals, journal_bytes, journal_bytes_max, faults, .. } = peers;
    let mut text = format!(
        "{known}, {connected} connected; {journals} journals have {journal_bytes} of {journal_bytes_max} bytes"
    );
    for (code, count) in faults.iter().filter(|(_, count)| *count > 0) {
        text.push_str(&format!("; {code}: {count}"));
    }
    text
}

type Then<'a> = dyn FnMut(&[(&str, &str)], &PeerStats) + 'a;

const NUMBERS: [Number<PeerStats>; 5] = [
    ("shardcast_peers", "gauge", "Named peers that are known, connected or not.", |p| p.peers),
    ("shardcast_peers_connected", "gauge", "Those that are connected.", |p| p.connected),
    ("shardcast_journals", "gauge", "Journals that are open.", |p| p.journals),
    ("shardcast_journal_bytes", "gauge", "Bytes of the journals.", |p| p.journal_bytes),
    ("shardcast_journal_bytes_max", "gauge", "Bytes that all journals of the listener may have.", |p| {
        p.journal_bytes_max
    }),
];

const FAULTS: &str = "shardcast_journal_faults";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_with_peers_has_one_line_for_all_shards() {
        let shard = |shard, connected, faults: &[(&'static str, u64)]| {
            let mut peers = PeerStats::default();
            (peers.peers, peers.connected, peers.journals) = (3, connected, 3);
            (peers.journal_bytes, peers.journal_bytes_max) = (196_608, 1 << 30);
            peers.faults = faults.to_vec();
            let mut listener = shardcast::stats::ListenerStats::default();
            listener.listener = "tcpshm".to_owned();
            listener.peers = Some(peers);
            let mut stats = ShardStats::default();
            stats.shard = shard;
            stats.listeners = vec![shardcast::stats::ListenerStats::default(), listener];
            stats
        };
        let shards = [
            shard(0, 1, &[("disk-full", 2), ("io-error", 0)]),
            shard(1, 2, &[("disk-full", 1), ("journal-head", 1)]),
        ];
        let text =
            "6, 3 connected; 6 journals have 393216 of 1073741824 bytes; disk-full: 3; journal-head: 1";
        assert_eq!(checks(&shards), [("peers of tcpshm".to_owned(), Ok(text.to_owned()))]);
    }
}
