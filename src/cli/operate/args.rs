//! Flags of the operator's commands.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::client::Place;
use crate::{config::HumanDuration, flags::seconds_or_unit};

/// The server, for commands that only read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Server {
    /// Admin address of the server [default: 127.0.0.1:9180]
    #[arg(long, value_name = "ADDR|unix:PATH")]
    pub(crate) admin: Option<Place>,
}

/// The server, for commands that act.
#[derive(Args, Clone, Debug)]
pub(crate) struct Actor {
    #[command(flatten)]
    pub(crate) server: Server,
    /// File with the server's token [default: use its Unix socket]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConnsArgs {
    #[command(flatten)]
    pub(crate) server: Server,
    /// By id, peer, listener, age, idle, queued, received, sent or dropped
    #[arg(long, value_name = "BY", hide_possible_values = true)]
    pub(crate) sort: Option<SortBy>,
    /// Only connections of this shard
    #[arg(long, value_name = "N")]
    pub(crate) shard: Option<u16>,
    /// "open", or "closed" (the last 1000, with the reason)
    #[arg(long, default_value = "open", hide_possible_values = true)]
    pub(crate) state: State,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum SortBy {
    Id,
    Peer,
    Listener,
    Age,
    Idle,
    Queued,
    Received,
    Sent,
    Dropped,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum State {
    Open,
    Closed,
}

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Time between two samples, such as 5 or 500ms
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Print one table as plain text; the default without a terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Print a line of JSON per interval
    #[arg(long)]
    pub(crate) json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds_or_unit(text).parse::<HumanDuration>().map(|interval| interval.0)
}

#[derive(Args, Debug)]
pub(crate) struct KickArgs {
    /// Connection ids, as shown by `shardcast conns`
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<shardcast::ConnId>,
    /// Close at once: what is queued for the connections is lost
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) actor: Actor,
}

#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) actor: Actor,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) actor: Actor,
    /// Time limit, such as 5 or 500ms [default: the server's]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
    /// Report progress until the server has stopped
    #[arg(long)]
    pub(crate) watch: bool,
}
