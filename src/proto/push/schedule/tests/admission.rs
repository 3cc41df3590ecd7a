use std::time::Duration;

use super::{super::*, SECOND, START, after};
use crate::{Holder, NoRoom, Time};

fn plain(key: u8, item: u32) -> Submission<u8, u32> {
    Submission {
        key,
        rate_limit: RateLimit::NONE,
        bytes: 1,
        holder: Holder::PROGRAM,
        due: Time::default(),
        expires: Time::NEVER,
        item,
    }
}

const RATE_LIMIT: RateLimit =
    RateLimit { messages_per_second: 10, bytes_per_second: 0, burst: Duration::from_millis(100) };

fn rate_limited(key: u8, item: u32) -> Submission<u8, u32> {
    Submission { rate_limit: RATE_LIMIT, ..plain(key, item) }
}

const A_SECOND: Duration = Duration::from_secs(1);

fn small() -> Admission<u8, u32> {
    Admission::new(AdmissionLimits {
        delayed: Bounds { messages_max: 2, bytes_max: 100 },
        rate_limited: Bounds { messages_max: 2, bytes_max: 100 },
        periodics_max: 2,
        delay_max: A_SECOND,
    })
}

fn all_by(admission: &mut Admission<u8, u32>, now: Time) -> Vec<Admitted<u32>> {
    std::iter::from_fn(|| admission.poll(now)).filter(|it| *it != Admitted::Waits).collect()
}

#[test]
fn plain_publishes_pass_at_once() {
    let mut admission = small();
    for item in 0..100 {
        assert_eq!(admission.submit(plain(1, item), START), Submitted::Passes(item));
    }
    assert_eq!((admission.poll_timeout(), admission.counts()), (None, Counts::default()));
}

#[test]
fn a_delayed_publish_takes_its_place_when_it_is_due() {
    let mut admission = small();
    let later = |due, item| Submission { due: after(due), ..plain(1, item) };
    assert_eq!(admission.submit(later(20, 1), START), Submitted::Waits);
    assert_eq!(admission.submit(later(10, 2), START), Submitted::Waits);
    assert_eq!(admission.submit(plain(1, 3), START), Submitted::Passes(3));
    let full = Full::Delayed(NoRoom { taken: 2, max: 2 });
    assert_eq!(admission.submit(later(30, 4), START), Submitted::Refused(4, full));
    assert_eq!(admission.poll_timeout(), Some(after(10)));
    assert_eq!(all_by(&mut admission, after(15)), [Admitted::Publish(2)]);
    assert_eq!(all_by(&mut admission, after(20)), [Admitted::Publish(1)]);
    assert_eq!(admission.counts(), Counts { delayed: 2, refused: 1, ..Counts::default() });
}

#[test]
fn what_is_due_and_rate_limited_waits_after_its_topic_and_is_never_refused() {
    let mut admission = small();
    assert_eq!(admission.submit(rate_limited(1, 1), START), Submitted::Passes(1));
    assert_eq!(admission.submit(Submission { due: after(5), ..rate_limited(1, 4) }, START), Submitted::Waits);
    assert_eq!(admission.submit(rate_limited(1, 2), START), Submitted::Waits);
    assert_eq!(admission.submit(rate_limited(1, 3), START), Submitted::Waits);
    let full = Full::RateLimited(NoRoom { taken: 2, max: 2 });
    assert_eq!(admission.submit(rate_limited(1, 9), START), Submitted::Refused(9, full));
    assert_eq!(all_by(&mut admission, after(5)), []);
    assert_eq!(admission.waiting(), 3);
    let published: Vec<_> = (1..=3).flat_map(|n| all_by(&mut admission, after(n * SECOND / 10))).collect();
    assert_eq!(published, [2, 3, 4].map(Admitted::Publish));
}

