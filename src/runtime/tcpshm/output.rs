//! What is sent to a peer, by its application and for its topics.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use futures_lite::future::or;
use shardcast_proto::{
    ConnId,
    tcpshm::{self, journal::AppendError},
};

use super::{files::FileStore, syncs::Syncs};
use crate::{conns::Conns, reactor::current, task};

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
        loop {
            let reserved = self.core().borrow_mut().journal_mut().reserve(len);
            match reserved {
                // Nothing tells when there is room on the disk again.
                Err(AppendError::Grow(_)) => or(self.consumed(), task::sleep(DISK_PAUSE)).await,
                Err(AppendError::Full) => {
                    self.changed();
                    self.consumed().await;
                }
                reserved => return reserved,
            }
        }
    }

    /// Waits until the peer has consumed something, a sync has completed, or the journal was replaced; perhaps for less.
    pub(super) async fn consumed(&self) {
        let mut waits = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            self.core().borrow_mut().wake_writer(cx.waker());
            Poll::Pending
        })
        .await;
    }
}

/// How often it is tried whether there is room on the disk.
const DISK_PAUSE: Duration = Duration::from_millis(100);
