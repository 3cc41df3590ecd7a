//! Streams in unusual order: frames that arrive in pieces, peers that end their direction before the answers, and peers that
//! read only after all their requests. Each request is answered, in order.

use std::{io::Write as _, net::SocketAddr, thread, time::Duration};

use shardcast::proto::topics::control::Request;

use super::{Outcome, Trial, join_all, same};
use crate::{
    peer::{Peer, frame},
    random::Random,
    server::Setup,
    subscriber::{Subscriber, publication, request},
};

/// Requests in pieces of a few bytes, from many at once.
pub(super) fn trickle(trial: &mut Trial) -> Outcome<String> {
    let (peers, requests) = (trial.size(400), 8);
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let peers_of_each = peers.div_ceil(THREADS);
    let bytes = in_threads(&random, move |mut random| {
        let mut crowd = (0..peers_of_each)
            .map(|_| {
                let payloads: Vec<_> = (0..requests).map(|_| random.bytes(60)).collect();
                let stream: Vec<_> =
                    payloads.iter().zip(1..).flat_map(|(payload, id)| frame(id, payload)).collect();
                Ok((Peer::connect(address)?, payloads, stream))
            })
            .collect::<Outcome<Vec<_>>>()?;
        let mut written = 0;
        while crowd.iter().any(|(_, _, stream)| !stream.is_empty()) {
            for (peer, _, stream) in &mut crowd {
                let piece = stream.len().min(1 + random.below(4) as usize);
                peer.write(&stream.drain(..piece).collect::<Vec<_>>())?;
                written += piece;
            }
        }
        for (peer, payloads, _) in &mut crowd {
            for (payload, id) in payloads.iter().zip(1..) {
                same("the next answer", &(id, payload.clone()), &peer.answer()?)?;
            }
            peer.finish();
        }
        Ok(written)
    })?;
    Ok(format!(
        "{} requests in pieces, {} bytes",
        THREADS * peers_of_each * requests,
        bytes.iter().sum::<usize>()
    ))
}

/// Requests to the service and to the hub, and the end of the stream at once.
pub(super) fn half_closed(trial: &mut Trial) -> Outcome<String> {
    let each = trial.size(2_000) / THREADS;
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let answers = in_threads(&random, move |mut random| {
        let mut answers = 0;
        for _ in 0..each {
            answers += ask_and_end(address, &mut random)?;
        }
        Ok(answers)
    })?;
    Ok(format!("{} streams, {} answers", each * THREADS, answers.into_iter().sum::<u32>()))
}

fn ask_and_end(address: SocketAddr, random: &mut Random) -> Outcome<u32> {
    let mut subscriber = Subscriber::connect(address)?;
    let count = 3 * (1 + random.below(20) as u32);
    let topic = format!("half-closed.{}", random.below(100));
    let ask = |id: u32| match id % 3 {
        0 => request(id, &Request::Ping),
        1 => request(id, &publication(&topic, true, b"last words")),
        _ => request(id, &Request::Presence { topic: &topic }),
    };
    // Their ids are those after HELLO.
    subscriber.peer.write(&(10..10 + count).flat_map(ask).collect::<Vec<_>>())?;
    subscriber.peer.finish();
    let mut answered = Vec::new();
    while let Some((id, answer)) = subscriber.answer()? {
        same(&format!("whether request {id} succeeded"), true, answer.is_ok())?;
        answered.push(id);
    }
    answered.sort_unstable();
    same("the requests that were answered", (10..10 + count).collect::<Vec<_>>(), answered)?;
    Ok(count)
}

/// More requests than fit in all buffers, whose answers are read only then.
pub(super) fn unread(trial: &mut Trial) -> Outcome<String> {
    let each = trial.size(40) / THREADS;
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let written = in_threads(&random, move |_| {
        let mut crowd = Vec::new();
        for _ in 0..each {
            let mut peer = Peer::connect_narrow(address)?;
            let requests: Vec<_> = (1..=UNREAD).flat_map(|id| frame(id, &[id as u8; UNREAD_BYTES])).collect();
            // The server stops to read when too many answers wait.
            let written = peer.write_up_to(&requests, Duration::from_millis(200))?;
            same("whether the server stopped to read", true, written < requests.len())?;
            crowd.push((peer, requests, written));
        }
        let mut sum = 0;
        for (mut peer, requests, written) in crowd {
            let mut stream = peer.stream()?;
            let rest = thread::spawn(move || Ok(stream.write_all(&requests[written..])?));
            for id in 1..=UNREAD {
                same("the next answer", (id, vec![id as u8; UNREAD_BYTES]), peer.answer()?)?;
            }
            join_all(vec![rest])?;
            peer.finish();
            sum += written;
        }
        Ok(sum)
    })?;
    let requests = each * THREADS * UNREAD;
    Ok(format!(
        "{requests} requests, {} MiB before the first answer was read",
        written.iter().sum::<usize>() >> 20
    ))
}

fn in_threads<T: Send + 'static>(
    random: &Random,
    work: impl Fn(Random) -> Outcome<T> + Copy + Send + 'static,
) -> Outcome<Vec<T>> {
    let start = |number: u32| {
        let random = random.fork(u64::from(number));
        thread::spawn(move || work(random))
    };
    join_all((0..THREADS).map(start).collect())
}

const THREADS: u32 = 4;
/// 10 MB in all, more than the largest default buffers of the system and of the server.
const UNREAD: u32 = 200;
const UNREAD_BYTES: usize = 50_000;
