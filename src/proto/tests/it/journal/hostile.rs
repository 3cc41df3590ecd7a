//! Files that no journal wrote, with valid checksums where they help.

use shardcast_proto::tcpshm::journal::{Defect, Durability, RecordDefect, inspect, plan_repair};

use super::{BEGINNING, BOOT, RING_AT, config, create, in_boot, open};

#[test]
fn hostile_files_are_refused() {
    let image = || {
        let mut journal = create(256, 256, Durability::Process);
        journal.append(1, b"first message").expect("there is room");
        journal.append(2, b"second message").expect("there is room");
        journal.store().clone()
    };
    let newest = 1024;
    let truncated = |need| Defect::Truncated { need };
    let record = Defect::Record;
    type Change = fn(&mut Vec<u8>);
    let cases: Vec<(&str, Defect, u64, Change)> = vec![
        ("empty", truncated(4096), 0, |it| it.clear()),
        ("only a head", truncated(4096), 4095, |it| it.truncate(4095)),
        ("another magic", Defect::Magic, 0, |it| it[7] = b'2'),
        ("a newer version", Defect::Version(2), 8, |it| {
            it[8] = 2;
            seal_head(it);
        }),
        ("a name that is too long", Defect::Head, 24, |it| {
            it[25] = 1;
            seal_head(it);
        }),
        ("the longest length of a name", Defect::Head, 24, |it| it[26..28].fill(255)),
        ("another head length", Defect::Head, 0, |it| {
            it[13] = 0x20;
            seal_head(it);
        }),
        ("a wrong checksum of the head", Defect::Head, 0, |it| it[28] ^= 1),
        ("another salt", Defect::Slot(0), newest, |it| {
            it[16] ^= 1;
            seal_head(it);
        }),
        ("other names", Defect::Names, 32, |it| {
            it[32] = b'S';
            seal_head(it);
        }),
        ("names cut at another place", Defect::Names, 32, |it| {
            (it[24], it[26]) = (7, 5);
            seal_head(it);
        }),
        ("no slot", Defect::NoIndex, newest, |it| it[1024..1032].fill(0)),
        ("a generation of another form", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[0] ^= 1)),
        ("the last generation", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[..8].fill(255))),
        ("a capacity of 0", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[16..20].fill(0))),
        ("an odd capacity", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[16] = 252)),
        ("the greatest capacity", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[16..20].fill(255))),
        ("a capacity beyond the end", truncated(4096 + 264), 4096 + 256, |it| {
            seal_slot(it, 0, |it| it[16..18].copy_from_slice(&264u16.to_le_bytes()));
        }),
        ("a head beyond the ring", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[21] = 1)),
        ("an odd head", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[20] = 4)),
        ("an unknown durability", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[24] = 3)),
        ("an unknown checkpoint", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[26] = 3)),
        ("the last sequence number", Defect::Slot(0), newest, |it| {
            seal_slot(it, 0, |it| it[32..40].fill(255))
        }),
        ("more messages than fit", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[40] = 32)),
        ("more synced messages than messages", Defect::Slot(0), newest, |it| {
            seal_slot(it, 0, |it| it[44] = 1)
        }),
        ("the last count", Defect::Slot(0), newest, |it| seal_slot(it, 0, |it| it[48..56].fill(255))),
        ("a damaged slot of another kind", Defect::Slot(3), 2560, |it| it[2560] = 7),
        ("messages that are not there", Defect::Missing { sequence: 2 }, 4096 + 48, |it| {
            seal_slot(it, 0, |it| it[40] = 3);
        }),
        ("a head within a record", record(RecordDefect::Checksum), 4096 + 24, |it| {
            seal_slot(it, 0, |it| it[20] = 24);
        }),
        ("another sequence number", record(RecordDefect::Checksum), 4096, |it| {
            seal_slot(it, 0, |it| it[32] = 1)
        }),
        ("a size of 1", record(RecordDefect::Size(1)), 4096, |it| it[RING_AT] = 1),
        ("a size of 7", record(RecordDefect::Size(7)), 4096, |it| it[RING_AT] = 7),
        ("a size of 0", record(RecordDefect::Size(0)), 4096, |it| it[RING_AT] = 0),
        ("message type 0", record(RecordDefect::Type), 4096, |it| it[RING_AT + 2] = 0),
        ("the greatest size", record(RecordDefect::TooLong), 4096, |it| it[RING_AT..RING_AT + 2].fill(255)),
        ("a record that leaves no zero word", record(RecordDefect::TooLong), 4096, |it| {
            it[RING_AT..RING_AT + 2].copy_from_slice(&256u16.to_le_bytes());
        }),
        ("another padding", record(RecordDefect::Padding), 4096, |it| it[RING_AT + 23] = 1),
        ("another type", record(RecordDefect::Checksum), 4096, |it| it[RING_AT + 2] = 2),
        ("garbage after the records", record(RecordDefect::Size(1)), 4096 + 48, |it| it[RING_AT + 48] = 1),
    ];
    let config = config(Durability::Process, 256);
    for (name, what, at, change) in cases {
        let mut image = image();
        assert!(open(image.clone(), BOOT, config).is_ok());
        change(&mut image);
        let error = open(image.clone(), BOOT, config).expect_err(name);
        assert_eq!((error.what, error.at), (what, at), "{name}");
        if what != Defect::Names {
            assert!(inspect(&image).faults().contains(&error), "{name}: {:?}", inspect(&image).faults());
        }
        // Neither is it used when the machine was started again, unless this can be the torn end.
        let is_torn = matches!(what, Defect::Record(_) | Defect::Missing { .. });
        assert_eq!(open(image.clone(), BOOT + 1, config).err().is_none(), is_torn, "{name}");
        let _ = plan_repair(&image).map(|kept| kept.messages().count());
    }
}

#[test]
fn a_journal_of_another_pair_is_refused() {
    let journal = create(256, 256, Durability::Process);
    for (local, remote) in
        [(&b"server"[..], &b"clien"[..]), (b"serve", b"rclient"), (b"client", b"server"), (b"", b"")]
    {
        let identity = super::Identity { local, remote, ..in_boot(BOOT) };
        let opened =
            super::Journal::open(journal.store().clone(), identity, config(Durability::Process, 256));
        assert_eq!(opened.expect_err("other names").code(), "journal-names");
    }
}

/// Makes the checksum of the head valid.
fn seal_head(image: &mut [u8]) {
    let names = 32 + usize::from(image[24]) + usize::from(image[26]);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&image[..28]), &image[32..names]);
    image[28..32].copy_from_slice(&sum.to_le_bytes());
}

/// Changes a slot, and makes its checksum valid.
fn seal_slot(image: &mut [u8], number: usize, change: fn(&mut [u8])) {
    let slot = &mut image[1024 + 512 * number..][..64];
    change(slot);
    let seed = crc32c::crc32c(&BEGINNING.salt.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c_append(seed, &slot[8..56]), &slot[..8]);
    slot[56..60].copy_from_slice(&sum.to_le_bytes());
}
