//! `shardcast sub` and `shardcast pub`: topics of a running server, from a terminal or a script.
//!
//! What it deliberately is not: a client of its own. All that speaks is in the library.

mod output;
mod publish;
mod subscribe;

use clap::{Args, ValueEnum};
use shardcast::{
    proto::Position,
    tars::{ConnectError, TopicClient, Waiting},
};

pub(crate) use publish::{PubArgs, run as publish};
pub(crate) use subscribe::{SubArgs, run as subscribe};

/// How a server is reached.
#[derive(Args, Debug)]
pub(crate) struct Connect {
    /// Address of the server, or its name and port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10099")]
    connect: String,
    /// Protocol to speak
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t = Via::Framed)]
    via: Via,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Via {
    // The frames of the Tars push guide, with the control vocabulary.
    Framed,
}

impl Connect {
    /// Begins to connect.
    fn client(&self, waiting: Waiting) -> Result<TopicClient, ConnectError> {
        let Via::Framed = self.via;
        TopicClient::connect(&*self.connect, waiting)
    }
}

/// Reads `EPOCH:OFFSET`.
fn parse_position(text: &str) -> Result<Position, String> {
    let expected = || "expected EPOCH:OFFSET, as `sub` prints it".to_owned();
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
