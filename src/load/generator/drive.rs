//! The loop of one generator thread: sends what is due, receives, and ends.

use std::io;

use rustix::time::{ClockId, clock_gettime};
use shardcast_os::clock;

use super::{
    connections::Connections,
    live::ThreadLive,
    pause::{Pause, Wait},
    recorder::Window,
    schedule::Schedule,
};
use crate::links::Links;

/// What a thread sends over its connections, and what it does with received bytes.
pub(super) trait Load<C = Links> {
    /// Message `index` of the schedule is due. Not called without a schedule.
    fn due(&mut self, _links: &mut C, _index: u64, _intended: u64, _now: u64) {}
    /// Sends messages that need no schedule; true if there were any.
    fn poll(&mut self, _links: &mut C, _now: u64) -> bool {
        false
    }
    /// Bytes were received.
    fn receive(&mut self, links: &mut C, slot: u32, bytes: &[u8]);
    /// Everything that has come was received.
    fn received_all(&mut self, _links: &C, _now: u64) {}
    /// No more messages may begin; messages that are already due are still sent.
    fn stop(&mut self);
    /// Whether another thread may still send messages that this one receives.
    fn may_grow(&self) -> bool {
        false
    }
    /// Messages that are in progress, or due and not sent.
    fn outstanding(&self) -> u64;
    /// Messages sent and received so far.
    fn progress(&self) -> (u64, u64);
}

/// When a thread sends, and how it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// `None`: the load decides itself when it sends.
    pub(super) schedule: Option<Schedule>,
    pub(super) window: Window,
    pub(super) wait: Wait,
}

/// Runs `load` to its end. Returns the nanoseconds in the window in which the thread had work.
pub(super) fn drive<C: Connections>(
    links: &mut C,
    load: &mut impl Load<C>,
    timing: &Timing,
    live: &ThreadLive,
) -> io::Result<u64> {
    let Timing { schedule, window, wait } = *timing;
    let mut pause = Pause::new(wait);
    let mut index = 0;
    let mut worked_nanos = 0;
    let mut reported_nanos = 0;
    let mut stopped = false;
    let (mut last_received, mut last_received_nanos) = (0, 0);
    let mut now = clock::now_nanos();
    loop {
        let mut worked = false;
        let mut due = window.end;
        if let Some(schedule) = schedule.filter(|_| !stopped) {
            for _ in 0..BATCH {
                due = schedule.time(index);
                if due > now || due >= window.end {
                    break;
                }
                load.due(links, index, due, now);
                index += 1;
                worked = true;
            }
            stopped = due >= window.end && now >= window.end;
        } else {
            stopped = now >= window.end;
            worked |= !stopped && load.poll(links, now);
            due = due.min(now + REPORT_NANOS);
        }
        worked |= links.turn(|links, slot, bytes| load.receive(links, slot, bytes))?;
        load.received_all(links, now);
        if stopped {
            load.stop();
            let received = load.progress().1;
            if received != last_received || last_received_nanos == 0 {
                (last_received, last_received_nanos) = (received, now);
            }
            // In this order: what another thread sent before it ended is outstanding.
            let is_done = !load.may_grow() && load.outstanding() == 0;
            if is_done || now - last_received_nanos > PATIENCE_NANOS || now > window.end + COLLECT_NANOS {
                live.report(load.progress(), thread_cpu_nanos());
                return Ok(worked_nanos);
            }
            due = now + REPORT_NANOS;
        }
        if now - reported_nanos > REPORT_NANOS {
            reported_nanos = now;
            live.report(load.progress(), thread_cpu_nanos());
        }
        pause.after_turn(worked, now, due, |until| links.sleep(until))?;
        let before = std::mem::replace(&mut now, clock::now_nanos());
        if worked && window.interval_of(before).is_some() {
            worked_nanos += now - before;
        }
    }
}

pub(super) fn thread_cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The most messages that are sent in one turn, so that a late generator still receives.
const BATCH: usize = 64;

/// How often a thread reports its progress.
pub(super) const REPORT_NANOS: u64 = 1_000_000;

/// If nothing was received for this long, missing messages are lost.
const PATIENCE_NANOS: u64 = 2_000_000_000;

/// The longest time to wait for messages in progress.
const COLLECT_NANOS: u64 = 30_000_000_000;

#[cfg(test)]
mod tests {
    use shardcast_os::ring::RingConfig;

    use super::*;

    /// Everything has been received, and another thread still sends while it is asked a few times.
    #[derive(Default)]
    struct Idle {
        asked: std::cell::Cell<u32>,
    }

    impl Load for Idle {
        fn receive(&mut self, _links: &mut Links, _slot: u32, _bytes: &[u8]) {}
        fn stop(&mut self) {}
        fn may_grow(&self) -> bool {
            self.asked.set(self.asked.get() + 1);
            self.asked.get() < 5
        }
        fn outstanding(&self) -> u64 {
            assert!(self.asked.get() > 0, "whether others may send is known before what is outstanding");
            0
        }
        fn progress(&self) -> (u64, u64) {
            (1, 1)
        }
    }

    #[test]
    fn a_thread_does_not_end_while_another_may_send_to_it() {
        let mut links = Links::new(&RingConfig::default()).expect("io_uring works here");
        let end = clock::now_nanos();
        let window = Window { begin: 0, end, interval: end };
        let timing = Timing { schedule: None, window, wait: Wait::Sleep { spin_nanos: 0 } };
        let mut load = Idle::default();
        drive(&mut links, &mut load, &timing, &ThreadLive::default()).expect("the ring works");
        assert_eq!(load.asked.get(), 5);
    }
}
