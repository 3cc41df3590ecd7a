use std::{
    future::Future,
    pin::Pin,
    sync::Weak,
    task::{Context, Poll, Waker},
};

use shardcast_proto::rpc::CallError;

use super::{CallResult, Inner};

/// The response to a call, to be awaited.
///
/// # Cancel safety
/// Dropping it discards the response, not the request: the request is sent if there is a connection before its
/// deadline, unless [`CallOptions::withdraw`](super::CallOptions::withdraw) is set. The future does not keep the client
/// alive.
#[must_use]
#[derive(Debug)]
pub struct CallFuture {
    answered: flume::r#async::RecvFut<'static, CallResult>,
    /// The client and its number for the call, until the call has ended.
    call: Option<(Weak<Inner>, u64)>,
}

impl CallFuture {
    pub(super) fn new(answered: flume::Receiver<CallResult>, client: Weak<Inner>, token: u64) -> Self {
        Self { answered: answered.into_recv_async(), call: Some((client, token)) }
    }
}

impl Future for CallFuture {
    type Output = CallResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let answered = Pin::new(&mut self.answered).poll(cx);
        if answered.is_ready() {
            self.call = None;
        }
        answered.map(|result| result.unwrap_or(Err(CallError::Closed)))
    }
}

impl Drop for CallFuture {
    fn drop(&mut self) {
        let Some((client, token)) = self.call.take() else { return };
        let has_ended = Pin::new(&mut self.answered).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if !has_ended && let Some(client) = client.upgrade() {
            client.forget(token);
        }
    }
}
