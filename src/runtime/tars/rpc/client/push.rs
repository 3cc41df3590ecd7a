use std::{fmt, sync::Arc};

use shardcast_proto::tars::{
    Endpoint,
    packet::{StringMapRef, Version},
    rpc::{ArgumentError, ArgumentReader, ResponseHead},
};

/// What gets the pushes of the servers of an object: see [`Proxy::on_push`](super::Proxy::on_push). Generated code makes
/// one of a receiver.
#[derive(Clone)]
pub struct PushHandler(Arc<Function>);

type Function = dyn Fn(&IncomingPush<'_>) -> Result<bool, ArgumentError> + Send + Sync;

impl PushHandler {
    /// `function` returns whether it knows the function of the push. What it does not know, and what it cannot decode,
    /// is logged and dropped; the connection stays.
    pub fn new(
        function: impl Fn(&IncomingPush<'_>) -> Result<bool, ArgumentError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(function))
    }

    pub(super) fn handle(&self, push: &IncomingPush<'_>) {
        match (self.0)(push) {
            Ok(true) => {}
            Ok(false) => tracing::debug!(function = push.function, "a push for an unknown function"),
            Err(error) => tracing::warn!(function = push.function, %error, "cannot decode a push"),
        }
    }
}

impl fmt::Debug for PushHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushHandler").finish_non_exhaustive()
    }
}

/// A message that a server sent without a request.
#[derive(Clone, Copy, Debug)]
pub struct IncomingPush<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) function: &'a str,
    pub(super) head: ResponseHead<'a>,
    pub(super) body: &'a [u8],
}

impl<'a> IncomingPush<'a> {
    /// The function that it is meant for; empty if it names none.
    pub const fn function(&self) -> &'a str {
        self.function
    }

    /// Its parameters, in version 1; others are not defined for pushes.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn arguments(&self) -> Result<ArgumentReader<'a>, ArgumentError> {
        ArgumentReader::new(Version::TARS, self.body)
    }

    /// The encoded parameters. A push of a server in Go may have any bytes here.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The headers of the application that the server has set; most servers set none.
    pub const fn context(&self) -> StringMapRef<'a> {
        self.head.context
    }

    /// The headers of the framework, without the name of the function.
    pub const fn status(&self) -> StringMapRef<'a> {
        self.head.status
    }

    /// The server that sent it.
    pub const fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }
}
