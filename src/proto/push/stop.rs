//! The order in which the shards of a server stop.
//!
//! ```text
//!   Running ── begin ──▶ Finishing ──▶ Publishing ──▶ Delivering ──▶ Closing
//! ```
//!
//! What was acknowledged to a publisher may still be on its way to subscribers on other shards. So a shard does
//! not close its connections before nothing can come for them. Each shard sends every other one two
//! [markers](Marker), in the queue of its envelopes: what was sent before a marker has arrived when the marker
//! has.
//!
//! The order holds while the shards do their part in time. A shard that is stuck must not delay the others for
//! ever: after a part of the time for the stop, a shard goes on without waiting.

use std::time::Duration;

use crate::Time;

/// The stop of one shard: its phase, and what it waits for.
///
/// The driver calls [`begin`](Self::begin) when the shard is to stop, [`handle_marker`](Self::handle_marker) for
/// each marker, even before that, and at the end of each turn [`advance`](Self::advance) until it returns nothing,
/// and then [`send_markers`](Self::send_markers). It calls all of them again at
/// [`poll_timeout`](Self::poll_timeout) at the latest.
///
/// # Examples
/// A shard with a publication that still waits for its position, and another shard:
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{
///     Time,
///     push::stop::{Marker, Phase, Remaining, Stop},
/// };
///
/// let (mut stop, now) = (Stop::new(0, 2), Time::from_nanos(0));
/// assert_eq!(stop.phase(), Phase::Running);
/// stop.begin(now + Duration::from_secs(8), now);
/// assert_eq!(stop.phase(), Phase::Finishing);
/// assert_eq!(stop.poll_timeout(now), Some(now + Duration::from_secs(1)));
///
/// let busy = Remaining { publications: true, ..Remaining::default() };
/// assert_eq!(stop.advance(&busy, now), None);
/// let nothing = Remaining::default();
/// assert_eq!(stop.advance(&nothing, now), Some(Phase::Publishing));
/// let mut sent = Vec::new();
/// stop.send_markers(|to, marker| { sent.push((to, marker)); true });
/// assert_eq!(sent, [(1, Marker::Finished)]);
///
/// // The other shard has sent its last publication, and then its last message.
/// assert_eq!(stop.advance(&nothing, now), None);
/// stop.handle_marker(1, Marker::Finished);
/// assert_eq!(stop.advance(&nothing, now), Some(Phase::Delivering));
/// stop.handle_marker(1, Marker::Published);
/// assert!(stop.must_send());
/// stop.send_markers(|_, marker| marker == Marker::Published);
/// assert_eq!(stop.advance(&nothing, now), Some(Phase::Closing));
/// assert!(!stop.must_send() && !stop.has_given_up());
/// assert_eq!(stop.poll_timeout(now), None);
/// ```
///
/// The other shard has ended without a marker:
/// ```
/// # use std::time::Duration;
/// # use shardcast_proto::{Time, push::stop::{Phase, Remaining, Stop}};
/// # let (mut stop, now) = (Stop::new(0, 2), Time::from_nanos(0));
/// stop.begin(now + Duration::from_secs(8), now);
/// stop.handle_ended(1);
/// let phases = std::iter::from_fn(|| stop.advance(&Remaining::default(), now));
/// assert_eq!(phases.last(), Some(Phase::Closing));
/// ```
#[derive(Clone, Debug)]
pub struct Stop {
    shard: u16,
    phase: Phase,
    /// Until when it waits for requests of services, and for other shards, and until when it does its own work.
    services_until: Time,
    waits_until: Time,
    deadline: Time,
    /// It has gone on although something was left.
    has_given_up: bool,
    /// Per shard, how many markers have come from there, and how many were sent there.
    came: Vec<u8>,
    sent: Vec<u8>,
}

/// How far the stop of a shard is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// It is not to stop.
    Running,
    /// It begins nothing new, and waits for what has begun here.
    Finishing,
    /// It sends no more publications to the owners of their topics, and waits for those of other shards.
    Publishing,
    /// It sends no more messages to subscribers elsewhere, and waits for those of other shards. From now on, the hub
    /// must [refuse](super::Hub::end_publishing) publications.
    Delivering,
    /// Every message is in the outboxes: the connections may end.
    Closing,
}