#[test]
fn what_expires_while_it_waits_is_handed_out_as_expired() {
    let mut admission = small();
    let dead = Submission { expires: START, ..plain(1, 1) };
    assert_eq!(admission.submit(dead, START), Submitted::Expired(1));
    let delayed = Submission { due: after(10), expires: after(20), ..plain(1, 2) };
    assert_eq!(admission.submit(delayed, START), Submitted::Waits);
    assert_eq!(all_by(&mut admission, after(20)), [Admitted::Expired(2)], "it was asked for too late");
    assert_eq!(admission.submit(rate_limited(1, 3), START), Submitted::Passes(3));
    assert_eq!(
        admission.submit(Submission { expires: after(50), ..rate_limited(1, 4) }, START),
        Submitted::Waits
    );
    assert_eq!(admission.poll_timeout(), Some(after(50)));
    assert_eq!(all_by(&mut admission, after(50)), [Admitted::Expired(4)]);
    assert_eq!(admission.counts(), Counts { expired: 3, rate_limited: 1, delayed: 1, ..Counts::default() });
}

#[test]
fn a_topic_that_loses_its_rate_limit_stays_in_order() {
    let mut admission = small();
    admission.submit(rate_limited(1, 1), START);
    assert_eq!(admission.submit(rate_limited(1, 2), START), Submitted::Waits);
    assert_eq!(admission.submit(plain(2, 3), START), Submitted::Passes(3));
    assert_eq!(admission.submit(plain(1, 4), START), Submitted::Waits);
    assert_eq!(all_by(&mut admission, START), [2, 4].map(Admitted::Publish));
}

#[test]
fn periodic_pushes_obey_the_rate_limit_of_their_topic_and_are_refused_when_it_is_full() {
    let mut admission = small();
    let every = |due, item| Submission { due: after(due), ..rate_limited(1, item) };
    admission.add_periodic(1, Duration::from_millis(1), every(0, 7)).expect("there is room");
    assert_eq!(all_by(&mut admission, START), [Admitted::Publish(7)]);
    let mut seen = Vec::new();
    for millis in 1..100 {
        seen.extend(all_by(&mut admission, after(millis * SECOND / 1000)));
    }
    assert_eq!(seen, [(); 97].map(|()| Admitted::Refused(7)), "two wait, the others find no room");
    assert_eq!(admission.remove_periodic(1), Some(7));
    assert_eq!(all_by(&mut admission, after(SECOND)), [Admitted::Publish(7)]);
    assert_eq!(
        admission.counts(),
        Counts { rate_limited: 2, repeated: 100, refused: 97, ..Counts::default() }
    );
}

#[test]
fn closing_hands_out_what_waits() {
    let mut admission = small();
    admission.add_periodic(1, Duration::from_millis(1), plain(1, 7)).expect("there is room");
    admission.submit(rate_limited(1, 1), START);
    admission.submit(rate_limited(1, 2), START);
    admission.submit(Submission { due: after(5), ..plain(2, 3) }, START);
    let mut closed = || std::iter::from_fn(|| admission.close()).collect::<Vec<_>>();
    assert_eq!(closed(), [2, 3]);
    assert_eq!((admission.poll_timeout(), admission.waiting()), (None, 0));
    // The rate limit still holds for what comes later.
    assert_eq!(admission.submit(rate_limited(1, 4), START), Submitted::Waits);
    assert_eq!((admission.close(), admission.close()), (Some(4), None));
}

