//! Journals are created, and opened after their process or their machine has ended.

use super::{
    Beginning, Durability, Identity, Journal, JournalConfig,
    error::{CreateError, Defect, JournalError},
    grow::BLOCK_BYTES,
    head::{self, Head, NAME_LEN_MAX},
    index::{CHECKPOINT_FIRST, Index, SEQUENCE_MAX, SLOT_COUNT, Slot},
    record::{self, Checksums},
    ring::{CAPACITY_MAX, CAPACITY_MIN, POSITION_FIRST, Point, RING_AT, Ring, WORD_BYTES},
    store::{Source, Store},
    sync::SyncToken,
};

/// A journal that was created or opened, and may have to be synced before it is used.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Beginning, Durability, Identity, Journal, JournalConfig, Opening};
///
/// let identity = Identity { local: b"server", remote: b"client", boot: 1 };
/// let config = JournalConfig::default();
/// let created = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid names");
/// let (mut journal, _) = created.finish();
/// journal.append(1, b"hello").expect("there is room");
///
/// // After a restart of the program:
/// let file = journal.store().clone();
/// let opening: Opening<_> = Journal::open(file, identity, config).expect("it is intact");
/// assert!(!opening.needs_sync());
/// let (journal, report) = opening.finish();
/// assert_eq!((journal.messages_held(), report.dropped), (1, None));
///
/// // After a restart of the machine:
/// let after = Identity { boot: 2, ..identity };
/// let opening = Journal::open(journal.store().clone(), after, config).expect("it is intact");
/// assert!(opening.needs_sync());
/// // Here the program calls `fdatasync`.
/// let (journal, report) = opening.finish();
/// assert_eq!((journal.messages_held(), report.is_new_boot), (1, true));
/// ```
#[derive(Debug)]
#[must_use = "a journal is used when it is finished"]
pub struct Opening<S> {
    journal: Journal<S>,
    report: Opened,
    /// If it needs a sync.
    token: Option<SyncToken>,
}

/// What was found when a journal was opened.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::Opened;
///
/// assert_eq!(Opened::default(), Opened { is_new_boot: false, dropped: None });
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opened {
    /// The machine was started since the journal was written.
    pub is_new_boot: bool,
    /// Messages that were lost when the machine stopped. With [`Durability::Synced`], none of them was sent.
    pub dropped: Option<Dropped>,
}

/// The end of the records was torn, or messages are missing after it.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::Dropped;
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut journal, _) = opening.finish();
/// journal.append(1, b"hello").expect("there is room");
/// let mut image = journal.store().clone();
/// image[4096 + 8] = b'H';
/// let opening = Journal::open(image, Identity { boot: 2, ..identity }, config).expect("nothing was synced");
/// let dropped = Dropped { at: 4096, sequence: 0, messages_min: 0 };
/// assert_eq!(opening.report().dropped, Some(dropped));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dropped {
    /// Where the records end now, as an offset in the file.
    pub at: u64,
    /// The first message that was dropped.
    pub sequence: u64,
    /// How many were dropped at least: those that the index counts. It is not written for each message.
    pub messages_min: u64,
}

impl<S: Store> Journal<S> {
    /// Writes an empty journal into a store, whose length is that of the file. Usually that is
    /// [`LEN_FIRST`](super::LEN_FIRST).
    ///
    /// To replace another journal, create it under another name, sync it if it must survive a power loss, and rename it.
    ///
    /// # Errors
    /// The length, a name or a number is not possible.
    pub fn create(
        mut store: S,
        identity: Identity<'_>,
        beginning: Beginning,
        config: JournalConfig,
    ) -> Result<Opening<S>, CreateError> {
        let capacity = check(store.len_bytes(), &identity, &beginning)?;
        head::write(&mut store, &identity, &beginning);
        (0..SLOT_COUNT).for_each(|number| store.publish(Slot::at(number), 0));
        store.publish(RING_AT, 0);
        let begin = Point { pos: POSITION_FIRST, sequence: beginning.first };
        let state = State {
            ring: Ring::new(capacity, 0),
            head: begin,
            tail: begin,
            received: beginning.received,
            index: Index::new(head::seed(beginning.salt)),
            is_uncertain: false,
        };
        let mut journal = Self::with(store, identity.boot, config, state);
        journal.write_live();
        journal.is_ready = config.durability == Durability::Process;
        let token = journal.begin_sync();
        Ok(Opening { journal, report: Opened::default(), token })
    }

