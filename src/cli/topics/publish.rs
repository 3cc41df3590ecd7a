//! `shardcast pub`.

use std::{
    io::{self, Read},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use shardcast::{
    proto::{Position, PublishOptions, TopicName},
    push::{Class, Receipt},
    tars::{RequestError, TopicClient, TopicEvent, TopicPublisher},
};

use super::{
    Connect,
    output::{self, Output},
};
use crate::{commands, config::HumanDuration, signals};

/// What `pub` is told.
#[derive(Args, Debug)]
pub(crate) struct PubArgs {
    /// Topic to publish on
    topic: TopicName,
    /// What to publish; `-` is what standard input has
    payload: String,
    #[command(flatten)]
    connect: Connect,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// At most this many a second; without it, as fast as the server answers
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Replaces, in full outboxes that conflate, what waits with the same key
    #[arg(long, value_name = "KEY")]
    key: Option<u64>,
    /// Publish this much later, such as 500ms; the answer comes then
    #[arg(long, value_name = "TIME")]
    delay: Option<HumanDuration>,
    /// Wanted for so long after it is published
    #[arg(long, value_name = "TIME")]
    ttl: Option<HumanDuration>,
    /// At least this urgent: urgent, high, normal or bulk
    #[arg(long, value_parser = parse_class)]
    class: Option<Class>,
}

/// What became of one publication.
type Outcome = Result<Receipt, RequestError>;

/// Publishes, and tells where it stands.
///
/// # Errors
/// The server cannot be reached, or standard input cannot be read.
pub(crate) fn run(args: &PubArgs) -> anyhow::Result<ExitCode> {
    let stop = signals::stop_requests().context("cannot watch for signals")?;
    let body = body(&args.payload)?;
    let publisher = connect(&args.connect)?;
    let options = PublishOptions {
        key: args.key,
        delay: args.delay.map(|delay| delay.0),
        ttl: args.ttl.map(|ttl| ttl.0),
        class: args.class.map(Class::number),
    };
    let (tell, told) = flume::unbounded();
    let mut tally = Tally::new(args);
    let started = Instant::now();
    for number in 0..args.count {
        if let Some(rate) = args.rate {
            // From the schedule, so that delays do not add up.
            let due = started + Duration::from_secs_f64(number as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        while tally.answered + IN_FLIGHT_MAX <= number {
            tally.take(told.recv().context("the client has ended")?)?;
        }
        while let Ok(outcome) = told.try_recv() {
            tally.take(outcome)?;
        }
        if !stop.is_empty() || tally.is_hopeless() {
            tally.wanted = number;
            break;
        }
        let tell = tell.clone();
        publisher.publish_async(&args.topic, options, &body, move |outcome| {
            // Nobody waits any more: told to end.
            let _ = tell.send(outcome);
        });
    }
    while tally.answered < tally.wanted {
        tally.take(told.recv().context("the client has ended")?)?;
    }
    tally.finish(started.elapsed())
}

/// Connects, or fails at once: nobody wants to wait for a server that may never be there.
fn connect(connect: &Connect) -> anyhow::Result<TopicPublisher> {
    let mut client = TopicClient::connect(connect.address()?, 1)?;
    match client.recv(CONNECT_TIMEOUT) {
        Some(TopicEvent::Connected) => Ok(client.publisher()),
        _ => anyhow::bail!("cannot connect to {}", connect.connect),
    }
}

struct Tally<'a> {
    args: &'a PubArgs,
    output: Output,
    wanted: u64,
    answered: u64,
    published: u64,
    last: Position,
    unreachable: bool,
}

impl<'a> Tally<'a> {
    fn new(args: &'a PubArgs) -> Self {
        let (answered, published, last) = (0, 0, Position::default());
        let output = Output::new(args.connect.json);
        Self { args, output, wanted: args.count, answered, published, last, unreachable: false }
    }

    /// There is nobody to publish to.
    fn is_hopeless(&self) -> bool {
        self.unreachable
    }

    fn take(&mut self, outcome: Outcome) -> io::Result<()> {
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

    fn finish(mut self, took: Duration) -> anyhow::Result<ExitCode> {
        if self.args.count > 1 {
            let (published, not) = (self.published, self.wanted - self.published);
            let Position { epoch, offset } = self.last;
            let rate = published as f64 / took.as_secs_f64().max(1e-9);
            let fields = json!({
                "published": published, "not_published": not, "epoch": epoch, "offset": offset,
                "seconds": took.as_secs_f64(),
            });
            let text = format!(
                "published {published} messages, the last at {epoch}:{offset}, {rate:.0} a second; {not} not"
            );
            self.output.line("done", fields, &text)?;
        }
        let is_done = self.published == self.args.count;
        Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(commands::EXIT_RUNTIME) })
    }
}

fn body(payload: &str) -> anyhow::Result<Vec<u8>> {
    if payload != "-" {
        return Ok(payload.as_bytes().to_vec());
    }
    let mut body = Vec::new();
    io::stdin().lock().take(PAYLOAD_BYTES_MAX).read_to_end(&mut body).context("cannot read the payload")?;
    Ok(body)
}

fn parse_class(text: &str) -> Result<Class, String> {
    let class = Class::ALL.into_iter().find(|class| class.name() == text);
    class.ok_or_else(|| format!("`{text}` is no class: write urgent, high, normal or bulk"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("expected a number above 0".to_owned()) }
}

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Publications whose answers are awaited at once.
const IN_FLIGHT_MAX: u64 = 256;

/// More than any server takes in one frame.
const PAYLOAD_BYTES_MAX: u64 = 128 << 20;