#[test]
fn each_call_does_one_step_however_many_are_due() {
    let many = Bounds { messages_max: 100, bytes_max: 1000 };
    let mut admission = Admission::new(AdmissionLimits { delayed: many, ..AdmissionLimits::default() });
    let later = |item, it| Submission { due: after(5), item, ..it };
    (0..40).for_each(|item| {
        let it = if item % 2 == 0 { plain(2, item) } else { rate_limited(1, item) };
        admission.submit(later(item, it), START);
    });
    // A repetition of a topic whose rate limit is used up, and one that was missed.
    admission.add_periodic(1, A_SECOND, later(40, rate_limited(1, 40))).expect("there is room");
    let (mut calls, mut waits) = (0, 0);
    while let Some(admitted) = admission.poll(after(5)) {
        calls += 1;
        waits += u32::from(admitted == Admitted::Waits);
        assert!(admission.waiting() as u32 + calls - waits <= 41, "what comes out is handed out");
    }
    assert_eq!((calls, waits, admission.waiting()), (41, 20, 20), "one of each 20 passes its rate limit");
}

#[test]
fn the_longest_prefix_decides() {
    let rule =
        |prefix: &str, priority| TopicRule { prefix: prefix.into(), priority, rate_limit: RateLimit::NONE };
    let rules = TopicRules::new([
        rule("", Priority::Bulk),
        rule("news/", Priority::High),
        rule("news/sport/", Priority::Urgent),
        rule("news/sport/", Priority::Normal),
    ]);
    for (topic, priority) in [
        ("weather", Priority::Bulk),
        ("news", Priority::Bulk),
        ("news/", Priority::High),
        ("news/sports", Priority::High),
        ("news/sport/x", Priority::Normal),
    ] {
        assert_eq!(rules.of(topic).0, priority, "{topic}");
    }
    assert_eq!(TopicRules::default().of("x"), (Priority::Normal, RateLimit::NONE));
}

#[test]
fn a_delay_has_a_maximum() {
    let mut admission = small();
    let late = |due| Submission { due, ..plain(1, 1) };
    let refused = Submitted::Refused(1, Full::DelayTooLong { max: A_SECOND });
    assert_eq!(admission.submit(late(START + A_SECOND + Duration::from_nanos(1)), START), refused);
    assert_eq!(admission.submit(late(START + A_SECOND), START), Submitted::Waits);
}

#[test]
fn what_a_connection_delays_is_within_its_share_and_goes_with_it() {
    let delayed = Bounds { messages_max: 90, bytes_max: 1000 };
    let mut admission =
        Admission::new(AdmissionLimits { delayed, rate_limited: delayed, ..AdmissionLimits::default() });
    let holder = |number| Holder::connection(0, number, [192, 0, 2, 1].into());
    let of = |number, item| Submission { holder: holder(number), due: after(10), ..plain(1, item) };
    let taken = (0..90).filter(|item| admission.submit(of(7, *item), START) == Submitted::Waits).count();
    assert_eq!(taken, 30);
    assert_eq!(admission.submit(of(8, 90), START), Submitted::Waits);
    let withdrawn = std::iter::from_fn(|| admission.withdraw(&holder(7)));
    assert_eq!(withdrawn.collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    assert_eq!((admission.waiting(), admission.counts().withdrawn), (1, 30));
    assert_eq!(all_by(&mut admission, after(10)), [Admitted::Publish(90)]);
}

#[test]
fn a_rate_limited_topic_has_room_for_every_connection() {
    let rate_limited_bounds = Bounds { messages_max: 90, bytes_max: 1000 };
    let mut admission =
        Admission::new(AdmissionLimits { rate_limited: rate_limited_bounds, ..AdmissionLimits::default() });
    let of = |number, item| Submission {
        holder: Holder::connection(0, number, [192, 0, 2, 1].into()),
        ..rate_limited(1, item)
    };
    assert_eq!(admission.submit(of(7, 0), START), Submitted::Passes(0));
    let waits = (1..100).filter(|item| admission.submit(of(7, *item), START) == Submitted::Waits).count();
    assert_eq!(waits, 30);
    assert_eq!(admission.submit(of(8, 100), START), Submitted::Waits);
    let came = all_by(&mut admission, after(SECOND / 10));
    assert_eq!(came.len(), 1, "one for each tenth of a second, in order");
    assert_eq!(admission.waiting_bytes(), 30);
}
