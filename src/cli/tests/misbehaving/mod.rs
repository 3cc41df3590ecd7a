//! An echo server for frames of `[u32 BE length][u32 BE id][payload]` with one deliberate fault.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Its fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Pauses for 100 ms after this number of messages.
    StallAfterEach {
        /// How many.
        messages: usize,
    },
    /// See [`fate`].
    Unreliable,
}

/// Starts one; it runs until the test ends.
pub(crate) fn serve(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that stops early is not an error.
            thread::spawn(move || drop(echo(stream, behaviour)));
        }
    });
    address
}

/// How many of the first `messages` an unreliable server loses, duplicates, swaps with the next, and changes.
/// Changed messages count as lost, too.
pub(crate) fn faults(messages: usize) -> [u64; 4] {
    let count = |fate_is: Fate| (0..messages).filter(|&number| fate(number) == fate_is).count() as u64;
    let [lost, doubled, swapped, changed] =
        [Fate::Lost, Fate::Doubled, Fate::Swapped, Fate::Changed].map(count);
    [lost + changed, doubled, swapped, changed]
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Sent,
    Lost,
    Doubled,
    Swapped,
    Changed,
}

fn fate(number: usize) -> Fate {
    match number % 100 {
        10 => Fate::Lost,
        20 | 25 => Fate::Doubled,
        30 | 40 | 50 => Fate::Swapped,
        60 | 61 | 65 | 69 => Fate::Changed,
        _ => Fate::Sent,
    }
}

fn echo(mut stream: TcpStream, behaviour: Behaviour) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut held = Vec::new();
    for number in 0.. {
        let mut frame = vec![0; 8];
        stream.read_exact(&mut frame)?;
        let len = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
        frame.resize(len.clamp(8, 1_000_000), 0);
        stream.read_exact(&mut frame[8..])?;
        match behaviour {
            Behaviour::StallAfterEach { messages } if number % messages == messages - 1 => {
                thread::sleep(Duration::from_millis(100));
            }
            Behaviour::Unreliable => match fate(number) {
                Fate::Sent => {}
                Fate::Lost => frame.clear(),
                Fate::Doubled => frame = frame.repeat(2),
                Fate::Swapped => {
                    held = std::mem::take(&mut frame);
                }
                Fate::Changed => *frame.last_mut().expect("a header at least") ^= 1,
            },
            Behaviour::StallAfterEach { .. } => {}
        }
        stream.write_all(&frame)?;
        if !frame.is_empty() {
            stream.write_all(&std::mem::take(&mut held))?;
        }
    }
    Ok(())
}
