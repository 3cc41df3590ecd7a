//! A journal in use.

use shardcast_proto::tcpshm::journal::{
    AcknowledgeError, AppendError, BODY_LEN_MAX, Beginning, CreateError, Durability, GrowError, Identity,
    Journal, JournalConfig, LEN_FIRST, NAME_LEN_MAX, Source, Store, sequence_near,
};

use super::{BEGINNING, Contents, IDENTITY, RING_AT, config, create, open, reopened, type_of, unwire};

#[test]
fn messages_are_sent_as_on_the_wire_and_again_after_a_rewind() {
    let mut journal = create(1024, 1024, Durability::Process);
    for (sequence, body) in [&b""[..], b"a", b"12345678", b"123456789"].into_iter().enumerate() {
        assert_eq!(journal.append(sequence as u16 + 1, body), Ok(sequence as u64));
    }
    let expected = [
        &b"\x08\0\x01\0ackn"[..],
        b"\x09\0\x02\0acknA\0\0\0\0\0\0\0",
        b"\x10\0\x03\0ackn12345678",
        b"\x11\0\x04\0ackn123456789\0\0\0\0\0\0\0",
    ];
    let expected = expected.concat().to_ascii_lowercase();
    let mut out = b"before".to_vec();
    for _ in 0..2 {
        out.truncate(6);
        assert_eq!(journal.unsent_messages(), 4);
        assert_eq!(journal.copy_unsent(&mut out, 1000, acknowledging), Ok(4));
        assert_eq!(out[6..], expected, "what was in the buffer stays");
        assert_eq!(
            (journal.unsent_messages(), journal.copy_unsent(&mut out, 1000, acknowledging)),
            (0, Ok(0))
        );
        journal.rewind_to_first();
    }
}

fn acknowledging(header: &mut [u8; 8]) {
    header[4..].copy_from_slice(b"ackn");
}

#[test]
fn as_many_whole_messages_are_handed_out_as_fit_but_one_at_least() {
    let mut journal = create(1024, 1024, Durability::Process);
    // 16, 24, 16 and 24 bytes on the wire.
    for sequence in 0..4 {
        assert_eq!(journal.append(1, &[0; 16][..8 + sequence % 2 * 8]), Ok(sequence as u64));
    }
    for (bytes_max, expected) in
        [(0, 1), (16, 1), (39, 1), (40, 2), (55, 2), (56, 3), (80, 4), (usize::MAX, 4)]
    {
        journal.rewind_to_first();
        let mut out = Vec::new();
        assert_eq!(journal.copy_unsent(&mut out, bytes_max, |_| {}), Ok(expected), "{bytes_max}");
        assert_eq!(unwire(&out).len(), expected);
        assert_eq!(journal.unsent_messages(), 4 - expected as u64);
    }
}

#[test]
fn only_what_was_sent_can_be_acknowledged() {
    let mut journal = create(1024, 1024, Durability::Process);
    (0..5).for_each(|sequence| assert_eq!(journal.append(1, b"body"), Ok(sequence)));
    let unsent = |next, sent| Err(AcknowledgeError::Unsent { next, sent });
    assert_eq!(journal.acknowledge(1), unsent(1, 0));
    assert_eq!(journal.copy_unsent(&mut Vec::new(), 40, |_| {}), Ok(2));
    assert_eq!(journal.acknowledge(3), unsent(3, 2));
    assert_eq!(journal.acknowledge(u64::MAX), unsent(u64::MAX, 2));
    assert_eq!(
        (journal.acknowledge(1), journal.acknowledge(1), journal.acknowledge(0)),
        (Ok(1), Ok(0), Ok(0))
    );
    // The peer remembers more than this connection has sent: an earlier one did.
    journal.rewind_to_first();
    assert_eq!(journal.acknowledge(2), Ok(1));
    assert_eq!((journal.first(), journal.unsent_messages()), (2, 3));
    // After a restart, all may have been sent.
    let mut journal = reopened(&journal, config(Durability::Process, 1024));
    assert_eq!((journal.acknowledge(6), journal.acknowledge(5)), (unsent(6, 5), Ok(3)));
    assert!(journal.is_empty() && journal.bytes_held() == 0);
}

