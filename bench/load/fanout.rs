use shardcast_os::clock;

use super::{PATIENCE, Phase, Plan, Result};
use crate::{
    frame::Stamper,
    idle::Idle,
    links::Links,
    outcome::{Meter, Outcome},
};

/// One of `connections`, another one each round, sends `window` messages at once, and every connection gets
/// them all; then comes the next round. Latency is that of a delivery.
///
/// # Errors
/// The server cannot be reached, or this machine lacks something.
pub fn fanout(plan: &Plan, connections: usize, window: usize) -> Result<Outcome> {
    let mut links = plan.connect_links(connections)?;
    let mut load = Load {
        stamper: Stamper::new(plan.size),
        expected: vec![0; connections],
        next_sent: 0,
        meter: None,
        out: 0,
        wrong: 0,
    };
    let mut idle = Idle::new(plan.spin);
    let mut phase = Phase::WarmUp;
    let mut phase_began = clock::now_nanos();
    let mut round_began = phase_began;
    let mut rounds = 0;
    let mut outcome = Outcome::default();
    loop {
        if load.out == 0 {
            if phase == Phase::Collect {
                break;
            }
            round_began = clock::now_nanos();
            load.begin_round(&mut links, (rounds % connections) as u32, window);
            rounds += 1;
        }
        let worked = links.turn(|links, slot, bytes| load.receive(links, slot, bytes))?;
        let now = clock::now_nanos();
        if u128::from(now - round_began) > PATIENCE.as_nanos() {
            break;
        }
        let elapsed = u128::from(now - phase_began);
        if phase == Phase::WarmUp && elapsed > plan.warm_up.as_nanos() {
            load.meter = Some(Meter::start(plan.server));
            (phase, phase_began) = (Phase::Measure, clock::now_nanos());
        } else if phase == Phase::Measure && elapsed > plan.time.as_nanos() {
            let test = format!("fanout {connections}x{window}");
            outcome = load.meter.take().map(|meter| meter.finish(test)).unwrap_or_default();
            phase = Phase::Collect;
        }
        idle.after_turn(worked, links.ring())?;
    }
    Ok(Outcome { lost: load.out as u64, wrong: load.wrong, ..outcome })
}

struct Load {
    stamper: Stamper,
    /// Id of the next message, per connection.
    expected: Vec<u32>,
    next_sent: u32,
    /// There while measuring.
    meter: Option<Meter>,
    /// Deliveries that have not come.
    out: usize,
    wrong: u64,
}

impl Load {
    fn begin_round(&mut self, links: &mut Links, publisher: u32, window: usize) {
        for _ in 0..window {
            links.say(publisher, self.stamper.stamp(self.next_sent, clock::now_nanos()));
            self.next_sent = self.next_sent.wrapping_add(1);
        }
        self.out = window * self.expected.len();
    }

    #[inline]
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        links.frames(slot, bytes, |_, frame| {
            let expected = &mut self.expected[slot as usize];
            match self.stamper.read(frame) {
                Some((id, sent)) if id == *expected => {
                    if let Some(meter) = &mut self.meter {
                        meter.record(now.saturating_sub(sent));
                    }
                }
                _ => self.wrong += 1,
            }
            *expected = expected.wrapping_add(1);
            self.out = self.out.saturating_sub(1);
        });
    }
}
