//! Connections of one address that publish with a long delay, as much as they can, and want an answer to each: meanwhile
//! every request of another address succeeds, and when they are reset, nothing of theirs is left.

use std::{net::SocketAddr, thread, time::Duration};

use shardcast::proto::{
    PublishHeader,
    topics::control::{Request, TopicResponse},
};

use super::{Failure, Outcome, Trial};
use crate::{
    bystanders::Bystanders,
    flood::Flood,
    peer::ANOTHER_ADDRESS,
    server::{Server, Setup},
    subscriber::{Subscriber, request, topic_of_each_shard},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (attackers, each) = (trial.size(20).max(6), u64::from(trial.size(100)));
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;
    let topics = topic_of_each_shard("requests");
    let delayed = |topic: &String| request(1, &delayed(topic, LONG));
    let connect = |_| Subscriber::connect_from(ANOTHER_ADDRESS, address);
    let attackers = (0..attackers).map(connect).collect::<Outcome<Vec<_>>>()?;
    let attack = Flood::start(attackers, &topics.iter().flat_map(delayed).collect::<Vec<_>>())?;
    let server = trial.server()?;
    let held = filled(server)?;
    requests_succeed(address, &topics).map_err(|it| Failure(format!("while {held} wait: {it}")))?;
    bystanders.publish_more(each)?;

    attack.end()?;
    server.eventually_metric("shardcast_push_waiting", &[], 0)?;
    server.eventually_metric("shardcast_push_requests", &[], 0)?;
    requests_succeed(address, &topics).map_err(|it| Failure(format!("after all have left: {it}")))?;
    bystanders.publish_more(each)?;
    Ok(format!("{held} delayed publications waited, {} publications beside them", bystanders.end()?))
}

const fn delayed(topic: &str, delay: Duration) -> Request<'_> {
    let options = PublishHeader { key: None, delay: Some(delay), ttl: None, priority: None };
    Request::Publish { topic, expects_response: true, options, body: b"" }
}

/// Waits until the number of waiting publications no longer changes; that number.
fn filled(server: &Server) -> Outcome<u64> {
    let mut last = 0;
    server.eventually(|server| {
        let before = std::mem::replace(&mut last, server.metric("shardcast_push_waiting", &[])?);
        thread::sleep(Duration::from_millis(100));
        Ok((last == 0 || last != before).then(|| format!("{before} publications waited, then {last}")))
    })?;
    Ok(last)
}

/// New connections, on whatever shard, make every kind of request.
fn requests_succeed(address: SocketAddr, topics: &[String]) -> Outcome<()> {
    for number in 0..CLIENTS {
        let mut client = Subscriber::connect(address)?;
        let own = format!("requests.own.{number}");
        for topic in topics.iter().chain([&own]) {
            let subscribe = Request::Subscribe { topic, prefix: false, since: None };
            for request in [subscribe, Request::Presence { topic }, delayed(topic, SHORT)] {
                match client.ask(&request)? {
                    Ok(TopicResponse::Subscribed { .. } | TopicResponse::Published { .. }) => {}
                    Ok(TopicResponse::Present { count: 1.. }) => {}
                    other => return Err(Failure(format!("{request:?} was answered {other:?}"))),
                }
            }
            client.publish(topic, b"now", PublishHeader::default())?;
        }
        client.peer.finish();
    }
    Ok(())
}

/// Enough for both shards.
const CLIENTS: u32 = 4;
/// Longer than the scenario takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(1);
