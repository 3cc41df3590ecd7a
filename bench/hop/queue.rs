use std::{io, thread, time::Duration};

use shardcast_os::{clock, spsc};

use super::{Hop, WARM_UP, histogram};
use crate::machine;

/// Two pinned threads that poll a queue each and do nothing else: the least that a hop can take. The messages
/// are as large as an envelope of the mesh.
///
/// # Errors
/// A CPU does not exist.
pub fn between_threads(cpus: [usize; 2], time: Duration) -> io::Result<Hop> {
    let (mut there, mut inbox) = spsc::channel::<Message>(64);
    let (mut back, mut answers) = spsc::channel::<Message>(64);
    let echo = thread::spawn(move || {
        machine::pin(cpus[1])?;
        while !inbox.is_closed() {
            if let Some(message) = inbox.pop() {
                // One is in progress at a time, so there is room.
                let _ = back.push(message);
            } else {
                std::hint::spin_loop();
            }
        }
        io::Result::Ok(())
    });
    machine::pin(cpus[0])?;
    let mut nanos = histogram();
    let began = clock::now_nanos();
    let mut last = began;
    for trip in 0u64.. {
        let _ = there.push([trip; 8]);
        while answers.pop().is_none() {
            if answers.is_closed() {
                return echo.join().expect("the thread does not panic").map(|()| Hop::default());
            }
            std::hint::spin_loop();
        }
        let now = clock::now_nanos();
        if trip >= WARM_UP {
            nanos.saturating_record(now - last);
        }
        last = now;
        if u128::from(now - began) > time.as_nanos() {
            break;
        }
    }
    drop(there);
    echo.join().expect("the thread does not panic")?;
    Ok(Hop::from_round_trips(&nanos))
}

type Message = [u64; 8];