    /// Opens the journal in a store. All messages in it are unsent.
    ///
    /// # Errors
    /// The file is damaged, or is not this journal. It is as it was.
    pub fn open(
        mut store: S,
        identity: Identity<'_>,
        config: JournalConfig,
    ) -> Result<Opening<S>, JournalError> {
        let head = Head::load(&store)?;
        head.check(&identity)?;
        let seed = head.seed();
        let mut slots = [None; SLOT_COUNT as usize];
        for (number, slot) in (0..).zip(&mut slots) {
            *slot = Slot::load(&store, number, seed)?;
        }
        let newest = newest(slots)?;
        let is_new_boot = newest.boot != identity.boot;
        let found = match is_new_boot {
            true => recover(&store, slots, newest, seed)?,
            false => Found::intact(&store, newest, seed)?,
        };
        let is_new_mode = newest.durability != config.durability;
        let index = match is_new_boot {
            true => found.index(newest, seed),
            false => following(slots, newest, config.durability, seed),
        };
        let mut ring = Ring::new(found.slot.capacity, found.slot.head_at);
        if is_new_boot {
            clear_free(&mut store, &ring, found.tail);
        }
        ring.release(found.head.pos);
        // What was read in a new boot is on the disk.
        let (is_uncertain, received) = (!is_new_boot, newest.received);
        let state = State { ring, head: found.head, tail: found.tail, received, index, is_uncertain };
        let mut journal = Self::with(store, identity.boot, config, state);
        if is_new_boot || is_new_mode {
            journal.write_live();
        }
        journal.is_ready = config.durability == Durability::Process && !is_new_boot && !is_new_mode;
        let token = journal.begin_sync();
        let report = Opened { is_new_boot, dropped: found.dropped };
        Ok(Opening { journal, report, token })
    }

    fn with(store: S, boot: u64, config: JournalConfig, state: State) -> Self {
        let State { ring, head, tail, received, index, is_uncertain } = state;
        let mut journal = Self {
            store,
            ring,
            head,
            cursor: head,
            durable: head,
            tail,
            sent: tail.sequence,
            received,
            durable_received: received,
            seed: index.seed,
            index,
            boot,
            config,
            checksums: Checksums::new(),
            is_ready: true,
            pending: None,
            is_short: false,
            is_uncertain,
        };
        journal.fix_index();
        journal
    }
}

/// With what a journal begins in this process.
struct State {
    ring: Ring,
    head: Point,
    tail: Point,
    received: u64,
    index: Index,
    is_uncertain: bool,
}

/// The capacity of a journal that can be created.
fn check(len: u64, identity: &Identity<'_>, beginning: &Beginning) -> Result<u64, CreateError> {
    let capacity = len.checked_sub(RING_AT).filter(|it| it % WORD_BYTES == 0);
    let capacity = capacity.filter(|it| (CAPACITY_MIN..=CAPACITY_MAX).contains(it));
    let capacity = capacity.ok_or(CreateError::Length { len })?;
    if identity.local.len().max(identity.remote.len()) > NAME_LEN_MAX {
        return Err(CreateError::Name);
    }
    if beginning.first.max(beginning.received) > SEQUENCE_MAX {
        return Err(CreateError::Sequence);
    }
    Ok(capacity)
}

impl<S: Store> Opening<S> {
    /// Whether the program must sync the data of the file (`fdatasync`) before [`finish`](Self::finish): always with
    /// [`Durability::Synced`], otherwise only in a new boot, or if the durability is another one than before.
    pub const fn needs_sync(&self) -> bool {
        self.token.is_some()
    }

    /// What was found.
    pub const fn report(&self) -> &Opened {
        &self.report
    }

    /// The store, to sync it.
    pub const fn store(&self) -> &S {
        self.journal.store()
    }

    /// The journal before its first sync, if it [needs one](Self::needs_sync): it is [ready](Journal::is_ready) when a sync that
    /// [begins](Journal::begin_sync) later has completed.
    pub fn unsynced(mut self) -> (Journal<S>, Opened) {
        if let Some(token) = self.token.take() {
            self.journal.forget_sync(token);
        }
        (self.journal, self.report)
    }

    /// The journal. If it [needs a sync](Self::needs_sync), that has completed.
    pub fn finish(mut self) -> (Journal<S>, Opened) {
        if let Some(token) = self.token.take() {
            self.journal.end_sync(token);
        }
        (self.journal, self.report)
    }
}

/// The records that were found from a slot on.
pub(super) struct Found {
    pub(super) slot: Slot,
    /// The first message that is not acknowledged.
    pub(super) head: Point,
    pub(super) tail: Point,
    /// Why the records end, unless with a zero word.
    pub(super) error: Option<JournalError>,
    pub(super) dropped: Option<Dropped>,
}

impl Found {
    /// Reads the records of a slot, up to the message `until` at most.
    pub(super) fn scan<S: Source + ?Sized>(
        store: &S,
        slot: Slot,
        seed: u32,
        until: u64,
    ) -> Result<Self, JournalError> {
        let need = RING_AT + slot.capacity;
        if need > store.len_bytes() {
            return Err(JournalError::new(Defect::Truncated { need }, store.len_bytes()));
        }
        let ring = Ring::new(slot.capacity, slot.head_at);
        let head = Point { pos: POSITION_FIRST, sequence: slot.first };
        let (mut tail, mut error, mut body) = (head, None, Vec::new());
        while tail.sequence < until {
            match record::read(store, &ring, tail, seed, &mut body) {
                Ok(Some(record)) => {
                    tail = Point { pos: tail.pos + record.len(), sequence: tail.sequence + 1 };
                }
                Ok(None) => break,
                Err(it) => {
                    error = Some(it);
                    break;
                }
            }
        }
        Ok(Self { slot, head, tail, error, dropped: None })
    }

