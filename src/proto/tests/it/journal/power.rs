//! The machine loses power: each sector is on the disk as it was at any time since the last completed sync.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use shardcast_proto::tcpshm::journal::{
    AppendError, Durability, Journal, JournalConfig, Store, SyncToken, inspect,
};

use super::{
    BOOT, Contents, RING_AT, Random, body, config, create_in, in_boot, open,
    recorder::{Order, Recorder, Step},
    type_of,
};

#[test]
fn what_was_synced_survives_any_loss() {
    let mut lost = 0;
    for seed in 0..1500 {
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
    let operations = "a aa aaa Ra RaR ka kR kaR ba bak bka bae bkae baea aek g gk bg bge gbe gbea bgea gbek kbeg bkeg aRgk Rbgek Rgbeak gbkeak aaRk gaRl RkaR gbRea bgRel xaRk gl gal bgel bgeal gbel x ax kxl bx bgxl gxl kbexl gll bglel";
    for (across, operations) in operations.split(' ').flat_map(|it| [(false, it), (true, it)]) {
        let mut machine = Machine::filled(across);
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
    /// What was in memory when the last completed sync began: after so many steps of the journal's store.
    synced: Vec<u8>,
    synced_steps: usize,
    /// What the disk has for sure. It is the same, unless the system takes for written what it could not write.
    disk: Vec<u8>,
    /// The system takes for written what these first steps wrote.
    written_steps: usize,
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
        Self::with(ring, ring + [0, 400, 800, 6000][random.below(4)], order, random, fault)
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
            synced: disk.clone(),
            synced_steps,
            disk,
            written_steps: synced_steps,
            sync: None,
            bodies: Vec::new(),
            lost: 0,
        }
    }

    /// A ring of three sectors with synced messages, if `across` across its end. It can grow by two and a half.
    fn filled(across: bool) -> Self {
        let mut machine = Self::with(1536, 2816, Order::Sectors, Random::new(1), None);
        let rounds = if across { &[(7, 6), (7, 0), (4, 0)][..] } else { &[(7, 2)] };
        for &(appended, acknowledged) in rounds {
            (0..appended).for_each(|_| machine.append_body(vec![machine.bodies.len() as u8; 92]));
            machine.begin_sync();
            machine.end_sync();
            machine.acknowledge(acknowledged);
        }
        machine.begin_sync();
        machine.end_sync();
        machine
    }

    /// Runs three lives; returns how many messages were lost, none of which was synced.
    fn run(mut self) -> usize {
        for _ in 0..3 {
            for _ in 0..self.random.below(60) {
                let operation = b"aaaaaaaakkkRRbbeelxf"[self.random.below(20)];
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
            'e' => self.end_sync(),
            'f' => self.fail_sync(),
            'x' => self.kill(),
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
            let steps = self.journal.store().steps[..steps].to_vec();
            self.write_to_disk(&steps);
        }
        self.journal.end_sync(token);
    }

    /// The system could not write, reports it once, and does not try again.
    fn fail_sync(&mut self) {
        let Some((token, _)) = self.sync.take() else { return };
        self.written_steps = self.journal.store().steps.len();
        self.journal.fail_sync(token);
    }

    /// The process ends and starts again, and the machine may lose power before the journal was synced.
    fn kill(&mut self) {
        self.sync = None;
        let opened = Journal::open(self.journal.store().clone(), in_boot(self.boot), self.config);
        let opening = opened.expect("what a kill leaves is intact");
        let steps = opening.store().steps.len();
        if self.random.below(3) == 0 {
            let versions = self.versions(&opening.store().steps);
            let image = versions.image(|_, count| self.random.below(count));
            return self.restart(image);
        }
        self.write_to_disk(&opening.store().steps[..steps]);
        self.journal = opening.finish().0;
    }

    /// A sync that began after these steps has completed.
    fn write_to_disk(&mut self, steps: &[Step]) {
        steps[self.synced_steps..].iter().for_each(|step| step.apply(&mut self.synced));
        self.disk.resize(self.synced.len(), 0);
        for step in &steps[self.written_steps..] {
            if let Step::Write { at, .. } = step {
                let sector = at / SECTOR * SECTOR..self.synced.len().min(at / SECTOR * SECTOR + SECTOR);
                self.disk[sector.clone()].copy_from_slice(&self.synced[sector]);
            }
        }
        (self.synced_steps, self.written_steps) = (steps.len(), steps.len());
    }

    fn versions(&self, steps: &[Step]) -> Versions {
        Versions::of(&self.disk, &self.synced, &steps[self.synced_steps..])
    }

    /// What may be on the disk after a loss: one image of many.
    fn some_loss(&mut self) -> Vec<u8> {
        let versions = self.versions(&self.journal.store().steps);
        versions.image(|_, count| match self.random.below(3) {
            0 => 0,
            1 => count - 1,
            _ => self.random.below(count),
        })
    }

    fn lose_in_every_way(&mut self, name: &str) -> usize {
        let versions = self.versions(&self.journal.store().steps);
        let count = versions.count();
        assert!(count < 60_000, "{name} has {count} images");
        for number in 0..count {
            let mut rest = number;
            let image = versions.image(|_, count| {
                let version = rest % count;
                rest /= count;
                version
            });
            let first = first_of(&image);
            let (mut journal, _) = open(image, self.boot + 1, self.config)
                .unwrap_or_else(|error| panic!("{name}, image {number}: {error}"));
            self.check(&mut journal, first, name);
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
        let order = if self.boot.is_multiple_of(2) { Order::Ascending } else { Order::Descending };
        let opened = Journal::open(Recorder::new(image.clone(), order), in_boot(self.boot), self.config);
        let opening = opened.unwrap_or_else(|error| panic!("boot {}: {error}", self.boot - BOOT));
        assert!(opening.needs_sync());
        if self.random.below(3) == 0 {
            let versions = Versions::of(&image, &image, &opening.store().steps);
            let image = versions.image(|_, count| self.random.below(count));
            return self.restart(image);
        }
        (self.synced_steps, self.written_steps) = (0, 0);
        self.write_to_disk_after(&image, &opening.store().steps);
        let (mut journal, _) = opening.finish();
        self.check(&mut journal, first_of(&image), "a random run");
        self.lost += self.bodies.len() - journal.next() as usize;
        self.bodies.truncate(journal.next() as usize);
        (self.journal, self.sync) = (journal, None);
        self.life += 1;
    }

    fn write_to_disk_after(&mut self, image: &[u8], steps: &[Step]) {
        self.synced = image.to_vec();
        self.disk = image.to_vec();
        self.write_to_disk(steps);
    }

    /// `found` was opened after a loss of what this machine has, with a slot of the index that begins at message `first`.
    fn check<S: Store>(&self, found: &mut Journal<S>, first: u64, name: &str) {
        let (here, found) = (&self.journal, Contents::of(found));
        let counts = (found.first, found.next(), found.received);
        assert!(found.first >= first, "{name}: {counts:?}, acknowledged {first}");
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

/// The message from which on the newest slot has records.
fn first_of(image: &[u8]) -> u64 {
    let slots = inspect(image).slots.map(|slot| slot.expect("intact"));
    slots.into_iter().flatten().map(|slot| slot.first).max().expect("there is a slot")
}

/// All that may be on the disk: the versions of each sector, and the lengths of the file.
struct Versions {
    disk: Vec<u8>,
    lens: Vec<usize>,
    sectors: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl Versions {
    fn of(disk: &[u8], synced: &[u8], steps: &[Step]) -> Self {
        let mut now = synced.to_vec();
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
