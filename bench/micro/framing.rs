use std::hint::black_box;

use shardcast::proto::{
    Command, RequestId, Session, Time,
    tars::framed::{Framed, frame as wire},
};

use super::{Micro, measure};
use shardcast_load::frame;

/// Takes frames of `size` bytes out of a receive buffer, and writes responses into an outbox's buffer.
pub fn framing(size: usize, seconds: f64) -> Vec<Micro> {
    let one = wire::encode(7, &vec![0x5A; size.saturating_sub(frame::HEADER_BYTES)]);
    let input: Vec<u8> = one.iter().copied().cycle().take(one.len() * FRAMES).collect();
    vec![cut(&input, seconds), take(&input, seconds), answer(&one, seconds)]
}

/// The least: only the length of each frame is read.
fn cut(input: &[u8], seconds: f64) -> Micro {
    measure("framing: cut by length (baseline)", FRAMES, seconds, || {
        let mut rest = black_box(input);
        while let Ok(Some(frame)) = frame::first(rest) {
            black_box(frame);
            rest = &rest[frame.len()..];
        }
    })
}

/// What a connection does with what it received: session and parser, one event for each frame.
fn take(input: &[u8], seconds: f64) -> Micro {
    let mut session = session();
    measure("framing: session, one event each", FRAMES, seconds, || {
        let mut rest = black_box(input);
        while !rest.is_empty() {
            let Ok(progress) = session.handle_input(rest, NOW) else { break };
            let taken = progress.taken;
            black_box(progress.event);
            rest = &rest[taken..];
        }
    })
}

fn answer(one: &[u8], seconds: f64) -> Micro {
    let mut session = session();
    let mut out = Vec::with_capacity(one.len() * FRAMES);
    measure("framing: answer into a buffer", FRAMES, seconds, || {
        out.clear();
        for id in 0..FRAMES as u64 {
            let command = Command::respond(RequestId(id), black_box(one));
            let refused = session.handle_command(command, &mut out, NOW).is_err();
            debug_assert!(!refused, "every protocol can respond");
        }
        black_box(&out);
    })
}

/// A session as a connection has it, which does not know its protocol.
fn session() -> Box<dyn Session> {
    Box::new(Framed::default().session())
}

const NOW: Time = Time::from_nanos(1);

/// The number of frames of 64 bytes in a receive buffer of 4 KiB.
const FRAMES: usize = 64;
