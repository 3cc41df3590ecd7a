//! `shardcast pub`.

use std::{
    io::{self, Read},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use shardcast::{
    proto::{Position, PublishHeader, TopicName, topics::RequestError},
    push::{Priority, Receipt},
};

use super::{
    Connect,
    output::{self, Ended, Output},
};
use crate::{
    config::HumanDuration,
    exit,
    output::PATIENCE,
    protocols::{Registry, TopicPublisher},
    signals::Stop,
};

/// Arguments of `pub`.
#[derive(Args, Debug)]
pub(crate) struct PubArgs {
    /// Topic to publish on
    topic: TopicName,
    /// Body of the message; `-` reads standard input
    payload: String,
    #[command(flatten)]
    connect: Connect,
    /// Number of messages to publish, all with this body
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// Messages per second; by default, as fast as the server responds
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Key for conflation: replaces the queued message with the same key
    #[arg(long, value_name = "KEY")]
    key: Option<u64>,
    /// Publish after this delay, such as 500ms; the response comes afterwards
    #[arg(long, value_name = "TIME")]
    delay: Option<HumanDuration>,
    /// Do not deliver later than this time after publication, such as 5s
    #[arg(long, value_name = "TIME")]
    ttl: Option<HumanDuration>,
    /// Minimum priority: urgent, high, normal or bulk
    #[arg(long, alias = "class", value_parser = parse_priority)]
    priority: Option<Priority>,
}

/// The outcome of one publication.
type Outcome = Result<Receipt, RequestError>;

/// Publishes, and prints the position of each message.
///
/// # Errors
/// The server cannot be reached, or standard input cannot be read.
pub(crate) fn run(args: &PubArgs, registry: &Registry) -> anyhow::Result<ExitCode> {
    let body = body(&args.payload)?;
    let publisher = args.connect.publisher(registry)?;
    // Not before: until here, there is nothing to finish, and a signal ends the process at once.
    let stop = Stop::watch().context("cannot watch for signals")?;
    let output = Output::new(args.connect.json, stop.clone()).context("cannot start a thread")?;
    let mut run = Run::new(args, output, stop);
    let started = Instant::now();
    let outcome = run.publish_all(&*publisher, &body).and_then(|()| run.print_sum(started.elapsed()));
    let outcome = outcome.and_then(|()| run.output.finish());
    match outcome {
        Ok(()) | Err(Ended::Stopped) if run.published < args.count => Ok(ExitCode::from(exit::EXIT_RUNTIME)),
        Ok(()) | Err(Ended::Stopped | Ended::Unread) => Ok(ExitCode::SUCCESS),
        Err(ended @ Ended::Failed(_)) => Err(ended.into()),
    }
}

struct Run<'a> {
    args: &'a PubArgs,
    output: Output,
    stop: Stop,
    sender: flume::Sender<Outcome>,
    outcomes: flume::Receiver<Outcome>,
    asked: u64,
    answered: u64,
    published: u64,
    last: Position,
    /// The server cannot be reached.
    unreachable: bool,
}

impl<'a> Run<'a> {
    fn new(args: &'a PubArgs, output: Output, stop: Stop) -> Self {
        // Bounded by IN_FLIGHT_MAX.
        let (sender, outcomes) = flume::unbounded();
        let (asked, answered, published, last) = (0, 0, 0, Position::default());
        Self { args, output, stop, sender, outcomes, asked, answered, published, last, unreachable: false }
    }

