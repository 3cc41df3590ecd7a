//! Limits that change all the time, some to invalid values, while others connect and publish: each change is applied or
//! rejected, and counted.

use std::fs;

use rustix::process::Signal;

use super::{Outcome, Trial};
use crate::{bystanders::Bystanders, peer::Peer, server::Setup};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let changes = trial.size(500);
    let (random, mut choices) = (trial.random.clone(), trial.random.fork(1));
    let address = trial.start(&Setup { log_level: Some("off".into()), ..Setup::default() })?.address;
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;
    let server = trial.server()?;
    let valid = fs::read_to_string(server.config())?;
    let (mut applied, mut rejected) = (0, 0);
    for number in 1..=u64::from(changes) {
        let (limits, result, count) = if choices.one_in(4) {
            rejected += 1;
            ("outbox_bytes_max = \"many\"".to_owned(), "rejected", rejected)
        } else {
            applied += 1;
            // Never the same twice.
            let bytes = 100_000 + number;
            (
                format!("outbox_bytes_max = \"{bytes}B\"\nidle_timeout = \"{}s\"", 60 + choices.below(60)),
                "applied",
                applied,
            )
        };
        fs::write(server.config(), valid.replace("[limits]\n", &format!("[limits]\n{limits}\n")))?;
        server.signal(Signal::HUP);
        let label = format!("result=\"{result}\"");
        server.eventually_metric("shardcast_config_reload_total", &[&label], count)?;
        Peer::connect(address)?.echo(1, b"after a change")?;
    }
    bystanders.publish_more(20)?;
    let published = bystanders.end()?;
    Ok(format!("{applied} changes applied, {rejected} rejected, {published} publications"))
}
