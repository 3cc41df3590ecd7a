//! `shardcast sub` and `shardcast pub`: topics of a running server, from a terminal or a script.
//!
//! What it deliberately is not: another client. The clients are in the library; entries of the registry connect
//! them.

mod output;
mod publish;
mod subscribe;

use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser};
use shardcast::proto::Position;

use crate::protocols::{Registry, TopicClient};

pub(crate) use publish::{PubArgs, run as publish};
pub(crate) use subscribe::{SubArgs, run as subscribe};

/// How a server is reached.
#[derive(Args, Debug)]
pub(crate) struct Connect {
    /// Address of the server, or its name and port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10099")]
    connect: String,
    /// Protocol to use
    #[arg(long, value_name = "PROTOCOL", value_parser = PossibleValuesParser::new(vias()), default_value = vias().first().copied())]
    via: String,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

impl Connect {
    /// Begins to connect. At most so many messages are queued, by default as many as the library permits.
    fn client(
        &self,
        registry: &Registry,
        messages_max: Option<usize>,
    ) -> anyhow::Result<Box<dyn TopicClient>> {
        let topics = registry.topics().find(|(topics, _)| topics.via == self.via);
        let (topics, _) = topics.with_context(|| format!("unknown protocol `{}`", self.via))?;
        (topics.connect)(&self.connect, messages_max)
    }
}

fn vias() -> Vec<&'static str> {
    Registry::builtin().topics().map(|(topics, _)| topics.via).collect()
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