    /// Publishes the requested number of times, or until a signal.
    fn publish_all(&mut self, publisher: &dyn TopicPublisher, body: &[u8]) -> Result<(), Ended> {
        let options = PublishHeader {
            key: self.args.key,
            delay: self.args.delay.map(|delay| delay.0),
            ttl: self.args.ttl.map(|ttl| ttl.0),
            priority: self.args.priority.map(Priority::number),
        };
        let in_flight_max = (IN_FLIGHT_BYTES_MAX / body.len().max(1) as u64).clamp(1, IN_FLIGHT_MAX);
        let started = Instant::now();
        for number in 0..self.args.count {
            // From the schedule, so that delays do not add up.
            let due = self.args.rate.map_or(started, |rate| started + seconds(number as f64 / rate));
            while Instant::now() < due || self.answered + in_flight_max <= number {
                let is_full = self.answered + in_flight_max <= number;
                let until = if is_full { started + FOR_EVER } else { due };
                if !self.wait(until)? {
                    break;
                }
            }
            while let Ok(outcome) = self.outcomes.try_recv() {
                self.take(outcome)?;
            }
            if self.stop.is_requested() || self.unreachable {
                break;
            }
            self.asked += 1;
            let sender = self.sender.clone();
            let then = move |outcome| {
                // The receiver is gone: the command is ending.
                let _ = sender.send(outcome);
            };
            publisher.publish(&self.args.topic, options, body, Box::new(then));
        }
        while self.answered < self.asked && self.wait(started + FOR_EVER)? {}
        // After a signal, pending publications may still get their responses.
        let deadline = Instant::now() + PATIENCE;
        while self.answered < self.asked
            && let Ok(outcome) = self.outcomes.recv_deadline(deadline)
        {
            self.take(outcome)?;
        }
        Ok(())
    }

    /// Waits for a response, up to `until`; false after a signal.
    fn wait(&mut self, until: Instant) -> Result<bool, Ended> {
        if self.stop.is_requested() {
            return Ok(false);
        }
        let happened = flume::Selector::new()
            .recv(&self.outcomes, Result::ok)
            .recv(self.stop.requested(), |_| None)
            .wait_deadline(until);
        match happened {
            Ok(Some(outcome)) => self.take(outcome).map(|()| true),
            Ok(None) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    fn take(&mut self, outcome: Outcome) -> Result<(), Ended> {
        self.answered += 1;
        let topic = &self.args.topic;
        match outcome {
            Ok(Receipt { position, receivers }) => {
                self.published += 1;
                self.last = position;
                if self.args.connect.json || self.args.count == 1 {
                    let mut fields = output::position(topic, position);
                    fields["receivers"] = receivers.into();
                    let Position { epoch, offset } = position;
                    let text = format!("published {topic} {epoch}:{offset} to {receivers} subscriptions");
                    self.output.line("published", fields, &text)?;
                }
            }
            Err(RequestError::Refused { status, text }) => {
                let fields = json!({ "topic": **topic, "status": status, "text": text });
                self.output.note("refused", fields, &format!("refused: {text} (status {status})"))?;
            }
            Err(error) => {
                self.unreachable = true;
                let fields = json!({ "topic": **topic, "text": error.to_string() });
                self.output.note("failed", fields, &format!("failed: {error}"))?;
            }
        }
        Ok(())
    }

    fn print_sum(&mut self, took: Duration) -> Result<(), Ended> {
        if self.args.count == 1 {
            return Ok(());
        }
        let (published, not) = (self.published, self.asked - self.published);
        let Position { epoch, offset } = self.last;
        let rate = published as f64 / took.as_secs_f64().max(1e-9);
        let fields = json!({
            "published": published, "not_published": not, "epoch": epoch, "offset": offset,
            "seconds": took.as_secs_f64(),
        });
        let text = format!(
            "published {published} messages, the last at {epoch}:{offset}, {rate:.0} per second; {not} not published"
        );
        self.output.line("done", fields, &text)
    }
}

/// A time of a schedule, however slow.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(FOR_EVER).min(FOR_EVER)
}

fn body(payload: &str) -> anyhow::Result<Vec<u8>> {
    if payload != "-" {
        return Ok(payload.as_bytes().to_vec());
    }
    let mut body = Vec::new();
    io::stdin().lock().take(PAYLOAD_BYTES_MAX).read_to_end(&mut body).context("cannot read the payload")?;
    Ok(body)
}

fn parse_priority(text: &str) -> Result<Priority, String> {
    let priority = Priority::ALL.into_iter().find(|priority| priority.name() == text);
    priority.ok_or_else(|| format!("invalid priority `{text}`: expected urgent, high, normal or bulk"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("expected a number above 0".to_owned()) }
}

/// A hundred years: an instant so much later can be computed.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The bounds on pending publications and their bytes; one is always permitted. The client itself permits more.
const IN_FLIGHT_MAX: u64 = 256;
const IN_FLIGHT_BYTES_MAX: u64 = 1 << 20;

/// More than any server accepts in one frame.
const PAYLOAD_BYTES_MAX: u64 = 128 << 20;
