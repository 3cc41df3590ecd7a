//! `shardcast drain`.

use std::{thread, time::Duration};

use anyhow::Context;
use serde_json::Value;

use super::{
    args::DrainArgs,
    client::{Client, Unreachable},
    human,
};
use crate::{admin::Shards, flags::seconds_or_unit, output::print};

/// Stops a server; with `--watch`, reports its progress.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub(crate) fn drain(args: &DrainArgs) -> anyhow::Result<()> {
    let client = Client::actor(&args.actor)?;
    let timeout = args.timeout.as_deref().map(|text| format!("?timeout={}", seconds_or_unit(text)));
    let response = client.post(&format!("/drain{}", timeout.unwrap_or_default()))?;
    let response: Value =
        serde_json::from_slice(&response).context("the server's response is not valid JSON")?;
    let seconds = response["timeout_seconds"].as_f64().unwrap_or_default();
    print(&format!("draining, for {} at most\n", human::seconds(seconds)))?;
    if args.watch { watch(&client) } else { Ok(()) }
}

/// Prints a line after each change, until the server does not respond.
fn watch(client: &Client) -> anyhow::Result<()> {
    let mut printed = String::new();
    loop {
        let page = match client.get("/shards.json") {
            Ok(page) => page,
            Err(_) if has_ended(client) => return print("the server has stopped\n"),
            Err(error) => return Err(error),
        };
        let shards: Shards =
            serde_json::from_slice(&page).context("the server's response is not valid JSON")?;
        let sum = |value: fn(&crate::admin::ShardRow) -> u64| shards.shards.iter().map(value).sum::<u64>();
        let queued = human::bytes(sum(|it| it.queued_bytes));
        let line = format!("{} connections, {queued} bytes queued\n", sum(|it| it.connections));
        if line != printed {
            print(&line)?;
            printed = line;
        }
        thread::sleep(PAUSE);
    }
}

/// The last response may have been cut short, so this tries once more.
fn has_ended(client: &Client) -> bool {
    thread::sleep(PAUSE);
    client.get("/livez").is_err_and(|error| error.is::<Unreachable>())
}

const PAUSE: Duration = Duration::from_millis(200);
