use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{
    Reply, RpcError,
    attempts::{Attempts, ResponseResult},
    call::Reader,
};
use crate::client;

/// The result of a call, to be awaited on any executor. The call has begun.
///
/// # Cancel safety
/// Dropping it ends the call: no entry remains in the client. The request is sent nevertheless if there is a connection
/// before its deadline.
#[must_use]
pub struct CallFuture<T>(ReplyFuture<T>);

/// As [`CallFuture`], with the context of the response.
#[must_use]
pub struct ReplyFuture<T>(State<T>);

enum State<T> {
    Waiting { call: client::CallFuture, attempts: Box<Attempts>, reader: Reader<T> },
    Failed(RpcError),
    Ended,
}

impl<T> CallFuture<T> {
    pub(super) const fn new(reply: ReplyFuture<T>) -> Self {
        Self(reply)
    }
}

impl<T> ReplyFuture<T> {
    /// Begins the call.
    pub(super) fn new(prepared: Result<(Attempts, Reader<T>), RpcError>) -> Self {
        Self(match prepared {
            Ok((mut attempts, reader)) => match attempts.start() {
                Ok(call) => State::Waiting { call, attempts: Box::new(attempts), reader },
                Err(error) => State::Failed(reader.fail(error)),
            },
            Err(error) => State::Failed(error),
        })
    }
}

impl<T> Future for CallFuture<T> {
    type Output = Result<T, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(|reply| reply.value)
    }
}

impl<T> Future for ReplyFuture<T> {
    type Output = Result<Reply<T>, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            State::Waiting { call, attempts, reader } => {
                let response = ready!(poll_attempts(call, attempts, cx));
                reader.end(response)
            }
            State::Failed(error) => Err(error.clone()),
            State::Ended => return Poll::Pending,
        };
        self.0 = State::Ended;
        Poll::Ready(result)
    }
}

fn poll_attempts(
    call: &mut client::CallFuture,
    attempts: &mut Attempts,
    cx: &mut Context<'_>,
) -> Poll<ResponseResult> {
    loop {
        let result = ready!(Pin::new(&mut *call).poll(cx));
        if let Some(response) = attempts.end(result) {
            return Poll::Ready(response);
        }
        match attempts.start() {
            Ok(next) => *call = next,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

impl<T> fmt::Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReplyFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyFuture").finish_non_exhaustive()
    }
}
