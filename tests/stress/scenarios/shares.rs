//! One address takes as much as it can of what all share: delayed publications, topics, subscriptions, connections. Each of
//! its requests is accepted or refused, and another address gets what it needs.

use std::{net::SocketAddr, time::Duration};

use shardcast::proto::{
    PublishHeader,
    topics::control::{Request, TopicResponse},
};

use super::{Failure, Outcome, Trial, same};
use crate::{
    peer::{ANOTHER_ADDRESS, Peer},
    server::{Server, Setup},
    subscriber::{
        BUSY, Subscriber, TOO_MANY_SUBSCRIPTIONS, TOO_MANY_TOPICS, publication, request, topic_of_each_shard,
    },
};

/// Publications with a delay; those that are accepted are delivered when they are due.
pub(super) fn delayed(trial: &mut Trial) -> Outcome<String> {
    let sections = format!("[push]\ndelayed_messages_max = {SHARED}\n");
    let address = trial.start(&Setup { sections, ..Setup::default() })?.address;
    let topics = topic_of_each_shard("delayed");
    let mut reader = Subscriber::connect(address)?;
    topics.iter().try_for_each(|topic| reader.subscribe(topic, None).map(drop))?;

    let mut attackers = attackers(address)?;
    let wanted = 2 * SHARED;
    for attacker in &mut attackers {
        for id in 1..=wanted {
            let topic = &topics[id as usize % topics.len()];
            attacker.peer.write(&request(id, &publish_after(topic, LATER)))?;
        }
    }
    let sent = u64::from(wanted * ATTACKERS);
    let server = trial.server()?;
    server.eventually(|server| {
        let (held, refused) = (waiting(server)?, refused(server)?);
        Ok((held + refused != sent).then(|| format!("of {sent}, {held} wait and {refused} were refused")))
    })?;
    let held = waiting(server)?;
    let mut others = (0..OTHERS).map(|_| Subscriber::connect(address)).collect::<Outcome<Vec<_>>>()?;
    for (number, other) in others.iter_mut().enumerate() {
        let topic = &topics[number % topics.len()];
        match other.ask(&publish_after(topic, SOON))? {
            Ok(TopicResponse::Published { receivers: 1, .. }) => {}
            answer => return Err(Failure(format!("while {held} wait, another was answered {answer:?}"))),
        }
    }
    let published = attackers.iter_mut().map(|it| answers(it, wanted, BUSY)).sum::<Outcome<u32>>()?;
    same("delayed publications that waited, and were published", held, published.into())?;
    for _ in 0..published + OTHERS {
        reader.message()?.ok_or_else(|| Failure("the reader was cut off".into()))?;
    }
    same("publications that still wait", 0, waiting(server)?)?;
    Ok(format!("of {sent}, {published} were accepted, and {OTHERS} of others"))
}

/// Publications over the rate limit of a topic that others use, too.
pub(super) fn rate_limited(trial: &mut Trial) -> Outcome<String> {
    let sections = format!(
        "[push]\nrate_limited_messages_max = {SHARED}\n[[push.topic]]\nprefix = \"limited\"\nmessages_per_second = {}\n",
        SHARED / 2
    );
    let address = trial.start(&Setup { sections, ..Setup::default() })?.address;
    let mut reader = Subscriber::connect(address)?;
    reader.subscribe("limited", None)?;
    let mut attackers = attackers(address)?;
    let wanted = SHARED;
    for attacker in &mut attackers {
        for id in 1..=wanted {
            attacker.peer.write(&request(id, &publication("limited", true, b"attack")))?;
        }
    }
    for number in 0..OTHERS {
        let mut other = Subscriber::connect(address)?;
        let answer = other.publish_once("limited", b"other", PublishHeader::default())?;
        answer.map_err(|status| Failure(format!("publication {number} of another: status {status}")))?;
        other.peer.finish();
    }
    let published = attackers.iter_mut().map(|it| answers(it, wanted, BUSY)).sum::<Outcome<u32>>()?;
    for offset in 1..=u64::from(published + OTHERS) {
        let message = reader.message()?.ok_or_else(|| Failure("the reader was cut off".into()))?;
        same("the next offset", offset, message.position.offset)?;
    }
    Ok(format!("of {}, {published} were accepted, and {OTHERS} of others", wanted * ATTACKERS))
}

/// Topics, by publications.
pub(super) fn topics(trial: &mut Trial) -> Outcome<String> {
    let sections =
        format!("[push]\ntopics_max = {SHARED}\nhistory_messages_max = 0\ntopic_idle_timeout = \"1s\"\n");
    let address = trial.start(&Setup { sections, ..Setup::default() })?.address;
    let before = trial.server()?.metric("shardcast_topics", &[])?;
    let mut attackers = attackers(address)?;
    let wanted = 2 * SHARED;
    let mut made = 0;
    for (number, attacker) in attackers.iter_mut().enumerate() {
        for id in 1..=wanted {
            let topic = format!("topics.{number}.{id}");
            attacker.peer.write(&request(id, &publication(&topic, true, b"")))?;
        }
        made += answers(attacker, wanted, TOO_MANY_TOPICS)?;
    }
    for number in 0..OTHERS {
        let mut other = Subscriber::connect(address)?;
        other
            .publish(&format!("topics.other.{number}"), b"", PublishHeader::default())
            .map_err(|it| Failure(format!("with {made} topics of one address, for another: {it}")))?;
        other.peer.finish();
    }
    attackers.into_iter().for_each(|attacker| attacker.peer.reset());
    trial.server()?.eventually_metric("shardcast_topics", &[], before)?;
    Ok(format!("of {}, {made} were made, and {OTHERS} of others", wanted * ATTACKERS))
}