/// What a shard has sent to another one for the last time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Marker {
    /// Publications.
    Finished,
    /// Messages.
    Published,
}

/// What a shard still has to do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Remaining {
    /// Requests of its connections are in progress.
    pub requests: bool,
    /// Requests to other hubs are in progress.
    pub hub_requests: bool,
    /// The hub has publications without a position, or envelopes for other shards.
    pub publications: bool,
    /// The shard has sent itself something.
    pub envelopes: bool,
    /// Messages wait for their fan-out.
    pub deliveries: bool,
}

impl Stop {
    /// Creates the value for one of `shards` shards, which runs.
    pub fn new(shard: u16, shards: u16) -> Self {
        let none = vec![0; usize::from(shards)];
        Self {
            shard,
            phase: Phase::Running,
            services_until: Time::NEVER,
            waits_until: Time::NEVER,
            deadline: Time::NEVER,
            has_given_up: false,
            came: none.clone(),
            sent: none,
        }
    }

    /// The shard is to stop by `deadline`. A later call may shorten the time.
    pub fn begin(&mut self, deadline: Time, now: Time) {
        let time = deadline - now;
        self.services_until = self.services_until.min(now + (time / 4).min(SERVICES_TIME_MAX));
        self.waits_until = self.waits_until.min(now + time / 4 * 3);
        self.deadline = self.deadline.min(deadline);
        self.phase = self.phase.max(Phase::Finishing);
    }

    /// The phase.
    #[inline]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// A marker has come from another shard, after all that it sent before.
    pub fn handle_marker(&mut self, from: u16, marker: Marker) {
        if let Some(came) = self.came.get_mut(usize::from(from)) {
            *came = (*came).max(number(marker));
        }
    }

    /// Another shard has ended, and everything that it had sent has been taken: nothing more comes from there.
    pub fn handle_ended(&mut self, shard: u16) {
        for markers in [&mut self.came, &mut self.sent] {
            if let Some(markers) = markers.get_mut(usize::from(shard)) {
                *markers = MARKERS;
            }
        }
    }

    /// Goes on to the next phase, if nothing is left to wait for; returns that phase.
    pub fn advance(&mut self, remaining: &Remaining, now: Time) -> Option<Phase> {
        let (is_left, phase) = match self.phase {
            Phase::Running | Phase::Closing => return None,
            Phase::Finishing => {
                let requests = remaining.requests && now < self.services_until;
                (requests || remaining.hub_requests || remaining.publications, Phase::Publishing)
            }
            Phase::Publishing => (remaining.publications || !self.came(Marker::Finished), Phase::Delivering),
            Phase::Delivering => {
                // No other shard delays its own deliveries.
                if remaining.deliveries && now < self.deadline {
                    return None;
                }
                let comes = remaining.envelopes || !self.came(Marker::Published);
                (comes || remaining.deliveries || self.must_send(), Phase::Closing)
            }
        };
        if is_left && now < self.waits_until {
            return None;
        }
        self.has_given_up |= is_left;
        self.phase = phase;
        Some(phase)
    }

    /// Sends the markers that are due. `post` returns whether there was room; otherwise call this again soon.
    pub fn send_markers(&mut self, mut post: impl FnMut(u16, Marker) -> bool) {
        let due = self.due();
        for (to, sent) in self.sent.iter_mut().enumerate().filter(|(to, _)| *to != usize::from(self.shard)) {
            while *sent < due
                && post(to as u16, if *sent == 0 { Marker::Finished } else { Marker::Published })
            {
                *sent += 1;
            }
        }
    }

