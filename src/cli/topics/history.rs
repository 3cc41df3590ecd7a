//! `shardcast history`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use shardcast::proto::{
    Position, Recovery, TopicName,
    topics::{History, RequestError},
};

use super::{Connect, output, parse_position};
use crate::{
    output::{print, print_error},
    protocols::Registry,
};

/// Arguments of `history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Topic whose messages are printed
    topic: TopicName,
    #[command(flatten)]
    connect: Connect,
    /// Only messages after this position of the topic; lost messages are reported
    #[arg(long, value_name = "EPOCH:OFFSET", value_parser = parse_position)]
    since: Option<Position>,
    /// Number of messages to print at most, the oldest first
    #[arg(long, value_name = "N")]
    max: Option<u64>,
}

/// Prints what the topic has kept, up to the newest message at the time of the first request.
///
/// # Errors
/// The server cannot be reached, or refuses.
pub(crate) fn run(args: &HistoryArgs, registry: &Registry) -> anyhow::Result<ExitCode> {
    let publisher = args.connect.publisher(registry)?;
    let (mut since, mut left, mut newest) = (args.since, args.max.unwrap_or(u64::MAX), None);
    loop {
        let max = u32::try_from(left).unwrap_or(u32::MAX);
        let page = publisher.history(&args.topic, since, max).map_err(|error| match error {
            RequestError::Refused { text, status } => anyhow::anyhow!("refused: {text} (status {status})"),
            error => error.into(),
        })?;
        if newest.is_none() {
            args.print_head(&page)?;
        } else {
            args.print_gap(&page)?;
        }
        args.print_messages(&page)?;
        left = left.saturating_sub(page.messages.len() as u64);
        let newest = *newest.get_or_insert(page.head);
        let Some(last) = page.next_since() else { return Ok(ExitCode::SUCCESS) };
        let before = since.replace(last);
        if before.is_some_and(|before| last.epoch == before.epoch && last.offset <= before.offset) {
            anyhow::bail!("invalid response: its messages are not after {}:{}", last.epoch, last.offset);
        }
        if left == 0 || last.epoch != newest.epoch || last.offset >= newest.offset {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

impl HistoryArgs {
    /// Where the topic is, and what of it is not kept.
    fn print_head(&self, page: &History) -> anyhow::Result<()> {
        let (topic, head) = (&self.topic, page.head);
        let mut fields = output::position(topic, head);
        let mut text = format!("{topic} is at {}:{}", head.epoch, head.offset);
        if let Some(recovered) = output::recovery(page.recovery, head.epoch, &mut fields) {
            text += &format!(", {recovered}");
        }
        self.note("history", fields, &text)
    }

    /// What was kept at the request before, and is not any more.
    fn print_gap(&self, page: &History) -> anyhow::Result<()> {
        let (topic, epoch) = (&self.topic, page.head.epoch);
        match page.recovery {
            Recovery::Gap { from, to } if from <= to => {
                let fields = json!({ "topic": **topic, "epoch": epoch, "from": from, "to": to });
                self.note("lost", fields, &format!("lost {topic} {epoch}:{from} to {epoch}:{to}"))
            }
            Recovery::Gap { .. } => {
                let fields = json!({ "topic": **topic, "epoch": epoch });
                self.note("new-epoch", fields, &format!("{topic} has a new epoch, {epoch}"))
            }
            Recovery::NotRequested | Recovery::Recovered => Ok(()),
        }
    }

    fn print_messages(&self, page: &History) -> anyhow::Result<()> {
        let lines = page.messages.iter().map(|message| {
            let (at, body) = (message.position, &message.body);
            let fields = output::message(&self.topic, at, body);
            output::rendered(
                self.connect.json,
                "message",
                fields,
                &output::message_text(&self.topic, at, body),
            )
        });
        print(&lines.collect::<String>())
    }

    /// A note: on standard error for people, among the output for scripts.
    fn note(&self, event: &str, fields: serde_json::Value, text: &str) -> anyhow::Result<()> {
        if self.connect.json {
            return print(&output::rendered(true, event, fields, text));
        }
        print_error(text);
        Ok(())
    }
}