#[test]
fn a_full_journal_takes_messages_again_after_an_acknowledgement() {
    let mut journal = create(64, 64, Durability::Process);
    assert_eq!((journal.body_room(), journal.body_max(), journal.capacity()), (Some(48), 48, 64));
    assert_eq!(journal.append(1, &[7; 49]), Err(AppendError::TooLong { len: 49, max: 48 }));
    assert_eq!(journal.append(1, &[7; 48]), Ok(0));
    assert_eq!((journal.body_room(), journal.append(1, b"")), (None, Err(AppendError::Full)));
    let mut journal = reopened(&journal, config(Durability::Process, 64));
    assert_eq!((journal.append(1, b""), journal.acknowledge(1)), (Err(AppendError::Full), Ok(1)));
    // Across the end of the ring, at every offset.
    for sequence in 1..40 {
        let len = sequence as usize % 5 * 8;
        assert_eq!(journal.append(2, &[sequence as u8; 40][..len]), Ok(sequence));
        journal = reopened(&journal, config(Durability::Process, 64));
        assert_eq!(Contents::of(&mut journal).messages, [(2, vec![sequence as u8; len])]);
        assert_eq!(journal.acknowledge(sequence + 1), Ok(1));
    }
}

#[test]
fn messages_of_every_length_are_kept() {
    let config = JournalConfig::default();
    let store = vec![0; LEN_FIRST as usize];
    let mut journal = Journal::create(store, IDENTITY, BEGINNING, config).expect("valid").finish().0;
    let bytes: Vec<u8> = (0..BODY_LEN_MAX + 1).map(|at| at as u8).collect();
    assert_eq!(journal.append(0, b""), Err(AppendError::Type));
    assert_eq!(journal.append(0, &bytes), Err(AppendError::TooLong { len: 65528, max: 65527 }));
    assert_eq!((journal.body_max(), journal.body_room()), (BODY_LEN_MAX, Some(61440 - 16)));
    let lens = (0..100).chain(1000..1020).chain(65520..=BODY_LEN_MAX);
    for len in lens.clone() {
        journal.append(9, &bytes[..len]).expect("it grows");
    }
    let mut journal = reopened(&journal, config);
    let expected: Vec<_> = lens.map(|len| (9, bytes[..len].to_vec())).collect();
    assert!(Contents::of(&mut journal).messages == expected);
    assert_eq!(journal.store().len() as u64, LEN_FIRST * 16, "doubled four times");
    // The largest messages are handed out one by one if need be.
    journal.rewind_to_first();
    assert_eq!(journal.acknowledge(120), Ok(120));
    let mut out = Vec::new();
    assert_eq!((journal.copy_unsent(&mut out, 1, |_| {}), out.len()), (Ok(1), 65528));
    assert_eq!(unwire(&out)[0].1.len(), 65520);
}

#[test]
fn a_file_is_doubled_up_to_its_maximum() {
    let mut journal = create(61440, 200_000, Durability::Process);
    let mut capacities = vec![journal.capacity()];
    while journal.append(1, &[1; 1000]).is_ok() {
        if capacities.last() != Some(&journal.capacity()) {
            capacities.push(journal.capacity());
        }
    }
    assert_eq!(capacities, [61440, 126_976, 200_000]);
    assert_eq!(journal.append(1, &[1; 1000]), Err(AppendError::Full));
    let mut journal = reopened(&journal, config(Durability::Process, 200_000));
    assert_eq!(Contents::of(&mut journal).messages.len(), 198);
}

