//! Connections with as many subscriptions as they may have are reset together: what they held is released, and others
//! lose nothing.

use std::thread;

use shardcast::proto::topics::control::Request;

use super::{Failure, Outcome, Trial, join_all};
use crate::{
    bystanders::Bystanders,
    server::Setup,
    subscriber::{Subscriber, request},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (crowd, each) = (trial.size(80), u64::from(trial.size(500)));
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let mut bystanders = Bystanders::start(address, BYSTANDERS, crowd, &random)?;
    // That of each of them, and the automatic one of the control connection.
    let before = BYSTANDERS + 1;
    trial.server()?.eventually_metric("shardcast_subscriptions", &[], before)?;
    for _ in 0..ROUNDS {
        let join = |number: u32| {
            thread::spawn(move || {
                let mut subscriber = Subscriber::connect(address)?;
                let subscribe = |id: u32| {
                    // Prefixes, of which one matches everything; then topics that all have, and own ones.
                    let (topic, prefix) = match id {
                        0..PREFIXES => (FRONT[..id as usize].to_owned(), true),
                        _ if id.is_multiple_of(2) => (format!("{FRONT}{id}"), false),
                        _ => (format!("{FRONT}{number}.{id}"), false),
                    };
                    request(id + 1, &Request::Subscribe { topic: &topic, prefix, since: None })
                };
                let ids: Vec<_> = (0..SUBSCRIPTIONS).collect();
                for some in ids.chunks(IN_PROGRESS) {
                    let frames: Vec<_> = some.iter().flat_map(|id| subscribe(*id)).collect();
                    subscriber.peer.write(&frames)?;
                    for _ in some {
                        match subscriber.answer()? {
                            Some((_, Ok(_))) => {}
                            other => return Err(Failure(format!("SUBSCRIBE was answered {other:?}"))),
                        }
                    }
                }
                Ok(subscriber)
            })
        };
        let members = join_all((0..crowd).map(join).collect())?;
        let held = u64::from(crowd * SUBSCRIPTIONS);
        let server = trial.server()?;
        server.eventually_metric("shardcast_subscriptions", &[], before + held)?;
        bystanders.publish_more(each)?;
        members.into_iter().for_each(|member| member.peer.reset());
        bystanders.publish_more(each)?;
        server.eventually_metric("shardcast_subscriptions", &[], before)?;
    }
    let published = bystanders.end()?;
    Ok(format!(
        "{crowd} left {ROUNDS} times with {SUBSCRIPTIONS} subscriptions each, beside {published} publications"
    ))
}

const BYSTANDERS: u64 = 4;
/// The default bound of a connection.
const SUBSCRIPTIONS: u32 = 4096;
/// Of each connection, so that all of them have a part of the requests that may wait.
const IN_PROGRESS: usize = 64;
const FRONT: &str = "leave.";
const PREFIXES: u32 = FRONT.len() as u32;
const ROUNDS: u32 = 2;
