//! One connection, then two, that send the same requests as fast as they are taken: meanwhile every publication of others
//! is accepted and delivered exactly once.

use shardcast::proto::topics::control::Request;

use super::{Failure, Outcome, Trial};
use crate::{
    bystanders::Bystanders,
    flood::Flood,
    peer::frame,
    server::Setup,
    subscriber::{Subscriber, publication, request, topic_of_each_shard},
};

/// Publications without a response, on a topic of each shard.
pub(super) fn publish(trial: &mut Trial) -> Outcome<String> {
    let requests: Vec<_> = topic_of_each_shard("flood")
        .iter()
        .flat_map(|topic| request(0, &publication(topic, false, b"")))
        .collect();
    beside(trial, &requests, 0)
}

/// Requests for the number of subscribers, of a topic of each shard.
pub(super) fn presence(trial: &mut Trial) -> Outcome<String> {
    let requests: Vec<_> = topic_of_each_shard("flood")
        .iter()
        .flat_map(|topic| request(1, &Request::Presence { topic }))
        .collect();
    beside(trial, &requests, 0)
}

/// Subscriptions to all topics, each ended at once.
pub(super) fn subscribe(trial: &mut Trial) -> Outcome<String> {
    let subscribe = request(1, &Request::Subscribe { topic: "", prefix: true, since: None });
    let unsubscribe = request(2, &Request::Unsubscribe { topic: "", prefix: true });
    beside(trial, &[subscribe, unsubscribe].concat(), FLOODING)
}

/// Requests to the service.
pub(super) fn echo(trial: &mut Trial) -> Outcome<String> {
    beside(trial, &frame(1, b""), 0)
}

/// Heartbeats.
pub(super) fn ping(trial: &mut Trial) -> Outcome<String> {
    beside(trial, &request(1, &Request::Ping), 0)
}

/// The flood may be among the receivers of a message up to `other_receivers` times.
fn beside(trial: &mut Trial, requests: &[u8], other_receivers: u32) -> Outcome<String> {
    let (each, random) = (u64::from(trial.size(200)), trial.random.clone());
    let address = trial.start(&Setup::default())?.address;
    let mut bystanders = Bystanders::start(address, BYSTANDERS, other_receivers, &random)?;
    bystanders.publish_more(each / 10 + 1)?;
    let mut written = 0;
    for connections in 1..=FLOODING {
        let flooding = (0..connections).map(|_| Subscriber::connect(address)).collect::<Outcome<_>>()?;
        let flood = Flood::start(flooding, requests)?;
        bystanders.publish_more(each)?;
        written += flood.end()?.0;
    }
    if written == 0 {
        return Err(Failure("the flood could not write its first requests".into()));
    }
    bystanders.publish_more(each / 10 + 1)?;
    let published = bystanders.end()?;
    let requests = written / requests.len() as u64;
    Ok(format!("{published} publications beside {requests} times the requests of the flood"))
}

/// Connections of the second flood.
const FLOODING: u32 = 2;
/// Enough for every pair of shards.
const BYSTANDERS: u64 = 4;
