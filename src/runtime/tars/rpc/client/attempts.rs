//! One call on its way: it may be tried at several endpoints, as long as its request was not sent.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{Route, Time, rpc::CallError};

use super::{
    RpcError,
    balance::Choice,
    object::Object,
    peer::{Peer, now},
};
use crate::client::{CallFuture, CallOptions, CallResult, Client, OwnedResponse};

#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) object: Arc<Object>,
    pub(super) function: Cow<'static, str>,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    pub(super) choice: Choice,
    pub(super) timeout: Duration,
    pub(super) deadline: Time,
    /// The peer that has the call now.
    pub(super) peer: Option<Arc<Peer>>,
    /// Peers that could not be connected to.
    pub(super) tried: Vec<Arc<Peer>>,
}

/// The response of the server, or why there is none.
pub(super) type ResponseResult = Result<OwnedResponse, RpcError>;

impl Attempts {
    /// Calls, and waits for the end.
    pub(super) fn wait(&mut self) -> ResponseResult {
        loop {
            let (client, options) = self.begin(false)?;
            let result = client.call_blocking_with(self.route(), self.body.clone(), options);
            if let Some(response) = self.end(result) {
                return response;
            }
        }
    }

    /// Calls. The future is that of the first peer.
    pub(super) fn start(&mut self) -> Result<CallFuture, RpcError> {
        let (client, options) = self.begin(false)?;
        Ok(client.call_with(self.route(), self.body.clone(), options))
    }

    /// Calls; `done` gets the end.
    pub(super) fn then(mut self, done: impl FnOnce(ResponseResult) + Send + 'static) {
        let (client, options) = match self.begin(false) {
            Ok(begun) => begun,
            Err(error) => return done(Err(error)),
        };
        let (body, object, function) = (self.body.clone(), Arc::clone(&self.object), self.function.clone());
        let route = Route::Named(&object.shared.servant, &function);
        client.call_then(route, body, options, move |result| match self.end(result) {
            Some(response) => done(response),
            None => self.then(done),
        });
    }

    /// Sends a request without a response, and does not wait until it is sent.
    pub(super) fn send(mut self) -> Result<(), RpcError> {
        let (client, options) = self.begin(true)?;
        if client.is_unreachable() {
            self.object.shared.counts.fail(&RpcError::Unreachable);
            return Err(RpcError::Unreachable);
        }
        client.call_quickly(self.route(), self.body.clone(), options, |_| {});
        Ok(())
    }

    /// Chooses the peer.
    fn begin(&mut self, one_way: bool) -> Result<(Client, CallOptions), RpcError> {
        let chosen = self.object.choose(self.choice, &self.tried);
        let (peer, client) = chosen.inspect_err(|error| self.object.shared.counts.fail(error))?;
        self.peer = Some(peer);
        let timeout = match self.tried[..] {
            [] => self.timeout,
            _ => self.deadline.max(now()) - now(),
        };
        let head = self.head.clone();
        let options = CallOptions { head, timeout: Some(timeout), one_way, ..CallOptions::default() };
        Ok((client, options))
    }

    /// What the end at the current peer means; `None` if another peer is to be tried.
    pub(super) fn end(&mut self, result: CallResult) -> Option<ResponseResult> {
        if let Some(peer) = self.peer.take() {
            peer.end(&result);
            if result == Err(CallError::ConnectFailed) && now() < self.deadline {
                self.tried.push(peer);
                return None;
            }
        }
        let counts = &self.object.shared.counts;
        if result.as_ref().is_ok_and(|response| response.result.is_err()) {
            counts.refuse();
        }
        Some(result.map_err(RpcError::from).inspect_err(|error| counts.fail(error)))
    }

    fn route(&self) -> Route<'_> {
        Route::Named(&self.object.shared.servant, &self.function)
    }
}
