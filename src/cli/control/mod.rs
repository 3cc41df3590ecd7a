//! Orders to a running server, by signals and by operators, and their outcomes.

mod reload;

use std::{sync::Arc, time::Duration};

pub(crate) use reload::{Change, Outcome, Reloads};

/// An order to the running server.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// By this signal: to drain, and the second time to stop at once.
    Stop(&'static str),
    /// By an operator: to drain within this time.
    Drain(Duration),
    /// To reload the configuration, and to send the outcome to the requester.
    Reload(Option<flume::Sender<Outcome>>),
}

/// What the admin pages need in addition to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) orders: flume::Sender<Order>,
    pub(crate) reloads: Arc<Reloads>,
}
