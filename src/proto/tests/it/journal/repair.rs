//! What is reported of a damaged journal, and what can be kept of it.

use shardcast_proto::tcpshm::journal::{
    Beginning, Defect, Durability, Journal, RecordDefect, inspect, plan_repair,
};

use super::{BOOT, IDENTITY, RING_AT, body, config, create, open, type_of};

#[test]
fn an_intact_journal_is_reported_without_faults() {
    let journal = filled();
    let found = inspect(journal.store());
    assert!(found.faults().is_empty());
    assert_eq!(found.len, RING_AT as u64 + 1024);
    let records = found.records.expect("an index");
    assert_eq!((records.next, records.bytes, records.error), (30, journal.bytes_held(), None));
    assert_eq!((records.slot.first, records.slot.received), (20, 5));
    let kept = plan_repair(journal.store()).expect("intact");
    assert_eq!((kept.first, kept.next, kept.received, kept.lost_min), (20, 30, 5, 0));
    let bodies: Vec<_> = kept.messages().map(|it| it.body).collect();
    assert_eq!(bodies, (20..30).map(|sequence| body(sequence, 0)).collect::<Vec<_>>());
}

/// Thirty messages, of which twenty were acknowledged.
fn filled() -> Journal<Vec<u8>> {
    let mut journal = create(1024, 1024, Durability::Process);
    for sequence in 0..30 {
        assert_eq!(journal.append(type_of(sequence), &body(sequence, 0)), Ok(sequence));
        journal.copy_unsent(&mut Vec::new(), 1000, |_| {}).expect("intact");
        if sequence < 20 {
            assert_eq!(journal.acknowledge(sequence + 1), Ok(1));
        }
    }
    journal.set_received(5);
    journal
}

/// Where each record of [`filled`] begins.
fn records() -> Vec<usize> {
    let mut at = 0;
    let mut begins = Vec::new();
    for sequence in 0..30 {
        begins.push(RING_AT + at % 1024);
        at += (8 + body(sequence, 0).len()).next_multiple_of(8);
    }
    begins
}

#[test]
fn messages_before_the_damage_are_kept() {
    for damaged in 20..30 {
        let mut image = filled().store().clone();
        let at = records()[damaged];
        image[at + 4] ^= 0x40;
        let fault = inspect(&image).faults()[0];
        assert_eq!((fault.what, fault.at), (Defect::Record(RecordDefect::Checksum), at as u64));
        let config = config(Durability::Process, 1024);
        assert_eq!(open(image.clone(), BOOT, config).err(), Some(fault));

        let kept = plan_repair(&image).expect("the head is intact");
        assert_eq!((kept.first, kept.next, kept.received), (20, damaged as u64, 5));
        assert_eq!(kept.lost_min, 30 - damaged as u64);
        let beginning = Beginning { salt: 99, first: kept.first, received: kept.received };
        let created = Journal::create(vec![0; RING_AT + 1024], IDENTITY, beginning, config);
        let mut repaired = created.expect("possible").finish().0;
        for message in kept.messages() {
            assert_eq!(message.body, body(message.sequence, 0));
            assert_eq!(repaired.append(message.msg_type, &message.body), Ok(message.sequence));
        }
        assert_eq!((repaired.next(), repaired.received()), (damaged as u64, 5));
    }
}

#[test]
fn a_damaged_slot_costs_what_only_it_knows() {
    let mut journal = filled();
    journal.set_received(6);
    let newest = inspect(journal.store()).records.expect("an index").slot;
    let mut image = journal.store().clone();
    let at = 1024 + 512 * usize::from(newest.number);
    image[at + 49] ^= 1;
    let fault = inspect(&image).faults()[0];
    assert_eq!(
        (fault.what, fault.at, fault.code()),
        (Defect::Slot(newest.number), at as u64, "journal-index")
    );
    assert_eq!(open(image.clone(), BOOT, config(Durability::Process, 1024)).err(), Some(fault));
    let kept = plan_repair(&image).expect("there is another slot");
    assert_eq!((kept.first, kept.next, kept.received), (20, 30, 5));
}

#[test]
fn without_a_head_or_a_slot_nothing_can_be_kept() {
    let image = filled().store().clone();
    for (range, code) in [(0..8, "not-a-journal"), (28..32, "journal-head"), (1024..3072, "journal-index")] {
        let mut image = image.clone();
        image[range].fill(0);
        assert_eq!(plan_repair(&image).expect_err("nothing is left").code(), code);
        assert_eq!(inspect(&image).faults()[0].code(), code);
        assert_eq!(inspect(&image).faults().len(), 1);
    }
}
