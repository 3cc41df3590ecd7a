//! `shardcast reload`.

use std::process::ExitCode;

use anyhow::Context;

use super::{args::ReloadArgs, client::Client};
use crate::{
    control::{Change, Outcome},
    output::{escape, print},
};

/// Makes a server read its configuration again, and prints what differs.
///
/// # Errors
///
/// The server cannot be reached, or found errors: then nothing has changed.
pub(crate) fn reload(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let response = Client::actor(&args.actor)?.post("/reload")?;
    if args.json {
        return print(&escape::json(&String::from_utf8_lossy(&response))).map(|()| ExitCode::SUCCESS);
    }
    let outcome: Outcome =
        serde_json::from_slice(&response).context("the server's response is not valid JSON")?;
    print(&escape::lines(&text(&outcome))).map(|()| ExitCode::SUCCESS)
}

fn text(outcome: &Outcome) -> String {
    let (applied, needs_restart) = match outcome {
        Outcome::Rejected { errors } => return errors.clone(),
        Outcome::Taken { applied, needs_restart } => (applied, needs_restart),
    };
    let line = |Change { key, before, after }: &Change, why| format!("{key}: {before} -> {after}{why}\n");
    let applied = applied.iter().map(|it| line(it, ""));
    let text: String =
        applied.chain(needs_restart.iter().map(|it| line(it, "  (needs a restart)"))).collect();
    if text.is_empty() { "no changes\n".to_owned() } else { text }
}
