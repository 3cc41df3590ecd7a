//! `shardcast sub`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use shardcast::proto::{Position, Recovery, TopicFilter, topics::TopicEvent};

use super::{
    Connect,
    output::{self, Ended, Output},
    parse_position,
};
use crate::{
    config::DataDir,
    exit,
    output::print_error,
    protocols::{ClientOptions, Registry},
    signals::Stop,
};

/// Arguments of `sub`.
#[derive(Args, Debug)]
pub(crate) struct SubArgs {
    /// Names of topics, or prefixes followed by `*` [default: all topics]
    #[arg(value_name = "TOPIC")]
    topics: Vec<TopicFilter>,
    #[command(flatten)]
    connect: Connect,
    /// Resume after this position of the topic; lost messages are reported
    #[arg(long, value_name = "EPOCH:OFFSET", value_parser = parse_position)]
    since: Option<Position>,
    /// Exit after this many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Name of the subscriber, which continues where the last one has ended
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Directory of its files [default: clients in server.data_dir]
    #[arg(long, value_name = "DIR", requires = "name")]
    dir: Option<PathBuf>,
}

impl SubArgs {
    /// The directory of the files of a subscriber with a name.
    fn directory(&self) -> anyhow::Result<PathBuf> {
        match &self.dir {
            Some(directory) => Ok(directory.clone()),
            None => {
                let server = DataDir::Auto.path().context("there is no directory for files: use --dir")?;
                Ok(server.join("clients"))
            }
        }
    }
}

/// Prints messages until a signal.
///
/// # Errors
/// The server cannot be reached at first, or refuses.
pub(crate) fn run(args: &SubArgs, registry: &Registry) -> anyhow::Result<ExitCode> {
    if args.since.is_some() && !matches!(args.topics[..], [TopicFilter::Exact(_)]) {
        print_error("error: --since needs exactly one topic");
        return Ok(ExitCode::from(exit::EXIT_CONFIGURATION));
    }
    let stop = Stop::watch().context("cannot watch for signals")?;
    let server = args.connect.server(registry)?;
    if args.name.is_some() && !server.topics.named {
        print_error("error: --name is for protocols whose clients have names");
        return Ok(ExitCode::from(exit::EXIT_CONFIGURATION));
    }
    let directory = args.name.as_ref().map(|_| args.directory()).transpose()?;
    let name = args.name.as_deref().zip(directory.as_deref());
    let mut client = server.client(&ClientOptions { messages_max: None, name })?;
    let mut topics = args.topics.clone();
    if topics.is_empty() {
        topics.push("*".parse()?);
    }
    for topic in topics {
        client.subscribe(topic, args.since);
    }
    let output = Output::new(args.connect.json, stop.clone()).context("cannot start a thread")?;
    let is_named = args.name.is_some();
    let mut print = Printer { output, connected: false, messages: 0, is_named };
    let mut outcome = Ok(());
    while outcome.is_ok() && args.count.is_none_or(|count| print.messages < count) && !stop.is_requested() {
        if let Some(event) = client.recv(PATIENCE) {
            outcome = print.event(event, &server.address);
        }
    }
    let written = print.output.finish();
    match outcome.and_then(|()| Ok(written?)) {
        Err(error) if !matches!(error.downcast_ref(), Some(Ended::Stopped | Ended::Unread)) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

struct Printer {
    output: Output,
    connected: bool,
    messages: u64,
    /// A message is consumed when the next event is requested: not before its line is written.
    is_named: bool,
}

impl Printer {
    fn event(&mut self, event: TopicEvent, address: &str) -> anyhow::Result<()> {
        match event {
            TopicEvent::Connected => {
                self.connected = true;
                self.output.note("connected", json!({}), &format!("connected to {address}"))?;
            }
            TopicEvent::ConnectFailed if !self.connected => anyhow::bail!("cannot connect to {address}"),
            TopicEvent::ConnectFailed => {
                self.output.note("connect-failed", json!({}), "cannot connect; retrying")?;
            }
            TopicEvent::Disconnected(_) => {
                self.output.note("disconnected", json!({}), "disconnected; reconnecting")?;
            }
            TopicEvent::Subscribed { filter, head, recovery } => self.subscribed(&filter, head, recovery)?,
            TopicEvent::Retrying { filter, error, pause } => {
                let fields = json!({
                    "topic": filter.to_string(),
                    "text": error.to_string(),
                    "seconds": pause.as_secs_f64(),
                });
                let text = format!("{filter}: {error}; retrying in {:.1} s", pause.as_secs_f64());
                self.output.note("retrying", fields, &text)?;
            }
            TopicEvent::Refused { filter, error } => anyhow::bail!("{filter}: {error}"),
            TopicEvent::Message { topic, position, body } => {
                self.messages += 1;
                let fields = output::message(&topic, position, &body);
                let text = output::message_text(&topic, position, &body);
                self.output.line("message", fields, &text)?;
                if self.is_named {
                    self.output.written()?;
                }
            }
            TopicEvent::Lost { topic, epoch, from, to } => {
                let fields = json!({ "topic": topic, "epoch": epoch, "from": from, "to": to });
                self.output.note("lost", fields, &format!("lost {topic} {epoch}:{from} to {epoch}:{to}"))?;
            }
            TopicEvent::NewEpoch { topic, epoch } => {
                let fields = json!({ "topic": topic, "epoch": epoch });
                self.output.note("new-epoch", fields, &format!("{topic} has a new epoch, {epoch}"))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, filter: &TopicFilter, head: Position, recovery: Recovery) -> Result<(), Ended> {
        let mut fields = output::position(&filter.to_string(), head);
        let mut text = format!("subscribed to {filter}");
        if let TopicFilter::Exact(_) = filter {
            text += &format!(" at {}:{}", head.epoch, head.offset);
        }
        if let Some(recovered) = output::recovery(recovery, head.epoch, &mut fields) {
            text += &format!(", {recovered}");
        }
        self.output.note("subscribed", fields, &text)
    }
}

/// The greatest delay of a signal.
const PATIENCE: Duration = Duration::from_millis(50);
