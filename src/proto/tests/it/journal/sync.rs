//! When messages are durable, and when bytes may be overwritten.

use shardcast_proto::tcpshm::journal::{AppendError, Durability, Identity, Journal, Store};

use super::{BOOT, Contents, config, create, open, reopened};

#[test]
fn only_synced_messages_are_sent() {
    let mut journal = create(1024, 1024, Durability::Synced);
    assert!(!journal.needs_sync());
    assert_eq!(journal.append(1, b"first"), Ok(0));
    journal.set_received(4);
    assert_eq!((journal.needs_sync(), journal.unsent_messages()), (true, 0));
    assert_eq!(journal.copy_unsent(&mut Vec::new(), 100, |_| {}), Ok(0));
    let token = journal.begin_sync().expect("none is in progress");
    assert!(journal.begin_sync().is_none(), "one at a time");
    // What comes now waits for the next sync.
    assert_eq!(journal.append(1, b"second"), Ok(1));
    journal.set_received(5);
    assert_eq!((journal.durable_next(), journal.durable_received(), journal.received()), (0, 0, 5));
    journal.end_sync(token);
    assert_eq!((journal.durable_next(), journal.durable_received(), journal.received()), (1, 4, 5));
    assert_eq!(journal.copy_unsent(&mut Vec::new(), 100, |_| {}), Ok(1));
    assert_eq!(journal.acknowledge(2).expect_err("it was not sent").code(), "acknowledges-unsent");
    assert!(journal.needs_sync());
    sync(&mut journal);
    assert_eq!((journal.needs_sync(), journal.durable_next(), journal.durable_received()), (false, 2, 5));
}

fn sync<S: Store>(journal: &mut Journal<S>) {
    let token = journal.begin_sync().expect("none is in progress");
    journal.end_sync(token);
}

#[test]
fn without_syncs_everything_is_durable_at_once() {
    let mut journal = create(1024, 1024, Durability::Process);
    assert_eq!(journal.append(1, b"first"), Ok(0));
    journal.set_received(4);
    assert_eq!((journal.durable_next(), journal.durable_received()), (1, 4));
    assert!(!journal.needs_sync() && journal.begin_sync().is_none());
}

#[test]
fn bytes_are_overwritten_after_a_sync_that_began_after_their_acknowledgement() {
    let mut journal = create(128, 128, Durability::Synced);
    assert_eq!(journal.append(1, &[1; 88]), Ok(0));
    sync(&mut journal);
    journal.copy_unsent(&mut Vec::new(), 1000, |_| {}).expect("intact");
    let token = journal.begin_sync().expect("none is in progress");
    assert_eq!(journal.acknowledge(1), Ok(1));
    journal.end_sync(token);
    assert!(!journal.needs_sync(), "an acknowledgement alone needs none");
    assert_eq!((journal.append(1, &[2; 88]), journal.needs_sync()), (Err(AppendError::Full), true));
    assert_eq!(journal.append(1, &[2; 8]), Ok(1), "there is still room for a short one");
    sync(&mut journal);
    assert_eq!((journal.append(1, &[3; 72]), journal.needs_sync()), (Ok(2), true));
}

#[test]
fn after_growth_across_the_end_the_old_part_is_kept_until_a_sync() {
    let mut journal = create(128, 4096 + 256 + 512, Durability::Synced);
    assert_eq!(journal.append(1, &[0; 88]), Ok(0));
    sync(&mut journal);
    journal.copy_unsent(&mut Vec::new(), 1000, |_| {}).expect("intact");
    assert_eq!(journal.acknowledge(1), Ok(1));
    sync(&mut journal);
    // 32 bytes to the end of the ring, and 40 more.
    assert_eq!(journal.append(1, &[1; 64]), Ok(1));
    sync(&mut journal);
    assert_eq!(journal.append(1, &[2; 64]), Ok(2), "it grows");
    assert_eq!(journal.capacity(), 4096 + 256);
    // From the beginning to the first record at 96 nothing is written, and its 72 and 72 bytes are held.
    assert_eq!(journal.body_room(), Some(4096 + 256 - 8 - 96 - 72 - 72 - 8));
    sync(&mut journal);
    assert_eq!(journal.body_room(), Some(4096 + 256 - 8 - 72 - 72 - 8));
}