    /// Whether a marker is due and not sent yet.
    pub fn must_send(&self) -> bool {
        let (others, due) = (self.others(&self.sent), self.due());
        others.into_iter().any(|sent| sent < due)
    }

    /// Whether it has gone on without waiting for everything: messages may be lost.
    #[inline]
    pub const fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    /// When [`advance`](Self::advance) may go on although nothing else happens.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        let waits_for_services = self.phase == Phase::Finishing && now < self.services_until;
        match self.phase {
            Phase::Running | Phase::Closing => None,
            _ if waits_for_services => Some(self.services_until.min(self.waits_until)),
            _ if now < self.waits_until => Some(self.waits_until),
            _ => Some(self.deadline),
        }
    }

    /// How many markers are due at every other shard.
    const fn due(&self) -> u8 {
        match self.phase {
            Phase::Running | Phase::Finishing => 0,
            Phase::Publishing => number(Marker::Finished),
            Phase::Delivering | Phase::Closing => number(Marker::Published),
        }
    }

    fn came(&self, marker: Marker) -> bool {
        self.others(&self.came).into_iter().all(|came| came >= number(marker))
    }

    fn others<'a>(&self, of: &'a [u8]) -> impl IntoIterator<Item = u8> + use<'a> {
        let shard = usize::from(self.shard);
        of.iter().enumerate().filter(move |(other, _)| *other != shard).map(|(_, markers)| *markers)
    }
}

const fn number(marker: Marker) -> u8 {
    match marker {
        Marker::Finished => 1,
        Marker::Published => MARKERS,
    }
}

/// How many markers one shard sends to another.
const MARKERS: u8 = 2;

