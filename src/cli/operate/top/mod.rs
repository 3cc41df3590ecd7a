//! `shardcast top`: what each shard does, again and again.
//!
//! [`sample`] asks the server and subtracts two looks, [`view`] draws what came of it. It asks for two pages per
//! interval, and disturbs no shard: both are counters.

mod sample;
mod screen;
mod view;

use std::{
    io::{self, IsTerminal},
    thread,
};

use super::{args::TopArgs, client::Client};
use crate::output::print;
use sample::{Look, Rates};

/// Shows the shards of a server until the user has seen enough.
///
/// # Errors
///
/// The server cannot be reached at the first look, or the terminal cannot be used.
pub(crate) fn top(args: &TopArgs) -> anyhow::Result<()> {
    let client = Client::reader(&args.server);
    let interval = args.interval.max(INTERVAL_MIN);
    let first = Look::take(&client)?;
    if !(args.once || args.json) && io::stdout().is_terminal() {
        return screen::show(client, first, interval);
    }
    let mut before = first;
    loop {
        thread::sleep(interval);
        let now = Look::take(&client)?;
        let rates = Rates::between(&before, &now);
        let text = if args.json { serde_json::to_string(&rates)? + "\n" } else { view::table(&rates) };
        print(&text)?;
        if args.once || !args.json {
            return Ok(());
        }
        before = now;
    }
}

/// Shorter ones would say little.
const INTERVAL_MIN: std::time::Duration = std::time::Duration::from_millis(100);
