//! `shardcast sub`, `shardcast pub` and `shardcast history`: topics of a running server, from a terminal or a script.
//!
//! What it deliberately is not: another client. The clients are in the library; entries of the registry connect
//! them.

mod history;
mod output;
mod publish;
mod subscribe;

use std::time::Duration;

use clap::{Args, Command};
use shardcast::proto::{Position, topics::TopicEvent};

use crate::protocols::{self, ClientOptions, Registry, TopicClient, TopicPublisher, Topics};

pub(crate) use history::{HistoryArgs, run as history};
pub(crate) use publish::{PubArgs, run as publish};
pub(crate) use subscribe::{SubArgs, run as subscribe};

/// How a server is reached.
#[derive(Args, Debug)]
pub(crate) struct Connect {
    /// Address of the server, or its name and port
    #[arg(long, value_name = "ADDR")]
    connect: Option<String>,
    /// Protocol to use
    #[arg(long, value_name = "PROTOCOL", required = false)]
    via: String,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// Adds the protocols of the registry to `sub` or `pub`.
pub(crate) fn with_protocols(command: Command, registry: &Registry) -> Command {
    protocols::add_addresses(protocols::add_values(command, registry.topics()), registry.topics())
}

/// Adds the protocols of the registry that have histories to `history`.
pub(crate) fn with_histories(command: Command, registry: &Registry) -> Command {
    let histories = || registry.topics().filter(|via| via.part.history);
    protocols::add_addresses(protocols::add_values(command, histories()), histories())
}

/// The server of a command.
struct Server<'a> {
    topics: &'a Topics,
    address: String,
}

impl Connect {
    /// The server of the flags, by default the default listener of the protocol on this host.
    fn server<'a>(&self, registry: &'a Registry) -> anyhow::Result<Server<'a>> {
        let via = protocols::find(registry.topics(), &self.via)?;
        let address = match &self.connect {
            Some(address) => address.clone(),
            None => via.default_address()?.to_string(),
        };
        Ok(Server { topics: via.part, address })
    }

    /// Connects for publications and other requests, or fails at once.
    fn publisher(&self, registry: &Registry) -> anyhow::Result<Box<dyn TopicPublisher>> {
        let server = self.server(registry)?;
        let mut client = server.client(&ClientOptions { messages_max: Some(1), name: None })?;
        match client.recv(CONNECT_TIMEOUT) {
            Some(TopicEvent::Connected) => Ok(client.publisher()),
            _ => anyhow::bail!("cannot connect to {}", server.address),
        }
    }
}

impl Server<'_> {
    /// Begins to connect.
    fn client(&self, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>> {
        (self.topics.connect)(&self.address, options)
    }
}

/// Reads `EPOCH:OFFSET`.
fn parse_position(text: &str) -> Result<Position, String> {
    let expected = || "expected EPOCH:OFFSET, as printed by `sub`".to_owned();
    let (epoch, offset) = text.split_once(':').ok_or_else(expected)?;
    Ok(Position {
        epoch: epoch.parse().map_err(|_| expected())?,
        offset: offset.parse().map_err(|_| expected())?,
    })
}

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_two_numbers() {
        assert_eq!(parse_position("12:3"), Ok(Position { epoch: 12, offset: 3 }));
        for text in ["", "12", "12:", ":3", "a:3", "1:2:3", "-1:2", "1:99999999999999999999"] {
            assert!(parse_position(text).is_err(), "{text}");
        }
    }
}