/// How long the connections of a stopping server may have to wait because services take long to respond, at most.
const SERVICES_TIME_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Remaining = Remaining {
        requests: false,
        hub_requests: false,
        publications: false,
        envelopes: false,
        deliveries: false,
    };

    const EVERYTHING: Remaining = Remaining {
        requests: true,
        hub_requests: true,
        publications: true,
        envelopes: true,
        deliveries: true,
    };

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// The phase that a shard reaches, at one time.
    fn run(stop: &mut Stop, remaining: &Remaining, now: Time) -> Phase {
        while stop.advance(remaining, now).is_some() {}
        stop.send_markers(|_, _| true);
        while stop.advance(remaining, now).is_some() {}
        stop.phase()
    }

    #[test]
    fn each_phase_waits_for_what_it_names() {
        let requests = Remaining { requests: true, ..NOTHING };
        let hub_requests = Remaining { hub_requests: true, ..NOTHING };
        let publications = Remaining { publications: true, ..NOTHING };
        let envelopes = Remaining { envelopes: true, ..NOTHING };
        let deliveries = Remaining { deliveries: true, ..NOTHING };
        for (came, remaining, expected) in [
            (None, requests, Phase::Finishing),
            (None, hub_requests, Phase::Finishing),
            (None, publications, Phase::Finishing),
            (None, envelopes, Phase::Publishing),
            (None, deliveries, Phase::Publishing),
            (Some(Marker::Finished), NOTHING, Phase::Delivering),
            (Some(Marker::Published), publications, Phase::Finishing),
            (Some(Marker::Published), envelopes, Phase::Delivering),
            (Some(Marker::Published), deliveries, Phase::Delivering),
            (Some(Marker::Published), NOTHING, Phase::Closing),
        ] {
            let mut stop = Stop::new(1, 2);
            // It may come before this shard is to stop.
            came.into_iter().for_each(|marker| stop.handle_marker(0, marker));
            assert_eq!(run(&mut stop, &NOTHING, at(0)), Phase::Running);
            stop.begin(at(8000), at(0));
            assert_eq!(run(&mut stop, &remaining, at(0)), expected, "{came:?} {remaining:?}");
        }
    }

    #[test]
    fn publications_of_other_shards_are_published_before_the_second_marker() {
        let mut stop = Stop::new(0, 3);
        stop.begin(at(8000), at(0));
        stop.handle_marker(1, Marker::Published);
        assert_eq!(run(&mut stop, &NOTHING, at(0)), Phase::Publishing, "another shard has not finished");
        stop.handle_marker(2, Marker::Finished);
        let publications = Remaining { publications: true, ..NOTHING };
        assert_eq!(run(&mut stop, &publications, at(0)), Phase::Publishing);
        assert_eq!(run(&mut stop, &NOTHING, at(0)), Phase::Delivering);
    }

    #[test]
    fn requests_of_services_delay_other_connections_for_a_short_time() {
        for (time, until) in [(2000, 500), (600_000, 1000)] {
            let mut stop = Stop::new(0, 1);
            stop.begin(at(time), at(0));
            let requests = Remaining { requests: true, ..NOTHING };
            assert_eq!(run(&mut stop, &requests, at(until - 1)), Phase::Finishing);
            assert_eq!(stop.poll_timeout(at(until - 1)), Some(at(until)));
            assert_eq!(run(&mut stop, &requests, at(until)), Phase::Closing);
        }
    }

    #[test]
    fn a_shard_that_is_stuck_delays_others_for_three_quarters_of_the_time() {
        let mut stop = Stop::new(0, 2);
        stop.begin(at(8000), at(0));
        let others = Remaining { deliveries: false, ..EVERYTHING };
        assert_eq!(run(&mut stop, &others, at(5999)), Phase::Finishing);
        assert_eq!((stop.poll_timeout(at(5999)), stop.has_given_up()), (Some(at(6000)), false));
        assert_eq!(run(&mut stop, &others, at(6000)), Phase::Closing);
        assert!(stop.has_given_up());
        assert!(!stop.must_send(), "others need not wait for this one");
    }

    #[test]
    fn a_shard_delivers_what_it_has_until_the_deadline() {
        let mut stop = Stop::new(0, 2);
        stop.begin(at(8000), at(0));
        assert_eq!(run(&mut stop, &EVERYTHING, at(7999)), Phase::Delivering);
        assert_eq!(stop.poll_timeout(at(7999)), Some(at(8000)));
        assert_eq!(run(&mut stop, &EVERYTHING, at(8000)), Phase::Closing);
    }

    #[test]
    fn a_stop_at_once_waits_for_nothing_even_if_a_drain_has_begun() {
        let mut stop = Stop::new(0, 2);
        stop.begin(at(8000), at(0));
        assert_eq!(run(&mut stop, &EVERYTHING, at(10)), Phase::Finishing);
        stop.begin(at(10), at(10));
        assert_eq!(run(&mut stop, &EVERYTHING, at(10)), Phase::Closing);
        stop.begin(at(20_000), at(11));
        assert_eq!((stop.phase(), stop.poll_timeout(at(11))), (Phase::Closing, None));
    }

    #[test]
    fn a_marker_without_room_is_sent_later_and_once() {
        let mut stop = Stop::new(1, 3);
        stop.begin(at(8000), at(0));
        [0, 2].into_iter().for_each(|from| stop.handle_marker(from, Marker::Published));
        assert_eq!(stop.advance(&NOTHING, at(0)), Some(Phase::Publishing));
        assert_eq!(stop.advance(&NOTHING, at(0)), Some(Phase::Delivering));
        let mut sent = Vec::new();
        stop.send_markers(|to, marker| {
            let has_room = to == 0 || marker == Marker::Finished;
            sent.extend(has_room.then_some((to, marker)));
            has_room
        });
        assert!(stop.must_send());
        assert_eq!(stop.advance(&NOTHING, at(0)), None, "the other shard waits for the marker");
        for _ in 0..2 {
            stop.send_markers(|to, marker| {
                sent.push((to, marker));
                true
            });
        }
        let all =
            [(0, Marker::Finished), (0, Marker::Published), (2, Marker::Finished), (2, Marker::Published)];
        assert_eq!(sent, all);
        assert_eq!(stop.advance(&NOTHING, at(0)), Some(Phase::Closing));
    }
}