    /// The records of the newest slot, in the boot in which it was written.
    fn intact<S: Source + ?Sized>(store: &S, newest: Slot, seed: u32) -> Result<Self, JournalError> {
        let found = Self::scan(store, newest, seed, u64::MAX)?;
        match found.end_error(newest.next()) {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    /// What is wrong with the end, if the messages before `expected` should be there.
    pub(super) fn end_error(&self, expected: u64) -> Option<JournalError> {
        let sequence = self.tail.sequence;
        let missing = || JournalError::new(Defect::Missing { sequence }, self.end());
        self.error.or_else(|| (sequence < expected).then(missing))
    }

    /// Where the records end in the file.
    fn end(&self) -> u64 {
        Ring::new(self.slot.capacity, self.slot.head_at).at(self.tail.pos)
    }

    /// Writes no slot that a power loss may need before the next sync.
    fn index(&self, newest: Slot, seed: u32) -> Index {
        let mut index = Index::new(seed);
        index.generation = newest.generation;
        index.live = u8::from(self.slot.number == 0);
        index.checkpoint = u8::from(self.slot.number == CHECKPOINT_FIRST);
        index
    }
}

/// The newest of the slots.
pub(super) fn newest(slots: impl IntoIterator<Item = Option<Slot>>) -> Result<Slot, JournalError> {
    let newest = slots.into_iter().flatten().max_by_key(|slot| slot.generation);
    newest.ok_or_else(|| JournalError::new(Defect::NoIndex, Slot::at(0)))
}

/// The index of a journal whose process has ended.
fn following(
    slots: [Option<Slot>; SLOT_COUNT as usize],
    newest: Slot,
    durability: Durability,
    seed: u32,
) -> Index {
    let mut index = Index::new(seed);
    index.generation = newest.generation;
    let generation = |number: usize| slots[number].map_or(0, |slot| slot.generation);
    index.live = u8::from(generation(0) > generation(1));
    if durability == Durability::Synced {
        index.synced = newest.synced;
        index.checkpoint = newest.synced.map_or(0, |number| number ^ 1);
    }
    index
}

/// The records after the machine has stopped: all that were synced must be there.
fn recover<S: Source + ?Sized>(
    store: &S,
    slots: [Option<Slot>; SLOT_COUNT as usize],
    newest: Slot,
    seed: u32,
) -> Result<Found, JournalError> {
    let found = best(store, slots, newest, seed)?;
    let is_damaged = newest.durability == Durability::Synced && found.tail.sequence < newest.durable_next();
    match found.end_error(newest.durable_next()) {
        Some(error) if is_damaged => Err(error),
        _ => Ok(found),
    }
}

/// The records of the slot from which the most messages are read, without those that were acknowledged.
pub(super) fn best<S: Source + ?Sized>(
    store: &S,
    slots: [Option<Slot>; SLOT_COUNT as usize],
    newest: Slot,
    seed: u32,
) -> Result<Found, JournalError> {
    let slots = slots.into_iter().flatten();
    let known = slots.clone().map(|slot| slot.next()).max().unwrap_or(0);
    let found = slots.filter_map(|slot| Found::scan(store, slot, seed, u64::MAX).ok());
    let found = found.max_by_key(|found| (found.tail.sequence, found.slot.generation));
    // Only of a journal that is not synced, acknowledged messages may be missing.
    let Some(mut found) = found else { return Found::scan(store, newest, seed, u64::MAX) };
    let dropped = Dropped {
        at: found.end(),
        sequence: found.tail.sequence.max(newest.first),
        messages_min: known.saturating_sub(found.tail.sequence.max(newest.first)),
    };
    found.dropped = (found.error.is_some() || dropped.messages_min > 0).then_some(dropped);
    if found.tail.sequence < newest.first {
        found.head = Point { pos: POSITION_FIRST, sequence: newest.first };
        found.tail = found.head;
    } else {
        found.head = Found::scan(store, found.slot, seed, newest.first)?.tail;
    }
    Ok(found)
}

/// Fills what is not used with zeros: records that were dropped must not become valid again.
fn clear_free<S: Store>(store: &mut S, ring: &Ring, tail: Point) {
    let (begin, free) = (ring.offset(tail.pos), ring.room(tail.pos) + WORD_BYTES);
    let first = free.min(ring.capacity - begin);
    clear(store, RING_AT + begin, first);
    clear(store, RING_AT, free - first);
    let end = RING_AT + ring.capacity;
    clear(store, end, store.len_bytes() - end);
}

/// Fills a part of the store with zeros. What is zero is not written, so that it stays unwritten on the disk.
fn clear<S: Store>(store: &mut S, at: u64, len: u64) {
    let (mut block, mut done) = (Vec::new(), 0);
    while done < len {
        let here = (len - done).min(BLOCK_BYTES);
        let zeros = &[0; BLOCK_BYTES as usize][..here as usize];
        block.clear();
        store.read_to(at + done, zeros.len(), &mut block);
        if block != zeros {
            store.write(at + done, zeros);
        }
        done += here;
    }
}
