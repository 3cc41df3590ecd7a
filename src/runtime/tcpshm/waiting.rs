//! What tasks wait for at either end of a named connection.

use std::{future::poll_fn, task::Poll, time::Duration};

use futures_lite::future::or;
use shardcast_proto::{
    Shared,
    tcpshm::{Peer, journal::AppendError},
};

use super::{Incoming, files::FileStore};
use crate::task;

/// Waits until a message of `len` bytes can be kept. Calls `changed` if a sync may make room.
///
/// # Errors
/// It never can.
pub(super) async fn ready(
    peer: &impl Shared<Peer<FileStore>>,
    len: usize,
    changed: impl Fn(),
) -> Result<(), AppendError> {
    loop {
        let reserved = peer.with(|peer| peer.journal_mut().reserve(len));
        match reserved {
            // Nothing tells when there is room on the disk again.
            Err(AppendError::Grow(_)) => or(consumed(peer), task::sleep(DISK_PAUSE)).await,
            Err(AppendError::Full) => {
                changed();
                consumed(peer).await;
            }
            reserved => return reserved,
        }
    }
}

/// Waits until something was consumed at the other end, a sync has completed, or the journal was replaced; perhaps for less.
pub(super) async fn consumed(peer: &impl Shared<Peer<FileStore>>) {
    let mut waits = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waits, true) {
            return Poll::Ready(());
        }
        peer.with(|peer| peer.wake_writer(cx.waker()));
        Poll::Pending
    })
    .await;
}

/// The next message that was not consumed.
pub(super) async fn front(peer: &impl Shared<Peer<FileStore>>) -> Incoming {
    poll_fn(|cx| {
        peer.with(|peer| {
            peer.pull();
            match peer.front() {
                Some((sequence, message_type, body)) => {
                    Poll::Ready(Incoming { sequence, message_type, body: body.into() })
                }
                None => {
                    peer.wake_reader(cx.waker());
                    Poll::Pending
                }
            }
        })
    })
    .await
}

/// How often it is tried whether there is room on the disk.
const DISK_PAUSE: Duration = Duration::from_millis(100);
