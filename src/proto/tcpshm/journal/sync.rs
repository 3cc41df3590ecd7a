//! Syncs, for [`Durability::Synced`].

use super::{
    Durability, Journal,
    grow::BLOCK_BYTES,
    head::HEAD_BYTES,
    ring::{Point, WORD_BYTES},
    store::Store,
};

/// A sync in progress.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Durability, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::SyncToken;
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// let config = JournalConfig::default().with(|it| it.durability = Durability::Synced);
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut journal, _) = opening.finish();
/// journal.append(1, b"hello").expect("there is room");
/// assert_eq!((journal.needs_sync(), journal.unsent_messages()), (true, 0));
/// let token: SyncToken = journal.begin_sync().expect("none is in progress");
/// // Here the program calls `fdatasync`, while more messages may be appended.
/// journal.end_sync(token);
/// assert_eq!((journal.durable_next(), journal.unsent_messages()), (1, 1));
/// ```
#[derive(Debug)]
#[must_use = "a sync must be ended, or no other begins"]
pub struct SyncToken {
    /// That of the checkpoint.
    generation: u64,
}

/// What a sync makes durable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    generation: u64,
    tail: Point,
    received: u64,
    /// The bytes before it may be overwritten when the sync has completed.
    pub(super) keep: u64,
}

impl<S: Store> Journal<S> {
    /// Whether the peer may learn what the journal counts. A journal that was opened [unsynced](super::Opening::unsynced) may
    /// only be appended to before its first sync has completed.
    pub const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Whether a sync would change what may be sent, acknowledged or overwritten, or make the journal
    /// [ready](Self::is_ready). Otherwise false if the journal is not synced.
    #[inline]
    pub fn needs_sync(&self) -> bool {
        !self.is_ready || self.config.durability == Durability::Synced && self.has_unsynced()
    }

    fn has_unsynced(&self) -> bool {
        let is_short = self.is_short && self.ring.start() != self.head.pos;
        self.durable != self.tail || self.durable_received != self.received || is_short
    }

    /// Begins a sync. `None` if one is in progress, or the journal is not synced and is [ready](Self::is_ready).
    ///
    /// After this call, the program syncs the data of the file (`fdatasync`), and then calls [`end_sync`](Self::end_sync)
    /// or [`fail_sync`](Self::fail_sync). Changes made meanwhile wait for the next sync.
    pub fn begin_sync(&mut self) -> Option<SyncToken> {
        let is_synced = self.config.durability == Durability::Synced;
        if self.pending.is_some() || self.is_ready && !is_synced {
            return None;
        }
        if self.is_uncertain {
            self.rewrite();
        }
        if is_synced {
            let counts = self.counts();
            self.index.write_checkpoint(&mut self.store, counts);
        }
        let generation = self.index.generation;
        let (tail, received, keep) = (self.tail, self.received, self.head.pos);
        self.pending = Some(Pending { generation, tail, received, keep });
        Some(SyncToken { generation })
    }

    /// The sync has completed: what was in the journal when it began survives a power loss.
    ///
    /// # Panics
    /// The token is that of another journal.
    pub fn end_sync(&mut self, token: SyncToken) {
        let pending = self.take_pending(token);
        self.is_ready = true;
        if self.config.durability == Durability::Process {
            return;
        }
        self.durable = pending.tail;
        self.durable_received = pending.received;
        self.ring.release(pending.keep);
        self.is_uncertain = false;
        self.is_short = false;
        self.index.confirm_checkpoint();
        self.fix_index();
        self.write_live();
    }

    /// The sync has failed: nothing changed. The next one writes everything again, because the system may take for
    /// written what it could not write.
    ///
    /// # Panics
    /// The token is that of another journal.
    pub fn fail_sync(&mut self, token: SyncToken) {
        self.take_pending(token);
        self.is_uncertain = true;
    }

    /// The messages before it survive a power loss; if the journal is not synced, all that are there.
    pub const fn durable_next(&self) -> u64 {
        self.limit().sequence
    }

    /// How many received messages survive a power loss, so that they may be acknowledged; if the journal is not synced,
    /// all of them.
    pub const fn durable_received(&self) -> u64 {
        match self.config.durability {
            Durability::Process => self.received,
            Durability::Synced => self.durable_received,
        }
    }

    /// Nothing is synced, and nothing has failed: what was written again need not be written once more.
    pub(super) fn forget_sync(&mut self, token: SyncToken) {
        self.take_pending(token);
        self.is_uncertain = false;
    }

    fn take_pending(&mut self, token: SyncToken) -> Pending {
        let pending = self.pending.take().filter(|pending| pending.generation == token.generation);
        pending.expect("the token is that of the sync in progress")
    }

    /// Writes what is needed after a power loss again, so that the system writes it to the disk.
    fn rewrite(&mut self) {
        let mut block = Vec::new();
        self.store.read_to(0, HEAD_BYTES, &mut block);
        self.store.write(0, &block);
        let (mut pos, end) = (self.ring.start(), self.tail.pos + WORD_BYTES);
        while pos < end {
            let len = (end - pos).min(BLOCK_BYTES);
            block.clear();
            self.ring.read_to(&self.store, pos, len as usize, &mut block);
            self.ring.write(&mut self.store, pos, &block);
            pos += len;
        }
    }
}
