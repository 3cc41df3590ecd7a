use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use super::{CallResult, Inner, awaited::Awaited};

/// The response to a call, to be awaited.
///
/// # Cancel safety
/// Dropping it discards the response, not the request: the request is sent if there is a connection before its
/// deadline, unless [`CallOptions::withdraw`](super::CallOptions::withdraw) is set. The future does not keep the client
/// alive.
#[must_use]
#[derive(Debug)]
pub struct CallFuture {
    awaited: Arc<Awaited>,
    client: Weak<Inner>,
    /// The client's number for the call.
    token: u64,
}

impl CallFuture {
    pub(super) const fn new(awaited: Arc<Awaited>, client: Weak<Inner>, token: u64) -> Self {
        Self { awaited, client, token }
    }
}

impl Future for CallFuture {
    type Output = CallResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        self.awaited.poll(cx)
    }
}

impl Drop for CallFuture {
    fn drop(&mut self) {
        if self.awaited.give_up()
            && let Some(client) = self.client.upgrade()
        {
            client.forget(self.token);
        }
    }
}
