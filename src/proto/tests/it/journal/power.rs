//! The machine loses power: each sector is on the disk as it was at any time since the last completed sync.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use shardcast_proto::tcpshm::journal::{AppendError, Durability, Journal, JournalConfig, SyncToken};

use super::{
    BOOT, Contents, RING_AT, Random, body, config, create_in, in_boot, open,
    recorder::{Order, Recorder, Step},
    type_of,
};

#[test]
fn what_was_synced_survives_any_loss() {
    let mut lost = 0;
    for seed in 0..600 {
        lost += Machine::new(seed, None).run();
    }
    assert!(lost > 300, "{lost} unsynced messages were lost");
}

/// A checker that cannot fail proves nothing.
#[test]
fn faults_of_the_disk_are_noticed() {
    for fault in [Fault::LostSync, Fault::OtherSalt] {
        let noticed = (0..100).filter(|&seed| {
            catch_unwind(AssertUnwindSafe(|| Machine::new(seed, Some(fault)).run())).is_err()
        });
        let noticed = noticed.count();
        assert!(noticed >= 30, "{fault:?} is noticed by {noticed} of 100 seeds");
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// The disk reports what it has not written.
    LostSync,
    /// A sector of another file.
    OtherSalt,
}

/// All combinations of the versions of all sectors, for a few operations after a sync.
#[test]
fn what_was_synced_survives_every_loss() {
    let mut images = 0;
    let operations = [
        "a", "aa", "aaa", "Ra", "RaR", "ka", "kR", "kaR", "ba", "bak", "bka", "bae", "bkae", "baea", "aek",
        "g", "gk", "bg", "bge", "gbe", "gbea", "bgea", "gbek", "kbeg", "bkeg", "aRgk", "Rbgek", "Rgbeak",
        "gbkeak",
    ];
    for (wrap, operations) in operations.into_iter().flat_map(|it| [(0, it), (1, it)]) {
        let mut machine = Machine::filled(wrap);
        operations.chars().for_each(|it| machine.perform(it));
        images += machine.lose_in_every_way(operations);
    }
    assert!(images > 20_000, "{images} images");
}

/// A machine with a disk, and a program with a journal.
struct Machine {
    journal: Journal<Recorder>,
    config: JournalConfig,
    random: Random,
    fault: Option<Fault>,
    boot: u64,
    /// The lives of the program.
    life: u64,
    /// What the disk has for sure: the first steps of the journal's store, of which there are `synced_steps`.
    disk: Vec<u8>,
    synced_steps: usize,
    /// The sync in progress, and the steps before it began.
    sync: Option<(SyncToken, usize)>,
    /// The bodies of all messages since the first one.
    bodies: Vec<Vec<u8>>,
    lost: usize,
}

impl Machine {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut random = Random::new(seed);
        let ring = 64 + random.below(100) * 8;
        let order = if seed.is_multiple_of(2) { Order::Ascending } else { Order::Descending };
        Self::with(ring, ring + [0, 800, 6000][random.below(3)], order, random, fault)
    }

    fn with(ring: usize, ring_max: usize, order: Order, random: Random, fault: Option<Fault>) -> Self {
        let config = config(Durability::Synced, ring_max);
        let journal = create_in(Recorder::new(vec![0; RING_AT + ring], order), config);
        // It was created and synced, and then got its name.
        let disk = journal.store().bytes.clone();
        let synced_steps = journal.store().steps.len();
        Self {
            journal,
            config,
            random,
            fault,
            boot: BOOT,
            life: 0,
            disk,
            synced_steps,
            sync: None,
            bodies: Vec::new(),
            lost: 0,
        }
    }

    /// A ring of three sectors with 700 synced bytes, at the beginning or across the end.
    fn filled(wraps: usize) -> Self {
        let mut machine = Self::with(1536, 9000, Order::Sectors, Random::new(1), None);
        for _ in 0..1 + wraps {
            (0..7).for_each(|_| machine.append_body(vec![machine.bodies.len() as u8; 92]));
            machine.begin_sync();
            machine.end_sync();
            machine.acknowledge(if wraps == 1 { 6 } else { 2 });
        }
        machine.perform('b');
        machine.perform('e');
        machine
    }

    /// Runs three lives; returns how many messages were lost, none of which was synced.
    fn run(mut self) -> usize {
        for _ in 0..3 {
            for _ in 0..self.random.below(60) {
                let operation = b"aaaaaaaakkkRRbbeel"[self.random.below(18)];
                self.perform(operation.into());
            }
            let mut image = self.some_loss();
            if self.fault == Some(Fault::OtherSalt) {
                self.mix_in_other_file(&mut image);
            }
            self.restart(image);
        }
        self.lost
    }

    fn perform(&mut self, operation: char) {
        match operation {
            'a' => self.append_body(body(self.journal.next(), self.life)),
            'l' => self.append_body(vec![self.life as u8; 900]),
            // It grows.
            'g' => {
                let (before, len) = (self.journal.capacity(), self.journal.body_room().unwrap_or(0) + 8);
                self.append_body(vec![6; len]);
                assert!(self.journal.capacity() > before);
            }
            'k' => {
                let count = 1 + self.random.below(4) as u64;
                self.acknowledge(count);
            }
            'R' => self.journal.set_received(self.journal.received() + 1),
            'b' => self.begin_sync(),
            's' | 'e' => self.end_sync(),
            _ => panic!("{operation} is not an operation"),
        }
    }

    fn append_body(&mut self, body: Vec<u8>) {
        let next = self.journal.next();
        match self.journal.append(type_of(next), &body) {
            Ok(sequence) => {
                assert_eq!(sequence, next);
                self.bodies.push(body);
            }
            Err(AppendError::Full | AppendError::TooLong { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn acknowledge(&mut self, count: u64) {
        self.journal.copy_unsent(&mut Vec::new(), usize::MAX, |_| {}).expect("intact");
        let next = (self.journal.first() + count).min(self.journal.durable_next());
        self.journal.acknowledge(next).expect("it was sent");
    }

    fn begin_sync(&mut self) {
        if let Some(token) = self.journal.begin_sync() {
            self.sync = Some((token, self.journal.store().steps.len()));
        }
    }

    fn end_sync(&mut self) {
        let Some((token, steps)) = self.sync.take() else { return };
        if self.fault != Some(Fault::LostSync) {
            self.write_to_disk(steps);
        }
        self.journal.end_sync(token);
    }

    fn write_to_disk(&mut self, steps: usize) {
        let written = &self.journal.store().steps[self.synced_steps..steps];
        written.iter().for_each(|step| step.apply(&mut self.disk));
        self.synced_steps = steps;
    }

    /// What may be on the disk after a loss: one image of many.
    fn some_loss(&mut self) -> Vec<u8> {
        let versions = Versions::of(&self.disk, &self.journal.store().steps[self.synced_steps..]);
        versions.image(|_, count| match self.random.below(3) {
            0 => 0,
            1 => count - 1,
            _ => self.random.below(count),
        })
    }

    fn lose_in_every_way(&mut self, name: &str) -> usize {
        let versions = Versions::of(&self.disk, &self.journal.store().steps[self.synced_steps..]);
        let count = versions.count();
        assert!(count < 60_000, "{name} has {count} images");
        for number in 0..count {
            let mut rest = number;
            let image = versions.image(|_, count| {
                let version = rest % count;
                rest /= count;
                version
            });
            let (mut journal, _) = open(image, self.boot + 1, self.config)
                .unwrap_or_else(|error| panic!("{name}, image {number}: {error}"));
            self.check(&mut journal, name);
        }
        count
    }

    /// A sector of the ring is from an older file at the same place.
    fn mix_in_other_file(&self, image: &mut [u8]) {
        let mut other = Self::with(image.len() - RING_AT, 9000, Order::Ascending, Random::new(9), None);
        (0..20).for_each(|_| other.perform('a'));
        image[RING_AT..RING_AT + 64].copy_from_slice(&other.journal.store().bytes[RING_AT..RING_AT + 64]);
    }

    /// The machine starts with this disk, and may lose power again before the journal was synced.
    fn restart(&mut self, image: Vec<u8>) {
        self.boot += 1;
        self.disk.clone_from(&image);
        let order = if self.boot.is_multiple_of(2) { Order::Ascending } else { Order::Descending };
        let opened = Journal::open(Recorder::new(image, order), in_boot(self.boot), self.config);
        let opening = opened.unwrap_or_else(|error| panic!("boot {}: {error}", self.boot - BOOT));
        assert!(opening.needs_sync());
        if self.random.below(3) == 0 {
            let versions = Versions::of(&self.disk, &opening.store().steps);
            let image = versions.image(|_, count| self.random.below(count));
            return self.restart(image);
        }
        self.synced_steps = 0;
        let steps = opening.store().steps.len();
        let (mut journal, _) = opening.finish();
        self.check(&mut journal, "a random run");
        self.lost += self.bodies.len() - journal.next() as usize;
        self.bodies.truncate(journal.next() as usize);
        (self.journal, self.sync) = (journal, None);
        self.write_to_disk(steps);
        self.life += 1;
    }

    /// `found` was opened after a loss of what this machine has.
    fn check<S: shardcast_proto::tcpshm::journal::Store>(&self, found: &mut Journal<S>, name: &str) {
        let (here, found) = (&self.journal, Contents::of(found));
        let counts = (found.first, found.next(), found.received);
        assert!(found.first <= here.first(), "{name}: {counts:?}, acknowledged {}", here.first());
        assert!(found.next() >= here.durable_next(), "{name}: {counts:?}, durable {}", here.durable_next());
        assert!(found.next() <= here.next(), "{name}: {counts:?}, appended {}", here.next());
        assert!((here.durable_received()..=here.received()).contains(&found.received), "{name}: {counts:?}");
        for (sequence, (msg_type, body)) in (found.first..).zip(&found.messages) {
            assert_eq!(*msg_type, type_of(sequence));
            assert!(*body == self.bodies[sequence as usize], "{name}: message {sequence} is another one");
        }
    }
}

/// All that may be on the disk: the versions of each sector, and the lengths of the file.
struct Versions {
    disk: Vec<u8>,
    lens: Vec<usize>,
    sectors: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl Versions {
    fn of(disk: &[u8], steps: &[Step]) -> Self {
        let mut now = disk.to_vec();
        let mut lens = vec![disk.len()];
        let mut sectors = BTreeMap::new();
        for step in steps {
            step.apply(&mut now);
            match step {
                Step::Grow { len } => lens.push(*len),
                Step::Write { at, .. } => {
                    let sector = at / SECTOR * SECTOR;
                    let version = |image: &[u8]| {
                        image.get(sector..).unwrap_or_default().chunks(SECTOR).next().map(<[u8]>::to_vec)
                    };
                    let first = version(disk).unwrap_or_else(|| vec![0; SECTOR]);
                    let versions = sectors.entry(sector).or_insert_with(|| vec![first]);
                    let version = version(&now).expect("it was just written");
                    if !versions.contains(&version) {
                        versions.push(version);
                    }
                }
            }
        }
        Self { disk: disk.to_vec(), lens, sectors }
    }

    fn count(&self) -> usize {
        self.sectors.values().map(Vec::len).product::<usize>() * self.lens.len()
    }

    /// The image with the versions that are chosen; `choose` gets the sector and how many versions it has.
    fn image(&self, mut choose: impl FnMut(usize, usize) -> usize) -> Vec<u8> {
        let mut image = self.disk.clone();
        image.resize(self.lens[choose(usize::MAX, self.lens.len())], 0);
        for (&sector, versions) in &self.sectors {
            let version = &versions[choose(sector, versions.len())];
            // Beyond the end of the file, nothing was written.
            let end = image.len().min(sector + version.len());
            if let Some(bytes) = image.get_mut(sector..end) {
                bytes.copy_from_slice(&version[..end - sector]);
            }
        }
        image
    }
}

const SECTOR: usize = 512;
