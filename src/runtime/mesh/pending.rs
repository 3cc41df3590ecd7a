use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::port;

/// The pending outcome of a request to a shard. Await it in a task, or wait for it on an ordinary thread. If it is
/// dropped, the request is performed nevertheless; its outcome is dropped then, which ends what it represents, such as
/// a subscription.
///
/// # Examples
/// ```
/// use shardcast::{Server, push::Pending};
///
/// let server = Server::builder().shards(1).start()?;
/// let answer: Pending<u32> = server.handle().call_on(0, || 6 * 7)?;
/// assert_eq!(answer.wait()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it drops the outcome"]
#[derive(Debug)]
pub struct Pending<T: 'static>(flume::r#async::RecvFut<'static, T>);

/// The server has ended before the outcome was known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the server has ended")]
pub struct ServerEnded;

impl<T> Pending<T> {
    /// The sender of the outcome, and its receiver.
    pub(crate) fn new() -> (flume::Sender<T>, Self) {
        let (answer, answered) = flume::bounded(1);
        (answer, Self(answered.into_recv_async()))
    }

    /// A pending outcome that is known already.
    pub(crate) fn known(outcome: T) -> Self {
        let (answer, reply) = Self::new();
        // There is room for one, and this end is held below.
        let _ = answer.send(outcome);
        reply
    }

    /// Waits for the outcome.
    ///
    /// # Errors
    /// The server has ended.
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Await it there.
    pub fn wait(self) -> Result<T, ServerEnded> {
        assert!(!port::is_shard(), "a shard must not wait: await it");
        futures_lite::future::block_on(self)
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, ServerEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| ServerEnded)
    }
}
