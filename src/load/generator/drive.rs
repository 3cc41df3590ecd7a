//! The loop of one generator thread: sends what is due, receives what has come, and ends.

use std::io;

use rustix::time::{ClockId, clock_gettime};
use shardcast_os::clock;

use super::{
    live::ThreadLive,
    pause::{Pause, Wait},
    recorder::Window,
    schedule::Schedule,
};
use crate::links::Links;

/// What is sent, and what is made of what comes.
pub(super) trait Load {
    /// The time of the schedule's message `index` has come.
    fn due(&mut self, links: &mut Links, index: u64, intended: u64, now: u64);
    /// Sends what needs no schedule; true when there was any.
    fn poll(&mut self, _links: &mut Links, _now: u64) -> bool {
        false
    }
    /// Bytes came.
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]);
    /// Nothing more may be begun; what is due already, is still sent.
    fn stop(&mut self);
    /// Messages that are on the way, or due and not sent.
    fn outstanding(&self) -> u64;
    /// Messages sent and received so far.
    fn progress(&self) -> (u64, u64);
}

/// When a thread sends, and how it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// `None`: whenever the load sends by itself.
    pub(super) schedule: Option<Schedule>,
    pub(super) window: Window,
    pub(super) wait: Wait,
}

/// Runs `load` to its end; how many nanoseconds the thread had something to do within the window.
pub(super) fn drive(
    links: &mut Links,
    load: &mut impl Load,
    course: &Course,
    live: &ThreadLive,
) -> io::Result<u64> {
    let Course { schedule, window, wait } = *course;
    let mut pause = Pause::new(wait);
    let mut index = 0;
    let mut worked_nanos = 0;
    let mut told_nanos = 0;
    let mut stopped = false;
    let (mut came, mut came_nanos) = (0, 0);
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
            worked |= load.poll(links, now);
            due = due.min(now + TELL_NANOS);
        }
        worked |= links.turn(|links, slot, bytes| load.receive(links, slot, bytes))?;
        if stopped {
            load.stop();
            let received = load.progress().1;
            if received != came || came_nanos == 0 {
                (came, came_nanos) = (received, now);
            }
            if load.outstanding() == 0
                || now - came_nanos > PATIENCE_NANOS
                || now > window.end + COLLECT_NANOS
            {
                live.tell(load.progress(), thread_cpu_nanos());
                return Ok(worked_nanos);
            }
            due = now + TELL_NANOS;
        }
        if now - told_nanos > TELL_NANOS {
            told_nanos = now;
            live.tell(load.progress(), thread_cpu_nanos());
        }
        pause.after_turn(worked, now, due, links.ring())?;
        let before = std::mem::replace(&mut now, clock::now_nanos());
        if worked && window.interval_of(before).is_some() {
            worked_nanos += now - before;
        }
    }
}

fn thread_cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Messages sent in one turn at most: receiving must not wait for a generator that is behind.
const BATCH: usize = 64;

/// How often a thread tells how far it is.
const TELL_NANOS: u64 = 1_000_000;

/// What has not come when nothing came for this long is lost.
const PATIENCE_NANOS: u64 = 2_000_000_000;

/// Longest time to collect what is on the way.
const COLLECT_NANOS: u64 = 30_000_000_000;
