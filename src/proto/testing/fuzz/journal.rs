//! The fuzz target of the journal of tcpshm.

use crate::tcpshm::journal::{
    Beginning, Durability, Identity, Journal, JournalConfig, JournalError, Opening, StoredMessage, inspect,
    plan_repair,
};

/// Any changes of a journal, whose checksums may be made valid again: it is refused, or can be used, and has the same
/// messages after a restart.
///
/// The first byte chooses a journal. Each step after it has four bytes: an offset, a value, and what to do with them.
pub fn journal(data: &[u8]) {
    let Some((first, changes)) = data.split_first() else { return };
    let durability = if first & 1 == 0 { Durability::Process } else { Durability::Synced };
    let boot = u64::from(first >> 1 & 1);
    let mut image = intact(durability, first >> 2);
    changes.chunks_exact(4).for_each(|change| apply(&mut image, change));

    let inspection = inspect(&image);
    if let Ok(kept) = plan_repair(&image) {
        assert_eq!(kept.messages().count() as u64, kept.next - kept.first);
    }
    let config = config(durability);
    match Journal::open(image.clone(), Identity { boot, ..IDENTITY }, config) {
        Ok(opening) => use_journal(opening, boot, config),
        Err(error) => {
            assert!(error.at <= image.len() as u64, "{error}");
            let is_reported = inspection.faults().contains(&error) || error.code() == "journal-names";
            assert!(is_reported || boot != IDENTITY.boot, "{error}");
        }
    }
}

fn use_journal(opening: Opening<Vec<u8>>, boot: u64, config: JournalConfig) {
    let (mut journal, _) = opening.finish();
    let messages = all(&journal).expect("they were checked");
    let mut out = Vec::new();
    let copied = journal.copy_unsent(&mut out, usize::MAX, |_| {}).expect("they were checked");
    assert_eq!((copied, out.len() as u64), (messages.len(), journal.bytes_held()));
    let half = journal.first() + journal.messages_held() / 2;
    assert_eq!(journal.acknowledge(half), Ok(messages.len() as u64 / 2));
    journal.set_received(journal.received() + 1);
    let appended = journal.append(1, b"appended").is_ok();
    if let Some(token) = journal.begin_sync() {
        journal.end_sync(token);
    }
    if journal.first().max(journal.received()) >= SEQUENCE_LIMIT {
        return;
    }
    let mut expected = messages[messages.len() / 2..].to_vec();
    let (sequence, body) = (journal.next() - 1, b"appended".to_vec());
    expected.extend(appended.then_some(StoredMessage { sequence, msg_type: 1, body }));
    let identity = Identity { boot, ..IDENTITY };
    let opened = Journal::open(journal.store().clone(), identity, config).expect("it was written here");
    let (again, report) = opened.finish();
    assert_eq!((all(&again), report.dropped), (Ok(expected), None));
    assert_eq!(again.received(), journal.received());
}

fn all(journal: &Journal<Vec<u8>>) -> Result<Vec<StoredMessage>, JournalError> {
    journal.messages().collect()
}

/// A small journal whose records go across the end of its ring, unless `len` says how many bytes they have.
fn intact(durability: Durability, len: u8) -> Vec<u8> {
    let store = vec![0; RING_AT + 512];
    let opening = Journal::create(store, IDENTITY, Beginning::default(), config(durability));
    let (mut journal, _) = opening.expect("possible").finish();
    for sequence in 0..30u8 {
        // Without room, nothing happens.
        let _ = journal.append(u16::from(sequence) + 1, &[sequence; 64][..usize::from(len ^ sequence) % 64]);
        if let Some(token) = journal.begin_sync() {
            journal.end_sync(token);
        }
        journal.copy_unsent(&mut Vec::new(), usize::MAX, |_| {}).expect("intact");
        let next = journal.first().max(journal.next().saturating_sub(4));
        journal.acknowledge(next).expect("they were sent");
        journal.set_received(u64::from(sequence));
    }
    journal.store().clone()
}

fn apply(image: &mut Vec<u8>, change: &[u8]) {
    let [low, high, value, what] = [change[0], change[1], change[2], change[3]];
    let offset = usize::from(u16::from_le_bytes([low, high]));
    let at = offset % image.len().max(1);
    match what % 8 {
        0 => image.iter_mut().skip(at).take(1).for_each(|byte| *byte = value),
        1 => image.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= value),
        2 => image.iter_mut().skip(at).take(8).for_each(|byte| *byte = value),
        3 => image.truncate(offset),
        4 => image.resize(image.len() + usize::from(value) * 8, low),
        5 => seal_head(image),
        6 => seal_slot(image, usize::from(value % 4)),
        _ => seal_record(image, at, value),
    }
}

/// Makes the checksum of the head valid, as far as there is one.
fn seal_head(image: &mut [u8]) {
    if image.len() >= RING_AT {
        let names = 32 + usize::from(image[24]) + usize::from(image[26]);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&image[..28]), &image[32..names]);
        image[28..32].copy_from_slice(&sum.to_le_bytes());
    }
}

fn seal_slot(image: &mut [u8], number: usize) {
    let Some(seed) = seed(image) else { return };
    let Some(slot) = image.get_mut(1024 + 512 * number..).and_then(|it| it.get_mut(..64)) else { return };
    let sum = crc32c::crc32c_append(crc32c::crc32c_append(seed, &slot[8..56]), &slot[..8]);
    slot[56..60].copy_from_slice(&sum.to_le_bytes());
}

/// As that of message `sequence`, if it does not go across the end.
fn seal_record(image: &mut [u8], at: usize, sequence: u8) {
    let (at, Some(seed)) = (at / 8 * 8, seed(image)) else { return };
    let Some(record) = image.get_mut(at..).filter(|it| it.len() >= 8) else { return };
    let size = usize::from(u16::from_le_bytes([record[0], record[1]]));
    let Some(record) = record.get_mut(..size).filter(|_| size >= 8) else { return };
    let covered = [&u64::from(sequence).to_le_bytes()[..], &record[..4], &[0; 4], &record[8..]].concat();
    record[4..8].copy_from_slice(&crc32c::crc32c_append(seed, &covered).to_le_bytes());
}

fn seed(image: &[u8]) -> Option<u32> {
    Some(crc32c::crc32c(image.get(16..24)?))
}

fn config(durability: Durability) -> JournalConfig {
    JournalConfig::default().with(|it| {
        it.durability = durability;
        it.len_max = (RING_AT + 2048) as u64;
    })
}

const IDENTITY: Identity<'_> = Identity { local: b"server", remote: b"client", boot: 0 };
const RING_AT: usize = 4096;

/// Below the greatest number that is accepted, so that some more can follow.
const SEQUENCE_LIMIT: u64 = 1 << 60;
