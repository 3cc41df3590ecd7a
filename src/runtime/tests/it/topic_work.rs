//! Work that a hub does in pieces, and each message once: as peers see it.

use std::collections::BTreeMap;

use shardcast::proto::topics::control::{self, Request};
use shardcast::{
    ServerConfig, ShardCount,
    proto::{Position, PublishHeader, Recovery},
    push::HubConfig,
};

use crate::support::{PATIENCE, Recorder, Topics, config, eventually, frame, serve};

fn small(turn_work_max: usize) -> ServerConfig {
    config().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.push = HubConfig::default().with(|it| it.turn_work_max = turn_work_max);
    })
}

#[test]
fn connections_that_come_while_others_leave_get_only_what_is_theirs() {
    let (server, address) = serve(small(1), &Recorder::default());
    let handle = server.handle();
    let subscriptions = || handle.stats().iter().map(|shard| shard.push.subscriptions).sum::<u64>();
    for round in 0..5 {
        let mut leavers: Vec<_> = (0..8).map(|_| Topics::connect(address)).collect();
        for peer in &mut leavers {
            (0..50).for_each(|topic| {
                peer.subscribe(&format!("old.{topic}"), None);
            });
            peer.subscribe("old.*", None);
        }
        leavers.into_iter().for_each(|peer| peer.peer.reset());
        // Their slots are free soon; most of their subscriptions still exist.
        let mut peers: Vec<_> = (0..8).map(|_| Topics::connect(address)).collect();
        for peer in &mut peers {
            peer.subscribe("new", None);
        }
        for topic in 0..50 {
            handle.publish(&format!("old.{topic}"), "old").expect("room");
        }
        handle.publish("new", format!("{round}")).expect("room");
        for peer in &mut peers {
            let received = peer.receive();
            assert_eq!((&*received.topic, received.body), ("new", format!("{round}").into_bytes()));
        }
        eventually(PATIENCE, || subscriptions() == 8);
        drop(peers);
        eventually(PATIENCE, || subscriptions() == 0);
    }
}

#[test]
fn a_prefix_and_a_position_on_one_connection_give_each_message_once() {
    for shards in [1, 2] {
        let config = config().with(|it| it.shards = ShardCount::Exactly(shards));
        let (_server, address) = serve(config, &Recorder::default());
        let (mut publisher, mut peer) = (Topics::connect(address), Topics::connect(address));
        let (first, _) = publisher.publish("t.1", b"1");
        peer.subscribe("t.*", None);
        publisher.publish("t.1", b"2");
        publisher.publish("t.1", b"3");
        let live: Vec<_> = (0..2).map(|_| peer.receive().position.offset).collect();
        let (head, recovery) = peer.subscribe("t.1", Some(Position { offset: 0, ..first }));
        assert_eq!((head.offset, recovery), (3, Recovery::Recovered));
        publisher.publish("t.1", b"4");
        publisher.publish("t.1", b"5");
        let rest: Vec<_> = (0..3).map(|_| peer.receive().position.offset).collect();
        assert_eq!((live, rest), (vec![2, 3], vec![1, 4, 5]));
    }
}

#[test]
fn a_refused_publication_is_counted_once() {
    let config = config().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.push = HubConfig::default().with(|it| it.backlog_max = 1);
    });
    let (server, address) = serve(config, &Recorder::default());
    let mut peer = Topics::connect(address);
    // All in one send, so that they meet a full backlog; none wants a response.
    let options = PublishHeader::default();
    let mut payload = Vec::new();
    let quiet = Request::Publish { topic: "t", expects_response: false, options, body: b"x" };
    control::encode_request(&quiet, &mut payload);
    peer.peer.send(&frame(0, &payload).repeat(200));
    peer.ask(&Request::Presence { topic: "t" }).expect("it is answered after all of them");
    let (last, _) = peer.publish("t", b"last");
    let stats = server.handle().stats();
    let refused: BTreeMap<_, _> = stats[0].push.refused.iter().copied().collect();
    assert_eq!(refused.values().sum::<u64>(), 200 - (last.offset - 1), "{refused:?}");
    assert!(refused["busy"] > 0 && refused["quiet"] == 0, "{refused:?}");
}
