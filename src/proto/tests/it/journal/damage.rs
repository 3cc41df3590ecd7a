//! Every changed bit and every truncation of a journal of 64 KiB: it is noticed, or changes nothing. Never is a changed
//! message delivered.

use std::cell::RefCell;

use shardcast_proto::tcpshm::journal::{
    Durability, GrowError, Journal, JournalConfig, LEN_FIRST, Source, Store,
};

use super::{BOOT, Contents, Random, body, config, create, open, type_of};

#[test]
fn every_changed_bit_is_noticed_or_without_effect() {
    for (durability, held) in [(Durability::Process, 12), (Durability::Synced, 12), (Durability::Process, 0)]
    {
        let intact = Intact::new(durability, held);
        let read = intact.bytes_that_are_read();
        let count = read.iter().filter(|&&it| it).count();
        assert!((300..8000).contains(&count), "{count} bytes are read");
        let (mut noticed, mut same) = (0, 0);
        for bit in 0..intact.image.len() * 8 {
            // What is not read has no effect, whatever it is.
            if read[bit / 8] {
                let mut image = intact.image.clone();
                image[bit / 8] ^= 1 << (bit % 8);
                match intact.open(image, BOOT) {
                    Err(_) => noticed += 1,
                    Ok(found) => {
                        assert!(found == intact.contents, "bit {bit} changes what is delivered");
                        same += 1;
                    }
                }
            }
        }
        assert!(noticed >= 1000, "{noticed} bits");
        assert!(same > 0, "some fields of an older slot have no effect");
    }
}

/// In another boot, a record that is not valid may be the torn end.
#[test]
fn after_a_power_loss_a_changed_bit_ends_the_records_or_is_noticed() {
    for durability in [Durability::Process, Durability::Synced] {
        let intact = Intact::new(durability, 5);
        let read = intact.bytes_that_are_read();
        for bit in (0..intact.image.len() * 8).filter(|bit| read[bit / 8]) {
            let mut image = intact.image.clone();
            image[bit / 8] ^= 1 << (bit % 8);
            let Ok(found) = intact.open(image, BOOT + 1) else { continue };
            intact.check_prefix(&found, bit);
            assert!(
                durability == Durability::Process || found == intact.contents,
                "bit {bit}: synced, and lost"
            );
        }
    }
}

#[test]
fn free_bytes_have_no_meaning() {
    let intact = Intact::new(Durability::Process, 12);
    let read = intact.bytes_that_are_read();
    let mut random = Random::new(7);
    for boot in [BOOT, BOOT + 1] {
        let mut image = intact.image.clone();
        let free = image.iter_mut().zip(&read).filter(|(_, is_read)| !**is_read);
        free.for_each(|(byte, _)| *byte = random.below(256) as u8);
        assert!(intact.open(image, boot).expect("intact") == intact.contents);
    }
}

#[test]
fn every_truncation_is_noticed() {
    for durability in [Durability::Process, Durability::Synced] {
        let intact = Intact::new(durability, 12);
        for len in 0..intact.image.len() {
            let truncated = Borrowed { bytes: &intact.image[..len], read: RefCell::default() };
            let error = Journal::open(truncated, super::IDENTITY, intact.config).expect_err("truncated");
            assert_eq!(error.code(), "journal-truncated", "{len}");
        }
        for len in (0..intact.image.len()).step_by(61) {
            let found = intact.open(intact.image[..len].to_vec(), BOOT + 1);
            assert_eq!(found.expect_err("truncated").code(), "journal-truncated", "{len}");
        }
    }
}

/// A file of 64 KiB whose records go across the end of its ring.
struct Intact {
    image: Vec<u8>,
    contents: Contents,
    config: JournalConfig,
}

impl Intact {
    fn new(durability: Durability, held: u64) -> Self {
        let ring = LEN_FIRST as usize - super::RING_AT;
        let config = config(durability, ring);
        let mut journal = create(ring, ring, durability);
        // 61,256 of 61,440 bytes, so that few messages are enough to go across the end.
        for _ in 0..13 {
            journal.append(1, &[0x55; 4704]).expect("there is room");
        }
        sync(&mut journal);
        journal.copy_unsent(&mut Vec::new(), usize::MAX, |_| {}).expect("intact");
        journal.acknowledge(13).expect("they were sent");
        sync(&mut journal);
        for sequence in 13..40 {
            journal.append(type_of(sequence), &body(sequence, 0)).expect("there is room");
        }
        journal.set_received(77);
        sync(&mut journal);
        journal.copy_unsent(&mut Vec::new(), usize::MAX, |_| {}).expect("intact");
        // The later ones go across.
        journal.acknowledge(40 - held.max(1)).expect("they were sent");
        if held == 0 {
            journal.acknowledge(40).expect("they were sent");
        } else {
            for sequence in 40..44 {
                journal.append(type_of(sequence), &[sequence as u8; 100]).expect("there is room");
            }
        }
        sync(&mut journal);
        let image = journal.store().clone();
        Self { contents: Contents::of(&mut journal), image, config }
    }

    fn open(
        &self,
        image: Vec<u8>,
        boot: u64,
    ) -> Result<Contents, shardcast_proto::tcpshm::journal::JournalError> {
        open(image, boot, self.config).map(|(mut journal, _)| Contents::of(&mut journal))
    }

    /// Which bytes decide what is delivered, in this boot.
    fn bytes_that_are_read(&self) -> Vec<bool> {
        let read = RefCell::new(vec![false; self.image.len()]);
        let store = Borrowed { bytes: &self.image, read };
        let (mut journal, _) = open(store, BOOT, self.config).expect("intact");
        assert_eq!(Contents::of(&mut journal), self.contents);
        let Borrowed { read, .. } = journal.store();
        read.take()
    }

    fn check_prefix(&self, found: &Contents, bit: usize) {
        assert!(found.first <= found.next() && found.next() <= self.contents.next(), "bit {bit}");
        assert_eq!(found.received, self.contents.received);
        let is_same = self.contents.messages.starts_with(&found.messages);
        assert!(found.first == self.contents.first && is_same, "bit {bit} changes what is delivered");
    }
}

fn sync(journal: &mut Journal<Vec<u8>>) {
    if let Some(token) = journal.begin_sync() {
        journal.end_sync(token);
    }
}

/// Writes are lost, and what is read is noted.
#[derive(Debug)]
struct Borrowed<'a> {
    bytes: &'a [u8],
    read: RefCell<Vec<bool>>,
}

impl Source for Borrowed<'_> {
    fn len_bytes(&self) -> u64 {
        self.bytes.len_bytes()
    }

    fn read(&self, at: u64, into: &mut [u8]) {
        self.bytes.read(at, into);
        if let Some(read) = self.read.borrow_mut().get_mut(at as usize..at as usize + into.len()) {
            read.fill(true);
        }
    }
}

impl Store for Borrowed<'_> {
    fn write(&mut self, _: u64, _: &[u8]) {}

    fn publish(&mut self, _: u64, _: u64) {}

    fn grow(&mut self, _: u64) -> Result<(), GrowError> {
        Err(GrowError::Refused)
    }
}