/// Subscriptions, each to a topic of its own.
pub(super) fn subscriptions(trial: &mut Trial) -> Outcome<String> {
    let sections = format!("[push]\nsubscriptions_max = {SHARED}\n");
    let address = trial.start(&Setup { sections, ..Setup::default() })?.address;
    let before = trial.server()?.metric("shardcast_subscriptions", &[])?;
    let mut attackers = attackers(address)?;
    let wanted = SHARED;
    let mut made = 0;
    for (number, attacker) in attackers.iter_mut().enumerate() {
        for id in 1..=wanted {
            let topic = &format!("subscriptions.{number}.{id}");
            attacker.peer.write(&request(id, &Request::Subscribe { topic, prefix: false, since: None }))?;
        }
        made += answers(attacker, wanted, TOO_MANY_SUBSCRIPTIONS)?;
    }
    for _ in 0..OTHERS {
        let mut other = Subscriber::connect(address)?;
        other
            .subscribe("subscriptions.others", None)
            .map_err(|it| Failure(format!("with {made} subscriptions of one address, for another: {it}")))?;
        other.peer.finish();
    }
    attackers.into_iter().for_each(|attacker| attacker.peer.reset());
    trial.server()?.eventually_metric("shardcast_subscriptions", &[], before)?;
    Ok(format!("of {}, {made} were made, and {OTHERS} of others", wanted * ATTACKERS))
}

/// Connections: each is served, or closed as soon as it is accepted.
pub(super) fn connections(trial: &mut Trial) -> Outcome<String> {
    let limits = format!("connections_max = {SHARED}\nconnections_per_ip_max = {}", SHARED / 2);
    let address = trial.start(&Setup { limits, ..Setup::default() })?.address;
    let wanted = 2 * SHARED;
    let (mut served, mut refused) = (Vec::new(), 0);
    for id in 1..=wanted {
        // A reset may come before the system has reported that the connection is there.
        let echo = |mut peer: Peer| peer.echo(id, b"attack").map(|()| peer);
        match Peer::connect_from(ANOTHER_ADDRESS, address).and_then(echo) {
            Ok(peer) => served.push(peer),
            Err(_) => refused += 1,
        }
    }
    let counted = trial.server()?.metric("shardcast_connections_rejected_total", &[])?;
    same("connections that were refused, and counted", refused, counted)?;
    let connect = |id| {
        let mut other = Peer::connect(address)?;
        other.echo(id, b"other")?;
        Ok(other)
    };
    let others = (1..=OTHERS).map(connect).collect::<Outcome<Vec<_>>>();
    let others = others.map_err(|it| Failure(format!("beside {} of one address: {it}", served.len())))?;
    // And the control connection.
    let open = (served.len() + others.len() + 1) as u64;
    same("connections that are open", open, trial.server()?.metric("shardcast_connections", &[])?)?;
    Ok(format!("of {wanted}, {} were served, and {OTHERS} of others", served.len()))
}

fn attackers(address: SocketAddr) -> Outcome<Vec<Subscriber>> {
    (0..ATTACKERS).map(|_| Subscriber::connect_from(ANOTHER_ADDRESS, address)).collect()
}

const fn publish_after(topic: &str, delay: Duration) -> Request<'_> {
    let options = PublishHeader { key: None, delay: Some(delay), ttl: None, priority: None };
    Request::Publish { topic, expects_response: true, options, body: b"" }
}

fn waiting(server: &Server) -> Outcome<u64> {
    server.metric("shardcast_push_waiting", &[])
}

fn refused(server: &Server) -> Outcome<u64> {
    server.metric("shardcast_push_publish_refused_total", &[])
}

/// Reads `count` answers: each is a success, which are counted, or this refusal.
fn answers(client: &mut Subscriber, count: u32, refusal: u8) -> Outcome<u32> {
    let mut succeeded = 0;
    for _ in 0..count {
        match client.answer()? {
            Some((_, Ok(_))) => succeeded += 1,
            Some((_, Err(status))) => same("the status of a refusal", refusal, status)?,
            None => return Err(Failure("an attacker was cut off".into())),
        }
    }
    Ok(succeeded)
}

/// What each shard has of it, and the server of connections.
const SHARED: u32 = 500;
const ATTACKERS: u32 = 4;
const OTHERS: u32 = 20;
/// After all publications were sent.
const LATER: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_millis(20);
