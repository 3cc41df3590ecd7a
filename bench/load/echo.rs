use shardcast_os::clock;

use super::{PATIENCE, Phase, Plan, Result};
use crate::{
    frame::Stamper,
    idle::Idle,
    links::Links,
    outcome::{Meter, Outcome},
};

/// `connections` with `depth` messages on the way each.
///
/// # Errors
/// The server cannot be reached, or this machine lacks something.
pub fn echo(plan: &Plan, connections: usize, depth: usize) -> Result<Outcome> {
    let mut links = plan.connect_links(connections)?;
    let mut load = Load {
        stamper: Stamper::new(plan.size),
        peers: vec![Peer::default(); connections],
        meter: None,
        sending: true,
        out: 0,
        wrong: 0,
    };
    for slot in 0..connections as u32 {
        (0..depth).for_each(|_| load.send(&mut links, slot, clock::now_nanos()));
    }
    let mut idle = Idle::new(plan.spin);
    let mut phase = Phase::WarmUp;
    let mut phase_began = clock::now_nanos();
    let mut outcome = Outcome::default();
    loop {
        let worked = links.turn(|links, slot, bytes| load.receive(links, slot, bytes))?;
        let now = clock::now_nanos();
        let elapsed = u128::from(now - phase_began);
        phase = match phase {
            Phase::WarmUp if elapsed > plan.warm_up.as_nanos() => {
                load.meter = Some(Meter::start(plan.server));
                Phase::Measure
            }
            Phase::Measure if elapsed > plan.time.as_nanos() => {
                let test = format!("echo {connections}x{depth}");
                outcome = load.meter.take().map(|meter| meter.finish(test)).unwrap_or_default();
                load.sending = false;
                Phase::Collect
            }
            Phase::Collect if load.out == 0 || elapsed > PATIENCE.as_nanos() => break,
            same => {
                // A loop without a sleeping peer never sleeps either: the phases need the clock.
                idle.after_turn(worked, links.ring())?;
                phase = same;
                continue;
            }
        };
        phase_began = clock::now_nanos();
    }
    Ok(Outcome { lost: load.out, wrong: load.wrong, ..outcome })
}

struct Load {
    stamper: Stamper,
    peers: Vec<Peer>,
    /// There while measuring.
    meter: Option<Meter>,
    sending: bool,
    /// Messages on the way.
    out: u64,
    wrong: u64,
}

#[derive(Clone, Default)]
struct Peer {
    next_sent: u32,
    next_expected: u32,
}

impl Load {
    #[inline]
    fn send(&mut self, links: &mut Links, slot: u32, now: u64) {
        let peer = &mut self.peers[slot as usize];
        links.say(slot, self.stamper.stamp(peer.next_sent, now));
        peer.next_sent = peer.next_sent.wrapping_add(1);
        self.out += 1;
    }

    #[inline]
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        links.frames(slot, bytes, |links, frame| {
            let peer = &mut self.peers[slot as usize];
            match self.stamper.read(frame) {
                Some((id, sent)) if id == peer.next_expected => {
                    if let Some(meter) = &mut self.meter {
                        meter.record(now.saturating_sub(sent));
                    }
                }
                _ => self.wrong += 1,
            }
            peer.next_expected = peer.next_expected.wrapping_add(1);
            self.out = self.out.saturating_sub(1);
            if self.sending {
                self.send(links, slot, now);
            }
        });
    }
}