#[test]
fn refused_growth_is_back_pressure() {
    #[derive(Debug)]
    struct Refusing(Vec<u8>, Option<GrowError>);
    impl Source for Refusing {
        fn len_bytes(&self) -> u64 {
            self.0.len_bytes()
        }
        fn read(&self, at: u64, into: &mut [u8]) {
            self.0.read(at, into);
        }
    }
    impl Store for Refusing {
        fn write(&mut self, at: u64, bytes: &[u8]) {
            self.0.write(at, bytes);
        }
        fn publish(&mut self, at: u64, word: u64) {
            self.0.publish(at, word);
        }
        fn grow(&mut self, len: u64) -> Result<(), GrowError> {
            self.1.map_or_else(|| self.0.grow(len), Err)
        }
    }
    for error in
        [GrowError::DiskFull, GrowError::DiskQuota, GrowError::TooLarge, GrowError::Refused, GrowError::Io(5)]
    {
        let config = config(Durability::Process, 1 << 20);
        let store = Refusing(vec![0; RING_AT + 64], Some(error));
        let mut journal = Journal::create(store, IDENTITY, BEGINNING, config).expect("valid").finish().0;
        assert_eq!(journal.append(1, &[1; 40]), Ok(0));
        let before = journal.store().0.clone();
        for _ in 0..2 {
            assert_eq!(journal.append(1, &[2; 40]), Err(AppendError::Grow(error)));
            assert_eq!(AppendError::Grow(error).code(), error.code());
        }
        assert!(journal.store().0 == before, "nothing has changed");
        // It sends, releases and receives as before.
        assert_eq!(journal.copy_unsent(&mut Vec::new(), 100, |_| {}), Ok(1));
        journal.set_received(3);
        assert_eq!((journal.acknowledge(1), journal.append(1, &[3; 40])), (Ok(1), Ok(1)));
        let Refusing(image, _) = journal.store();
        let store = Refusing(image.clone(), None);
        let (mut journal, _) = open(store, IDENTITY.boot, config).expect("it is intact");
        assert_eq!(journal.append(1, &[4; 40]), Ok(2), "there is space again");
        let messages = vec![(1, vec![3; 40]), (1, vec![4; 40])];
        assert_eq!(Contents::of(&mut journal), Contents { first: 1, received: 3, messages });
    }
}

#[test]
fn sequence_numbers_have_more_than_32_bits() {
    let config = config(Durability::Process, 512);
    for first in [(1 << 32) - 20, (1 << 33) - 20, 1 << 40] {
        let beginning = Beginning { first, received: first + 5, ..BEGINNING };
        let store = vec![0; RING_AT + 512];
        let mut journal = Journal::create(store, IDENTITY, beginning, config).expect("valid").finish().0;
        for sequence in first..first + 100 {
            assert_eq!(journal.append(type_of(sequence), &sequence.to_le_bytes()), Ok(sequence));
            journal.set_received(sequence + 7);
            assert_eq!(journal.copy_unsent(&mut Vec::new(), 100, |_| {}), Ok(1));
            if sequence % 10 == 9 {
                // The wire has the low 32 bits.
                let next = sequence_near(sequence as u32, journal.first());
                assert_eq!(next, sequence);
                journal.acknowledge(next).expect("it was sent");
                journal = reopened(&journal, config);
                let expected = vec![(type_of(sequence), sequence.to_le_bytes().to_vec())];
                let expected = Contents { first: sequence, received: sequence + 7, messages: expected };
                assert_eq!(Contents::of(&mut journal), expected);
            }
        }
    }
    for (low, near, expected) in [
        (0, 0, 0),
        (0, 0xffff_ffff, 0x1_0000_0000),
        (0xffff_ffff, 0x1_0000_0000, 0xffff_ffff),
        (0x7fff_ffff, 0x1_0000_0000, 0x1_7fff_ffff),
        (0x8000_0000, 0x1_0000_0000, 0x8000_0000),
    ] {
        assert_eq!(sequence_near(low, near), expected, "{low:#x} near {near:#x}");
    }
}

#[test]
fn a_count_of_received_messages_does_not_fall() {
    let mut journal = create(64, 64, Durability::Process);
    for (count, expected) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
        journal.set_received(count);
        journal = reopened(&journal, config(Durability::Process, 64));
        assert_eq!((journal.received(), journal.durable_received()), (expected, expected));
    }
}

#[test]
fn impossible_journals_are_not_created() {
    let created = |len, identity, beginning| {
        Journal::create(vec![0; len], identity, beginning, JournalConfig::default()).err()
    };
    for len in [0, 100, 4096, 4096 + 56, 4096 + 68] {
        let error = CreateError::Length { len: len as u64 };
        assert_eq!(created(len, IDENTITY, BEGINNING), Some(error));
    }
    let name = [b'n'; NAME_LEN_MAX + 1];
    for identity in [Identity { local: &name, ..IDENTITY }, Identity { remote: &name, ..IDENTITY }] {
        assert_eq!(created(8192, identity, BEGINNING), Some(CreateError::Name));
    }
    let longest = Identity { local: &name[1..], remote: &name[1..], boot: 3 };
    assert_eq!(created(8192, longest, BEGINNING), None);
    for beginning in
        [Beginning { first: u64::MAX, ..BEGINNING }, Beginning { received: 1 << 62, ..BEGINNING }]
    {
        assert_eq!(created(8192, IDENTITY, beginning), Some(CreateError::Sequence));
    }
}
