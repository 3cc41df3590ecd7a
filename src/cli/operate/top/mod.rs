//! `shardcast top`: what each shard does, at intervals.
//!
//! [`sample`] reads counters of the server and compares two samples, [`view`] draws the rates. Each interval reads
//! two pages of counters, which costs the shards nothing.

mod sample;
mod screen;
mod view;

use std::{
    io::{self, IsTerminal},
    thread,
};

use super::{args::TopArgs, client::Client};
use crate::output::print;
use sample::{Rates, Sample};

/// Shows the shards of a server until the user quits.
///
/// # Errors
///
/// The server cannot be reached for the first sample, or the terminal cannot be used.
pub(crate) fn top(args: &TopArgs) -> anyhow::Result<()> {
    let client = Client::reader(&args.server);
    let interval = args.interval.max(INTERVAL_MIN);
    let first = Sample::take(&client)?;
    if !(args.once || args.json) && io::stdout().is_terminal() {
        return screen::show(client, first, interval);
    }
    let mut before = first;
    loop {
        thread::sleep(interval);
        let now = Sample::take(&client)?;
        let rates = Rates::between(&before, &now);
        let text = if args.json { serde_json::to_string(&rates)? + "\n" } else { view::table(&rates) };
        print(&text)?;
        if args.once || !args.json {
            return Ok(());
        }
        before = now;
    }
}

/// Shorter intervals have too few messages.
const INTERVAL_MIN: std::time::Duration = std::time::Duration::from_millis(100);