#[test]
fn a_failed_sync_changes_nothing_and_the_next_one_writes_everything_again() {
    let mut journal = create(256, 256, Durability::Synced);
    assert_eq!(journal.append(1, b"message"), Ok(0));
    let token = journal.begin_sync().expect("none is in progress");
    journal.fail_sync(token);
    assert_eq!((journal.durable_next(), journal.needs_sync()), (0, true));
    // The same checkpoint again, because the other one is synced.
    let generations = |journal: &Journal<Vec<u8>>| {
        let slots = shardcast_proto::tcpshm::journal::inspect(journal.store()).slots;
        slots.map(|slot| slot.expect("intact").map(|slot| slot.generation))
    };
    let before = generations(&journal);
    let token = journal.begin_sync().expect("none is in progress");
    let after = generations(&journal);
    assert_eq!(before[2], after[2]);
    assert!(before[3] < after[3]);
    journal.end_sync(token);
    assert_eq!(journal.durable_next(), 1);
}

#[test]
fn an_opened_journal_is_durable_when_it_was_synced() {
    let synced = config(Durability::Synced, 1024);
    let mut journal = create(1024, 1024, Durability::Synced);
    assert_eq!(journal.append(1, b"unsynced"), Ok(0));
    journal.set_received(3);
    let opening = Journal::open(journal.store().clone(), super::IDENTITY, synced).expect("intact");
    assert!(opening.needs_sync());
    let (mut journal, _) = opening.finish();
    assert_eq!((journal.durable_next(), journal.durable_received()), (1, 3));
    assert_eq!(journal.copy_unsent(&mut Vec::new(), 100, |_| {}), Ok(1));
}

/// In any mode after a restart of the machine; in the same boot only if messages are to survive a power loss.
#[test]
fn a_journal_that_was_opened_unsynced_is_ready_after_its_first_sync() {
    for durability in [Durability::Process, Durability::Synced] {
        let is_synced = durability == Durability::Synced;
        let mut journal = create(256, 4096, durability);
        assert_eq!(journal.append(1, b"first"), Ok(0));
        for boot in [BOOT, BOOT + 1] {
            let identity = Identity { boot, ..super::IDENTITY };
            let config = config(durability, 4096);
            let opening = Journal::open(journal.store().clone(), identity, config).expect("intact");
            let waits = is_synced || boot != BOOT;
            assert_eq!(opening.needs_sync(), waits);
            let (mut journal, _) = opening.unsynced();
            assert_eq!((journal.is_ready(), journal.needs_sync()), (!waits, waits));
            assert_eq!(journal.append(1, b"second"), Ok(1), "there is room");
            if !waits {
                continue;
            }
            assert_eq!(journal.append(1, &[0; 300]), Err(AppendError::Full), "it does not grow yet");
            let token = journal.begin_sync().expect("none is in progress");
            journal.fail_sync(token);
            assert!(!journal.is_ready() && journal.needs_sync());
            sync(&mut journal);
            assert_eq!((journal.is_ready(), journal.needs_sync(), journal.durable_next()), (true, false, 2));
            assert_eq!(journal.append(1, &[0; 300]), Ok(2));
            let mut later = open(journal.store().clone(), boot + 1, config).expect("intact").0;
            let bodies = Contents::of(&mut later).messages;
            assert_eq!(bodies, [(1, b"first".to_vec()), (1, b"second".to_vec()), (1, vec![0; 300])]);
        }
    }
}

#[test]
fn the_durability_of_a_journal_can_change() {
    let [process, synced] = [Durability::Process, Durability::Synced].map(|it| config(it, 1024));
    let mut journal = create(1024, 1024, Durability::Process);
    let mut messages = Vec::new();
    for (number, config) in (0..).zip([synced, process, process, synced, synced, process]) {
        let opening = Journal::open(journal.store().clone(), super::IDENTITY, config).expect("intact");
        assert_eq!(opening.needs_sync(), !matches!(number, 2));
        journal = opening.finish().0;
        assert_eq!(journal.append(1, &[number; 20]), Ok(number.into()));
        messages.push((1, vec![number; 20]));
        let mut later = reopened(&journal, config);
        assert_eq!(Contents::of(&mut later).messages, messages);
        let (mut later, report) = open(journal.store().clone(), BOOT + 1, config).expect("intact");
        assert_eq!((Contents::of(&mut later).messages, report.dropped), (messages.clone(), None));
    }
}
