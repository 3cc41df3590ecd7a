//! What is sent to a peer, by its application and for its topics.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use shardcast_proto::{
    ConnId,
    tcpshm::{self, journal::AppendError},
};

use super::{files::FileStore, syncs::Syncs, waiting};
use crate::{conns::Conns, reactor::current};

pub(super) type Entry = tcpshm::Entry<FileStore>;

/// The journal of a peer, and the connection that takes from it.
pub(super) struct Output {
    entry: Rc<Entry>,
    syncs: Rc<Syncs>,
    /// The connection will be asked for what has changed.
    is_scheduled: Cell<bool>,
}

impl Output {
    pub(super) fn new(entry: Rc<Entry>, syncs: Rc<Syncs>) -> Rc<Self> {
        Rc::new(Self { entry, syncs, is_scheduled: Cell::default() })
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn core(&self) -> &RefCell<tcpshm::Peer<FileStore>> {
        self.entry.peer()
    }

    /// The connection is asked for what has changed, later in this turn.
    #[inline]
    pub(super) fn changed(self: &Rc<Self>) {
        match self.entry.connection() {
            Some(id) => {
                if !self.is_scheduled.replace(true) {
                    self.schedule(id);
                }
            }
            // Connections begin syncs by themselves.
            None => self.syncs.want(&self.entry),
        }
    }

    #[cold]
    fn schedule(self: &Rc<Self>, id: ConnId) {
        let this = Rc::clone(self);
        // Without a shard, the connection is gone.
        current::with(|reactor| {
            reactor.defer(move || {
                this.is_scheduled.set(false);
                current::with_part(|conns: &Rc<Conns>| conns.session_changed(id));
            });
        });
    }

    /// Waits until a message of `len` bytes can be sent.
    ///
    /// # Errors
    /// It never can.
    pub(super) async fn ready(self: &Rc<Self>, len: usize) -> Result<(), AppendError> {
        waiting::ready(self.entry.peer(), len, || self.changed()).await
    }

    /// Waits until the peer has consumed something, a sync has completed, or the journal was replaced; perhaps for less.
    pub(super) async fn consumed(&self) {
        waiting::consumed(self.entry.peer()).await;
    }
}
