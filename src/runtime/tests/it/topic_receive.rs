//! Threads that receive perform the I/O of their client, together with threads that call.

use std::{fs, thread, time::Duration};

use rustix::thread::Pid;
use shardcast::{
    Server,
    proto::{PublishHeader, TopicFilter, TopicName},
    topics::{TopicClient, TopicEvent, Waiting},
};

use crate::support::{PATIENCE, Recorder, alone, config, eventually, serve};

fn filter(text: &str) -> TopicFilter {
    text.parse().expect("a filter")
}

/// A client that is subscribed to the topic `t`.
fn subscriber() -> (Server, TopicClient) {
    let (server, address) = serve(config(), &Recorder::default());
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a client");
    client.subscribe(filter("t"), None);
    loop {
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Subscribed { .. } => return (server, client),
            TopicEvent::Connected => {}
            event => panic!("{event:?}"),
        }
    }
}

/// The next message, with as many polls as it takes.
fn next(client: &mut TopicClient, patience: Duration) -> (u64, Vec<u8>) {
    let mut next = None;
    eventually(PATIENCE, || {
        next = client.recv(patience);
        next.is_some()
    });
    match next {
        Some(TopicEvent::Message { position, body, .. }) => (position.offset, body.to_vec()),
        event => panic!("{event:?}"),
    }
}

/// Whether this thread of the process sleeps.
fn sleeps(thread: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).expect("proc is mounted");
    status.lines().any(|line| line.starts_with("State:\tS"))
}

/// How often the threads of this process with this name went to sleep.
fn sleeps_of(name: &str) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("proc is mounted").map_while(Result::ok);
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let value = |status: &str, key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
    };
    statuses
        .filter(|status| value(status, "Name:").as_deref() == Some(name))
        .filter_map(|status| value(&status, "voluntary_ctxt_switches:")?.parse::<u64>().ok())
        .sum()
}

#[test]
fn a_message_wakes_the_thread_that_receives_and_no_other() {
    const MESSAGES: u64 = 200;
    alone("topic_receive::a_message_wakes_the_thread_that_receives_and_no_other", || {
        let (server, mut client) = subscriber();
        let handle = server.handle();
        let before = sleeps_of("clients");
        let (received, go_on) = flume::bounded(1);
        let receiver = rustix::thread::gettid();
        let publishing = thread::spawn(move || {
            for number in 1..=MESSAGES {
                // The other thread is already receiving.
                eventually(PATIENCE, || sleeps(receiver));
                handle.publish("t", number.to_string()).expect("room");
                assert_eq!(go_on.recv(), Ok(number));
            }
        });
        for number in 1..=MESSAGES {
            let expected = (number, number.to_string().into_bytes());
            assert_eq!(next(&mut client, PATIENCE), expected);
            received.send(number).expect("it waits");
        }
        publishing.join().expect("no panic");
        let sleeps = sleeps_of("clients") - before;
        assert!(sleeps < MESSAGES / 4, "the other thread woke {sleeps} times");
        server.stop().expect("a clean stop");
    });
}

#[test]
fn others_publish_over_the_connection_that_a_thread_receives_from() {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let (server, mut client) = subscriber();
    let publishing: Vec<_> = (0..THREADS)
        .map(|thread| {
            let publisher = client.publisher();
            thread::spawn(move || {
                let topic = TopicName::new("t").expect("a name");
                for number in 0..EACH {
                    let body = format!("{thread} {number}");
                    let receipt = publisher.publish(&topic, PublishHeader::default(), body.as_bytes());
                    assert_eq!(receipt.map(|it| it.receivers), Ok(1));
                }
            })
        })
        .collect();
    let mut counts = [0; THREADS];
    for offset in 1..=(THREADS * EACH) as u64 {
        // Some waits end before anything comes, while other threads lead or wait to lead.
        let patience = [Duration::ZERO, Duration::from_micros(50), PATIENCE][offset as usize % 3];
        let (at, body) = next(&mut client, patience);
        assert_eq!(at, offset);
        let text = String::from_utf8(body).expect("it is text");
        let (thread, number) = text.split_once(' ').expect("two numbers");
        let count: &mut usize = &mut counts[thread.parse::<usize>().expect("a number")];
        assert_eq!(number.parse(), Ok(*count), "in order");
        *count += 1;
    }
    publishing.into_iter().for_each(|it| it.join().expect("no panic"));
    assert_eq!(client.recv(Duration::from_millis(1)), None);
    server.stop().expect("a clean stop");
}

#[test]
fn a_thread_with_no_time_to_wait_looks_all_the_same() {
    let (server, mut client) = subscriber();
    for number in 1..=100 {
        server.handle().publish("t", "x").expect("room");
        assert_eq!(next(&mut client, Duration::ZERO).0, number);
    }
    server.stop().expect("a clean stop");
}
