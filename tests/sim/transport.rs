//! A simulated transport: bytes in both directions, each with an end.

use std::collections::VecDeque;

use crate::model::Model;

/// Lives as long as its connection.
#[derive(Debug, Default)]
pub(crate) struct Transport {
    /// What the client has sent and the server has not read, and whether its end follows.
    pub(crate) up: VecDeque<u8>,
    pub(crate) up_has_ended: bool,
    /// The server has read that end.
    pub(crate) end_was_read: bool,
    /// The send that is in progress.
    pub(crate) flight: Option<Vec<u8>>,
    /// What was sent and the client has not read, and whether the server's end follows.
    pub(crate) down: Vec<u8>,
    pub(crate) down_has_ended: bool,
    /// The client has read that end.
    pub(crate) end_has_arrived: bool,
    /// The client has disappeared.
    pub(crate) is_broken: bool,
}

impl Transport {
    /// Begins a send.
    pub(crate) fn send(&mut self, client: usize, bytes: Vec<u8>, model: &mut Model) {
        model.require(!self.down_has_ended, || format!("client {client} is sent something after the end"));
        model.require(self.flight.is_none(), || format!("client {client}: two sends at once"));
        self.flight = Some(bytes);
    }

    /// Bytes that the client has not taken; the end counts as one.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.down.len() + usize::from(self.down_has_ended && !self.end_has_arrived)
    }

    /// Whether nothing is in transit.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_read = self.up.is_empty() && self.up_has_ended == self.end_was_read;
        is_read && self.flight.is_none() && self.down.is_empty() && !self.is_broken
    }
}
