//! Flags of the operator's commands.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::client::Place;
use crate::{config::HumanDuration, flags::seconds_or_unit};

/// Which server, for those who read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Server {
    /// Admin address of the server [default: 127.0.0.1:9180]
    #[arg(long, value_name = "ADDR|unix:PATH")]
    pub(crate) admin: Option<Place>,
}

/// Which server, for those who act.
#[derive(Args, Clone, Debug)]
pub(crate) struct Actor {
    #[command(flatten)]
    pub(crate) server: Server,
    /// File with the server's token [default: act over its Unix socket]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConnsArgs {
    #[command(flatten)]
    pub(crate) server: Server,
    /// id, peer, listener, age, idle, queued, received, sent, dropped
    #[arg(long, value_name = "BY", hide_possible_values = true)]
    pub(crate) sort: Option<SortBy>,
    /// Only those of this shard
    #[arg(long, value_name = "N")]
    pub(crate) shard: Option<u16>,
    /// "open", or "closed": the last 1000, with the reason
    #[arg(long, default_value = "open", hide_possible_values = true)]
    pub(crate) state: State,
    /// As JSON
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
    /// Time between two looks, as in 5 or 500ms
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// One table as plain text, then end; so it is where no terminal is
    #[arg(long)]
    pub(crate) once: bool,
    /// A line of JSON per interval
    #[arg(long)]
    pub(crate) json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds_or_unit(text).parse::<HumanDuration>().map(|interval| interval.0)
}

#[derive(Args, Debug)]
pub(crate) struct KickArgs {
    /// Ids of connections, as `shardcast conns` shows them
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<shardcast::ConnId>,
    /// Cut them off at once: what is queued for them is lost
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) actor: Actor,
}

#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) actor: Actor,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) actor: Actor,
    /// How long it may take, as in 5 or 500ms [default: the server's]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
    /// Tell how it goes, until the server has ended
    #[arg(long)]
    pub(crate) watch: bool,
}
