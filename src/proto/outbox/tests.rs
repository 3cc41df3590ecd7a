use std::time::Duration;

use super::{keyed::GONE_MAX, send::BY_REFERENCE_MIN, *};

fn bounds(overflow: OverflowPolicy) -> OutboxBounds {
    OutboxBounds { bytes_max: 100, messages_max: 4, age_max: Duration::ZERO, overflow }
}

fn frame(len: usize, fill: u8) -> Bytes {
    Bytes::from(vec![fill; len])
}

fn pushing(frame: Bytes, key: Option<u64>) -> Pushing {
    Pushing { frame, key, posted: Time::default(), expires: Time::NEVER }
}

fn push(outbox: &mut Outbox, fill: u8, key: Option<u64>, overflow: OverflowPolicy) -> Pushed {
    outbox.push(pushing(frame(10, fill), key), Time::default(), &bounds(overflow))
}

fn write(outbox: &mut Outbox, response: &[u8]) {
    let mut run = outbox.take_run(Time::default(), Vec::new);
    run.bytes.extend(response);
    let _ = outbox.put_run(run, usize::from(!response.is_empty()));
}

/// What the peer would receive, one send after the other.
fn drain(outbox: &mut Outbox) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(parcel) = outbox.take(&bounds(OverflowPolicy::Disconnect), Time::default(), Vec::new) {
        match parcel {
            Parcel::Gathered(bytes) => all.extend(bytes),
            Parcel::Shared(bytes) => all.extend(bytes),
            Parcel::Pieces(pieces) => pieces.iter().for_each(|piece| all.extend(piece)),
        }
        outbox.sent();
    }
    all
}

fn fills(outbox: &mut Outbox) -> Vec<u8> {
    drain(outbox).chunks(10).map(|chunk| chunk[0]).collect()
}

#[test]
fn responses_and_pushes_leave_in_order() {
    let mut outbox = Outbox::default();
    write(&mut outbox, &[1; 10]);
    let _ = push(&mut outbox, 2, None, OverflowPolicy::Disconnect);
    write(&mut outbox, &[3; 10]);
    write(&mut outbox, &[4; 10]);
    assert_eq!((outbox.bytes(), outbox.messages()), (40, 4));
    assert_eq!(fills(&mut outbox), [1, 2, 3, 4]);
    assert!(outbox.is_empty());
    assert_eq!((outbox.bytes(), outbox.messages()), (0, 0));
}

#[test]
fn responses_count_until_they_are_sent() {
    let mut outbox = Outbox::default();
    write(&mut outbox, &[1; 10]);
    let _ = push(&mut outbox, 2, None, OverflowPolicy::Disconnect);
    write(&mut outbox, &[3; 10]);
    assert_eq!(outbox.response_bytes(), 20);
    let _ = outbox.take(&bounds(OverflowPolicy::Disconnect), Time::default(), Vec::new);
    write(&mut outbox, &[4; 10]);
    assert_eq!(outbox.response_bytes(), 30);
    outbox.sent();
    assert_eq!(outbox.response_bytes(), 20);
}

#[test]
fn a_write_that_writes_nothing_leaves_nothing() {
    let mut outbox = Outbox::default();
    write(&mut outbox, &[]);
    assert!(outbox.is_empty());
}

#[test]
fn each_policy_does_at_the_bound_what_it_says() {
    let cases = [
        (OverflowPolicy::Disconnect, Pushed::Disconnect, vec![0, 1, 2, 3]),
        (OverflowPolicy::DropNewest, Pushed::Dropped, vec![0, 1, 2, 3]),
        (OverflowPolicy::DropOldest, Pushed::QueuedDroppingOldest(1), vec![1, 2, 3, 9]),
        (OverflowPolicy::Conflate, Pushed::Dropped, vec![0, 1, 2, 3]),
        (OverflowPolicy::Block(Duration::from_secs(1)), Pushed::Blocked, vec![0, 1, 2, 3]),
    ];
    for (policy, expected, left) in cases {
        let mut outbox = Outbox::default();
        for fill in 0..4 {
            assert_eq!(push(&mut outbox, fill, None, policy), Pushed::Queued);
        }
        assert_eq!(push(&mut outbox, 9, None, policy), expected, "{policy:?}");
        assert_eq!(fills(&mut outbox), left, "{policy:?}");
    }
}

#[test]
fn conflation_keeps_the_newest_of_a_key_in_the_place_of_the_first() {
    let mut outbox = Outbox::default();
    for (fill, key) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
        let _ = push(&mut outbox, fill, Some(key), OverflowPolicy::Conflate);
    }
    assert_eq!(outbox.messages(), 2);
    assert_eq!(fills(&mut outbox), [4, 2]);
}

#[test]
fn conflation_in_order_moves_the_newest_of_a_key_to_the_end() {
    let policy = OverflowPolicy::Conflate;
    let mut outbox = Outbox::default();
    let now = Time::from_nanos(0);
    let mut keyed =
        |fill, key| outbox.push_in_order(pushing(frame(10, fill), Some(key)), now, &bounds(policy));
    assert_eq!([keyed(1, 7), keyed(2, 8), keyed(3, 9)], [Pushed::Queued; 3]);
    assert_eq!([keyed(4, 8), keyed(5, 7)], [Pushed::Replaced; 2]);
    assert_eq!((outbox.bytes(), outbox.messages()), (30, 3));
    assert_eq!(fills(&mut outbox), [3, 4, 5]);
    assert!(outbox.is_empty());
    // However often it is replaced, it takes the place of one.
    for round in 0..10_000 {
        let key = round % 3;
        let pushed = outbox.push_in_order(pushing(frame(10, round as u8), Some(key)), now, &bounds(policy));
        assert_eq!(pushed == Pushed::Queued, round < 3);
        assert!(outbox.items.len() <= 2 * GONE_MAX + 8, "{}", outbox.items.len());
    }
    let last = [9_997_u64, 9_998, 9_999].map(|round| round as u8);
    assert_eq!(fills(&mut outbox), last);
}

#[test]
fn conflation_finds_a_key_however_much_was_sent_and_answered_before() {
    let policy = OverflowPolicy::Conflate;
    let mut outbox = Outbox::default();
    for round in 0..20 {
        write(&mut outbox, &[100; 10]);
        assert_eq!(push(&mut outbox, round, Some(7), policy), Pushed::Queued);
        assert_eq!(push(&mut outbox, round + 50, Some(7), policy), Pushed::Replaced);
        write(&mut outbox, &[101; 10]);
        assert_eq!(fills(&mut outbox), [100, round + 50, 101]);
    }
    // In flight it cannot be replaced any more: the next one waits after it.
    let _ = push(&mut outbox, 1, Some(7), policy);
    let _ = outbox.take(&bounds(policy), Time::default(), Vec::new);
    assert_eq!(push(&mut outbox, 2, Some(7), policy), Pushed::Queued);
    assert_eq!(push(&mut outbox, 3, Some(7), policy), Pushed::Replaced);
    outbox.sent();
    assert_eq!(fills(&mut outbox), [3]);
}

#[test]
fn what_is_in_flight_counts_and_is_never_dropped() {
    let mut outbox = Outbox::default();
    for fill in 0..4 {
        let _ = push(&mut outbox, fill, None, OverflowPolicy::DropOldest);
    }
    let bounds = bounds(OverflowPolicy::DropOldest);
    let parcel = outbox.take(&bounds, Time::default(), Vec::new);
    assert_eq!(parcel.map(|it| it.len()), Some(20), "half of the four messages");
    assert_eq!(outbox.messages(), 4);
    assert_eq!(push(&mut outbox, 8, None, OverflowPolicy::DropOldest), Pushed::QueuedDroppingOldest(1));
    assert_eq!(push(&mut outbox, 9, None, OverflowPolicy::DropOldest), Pushed::QueuedDroppingOldest(1));
    assert_eq!(outbox.sent(), Amount { messages: 2, bytes: 20 });
    assert_eq!(fills(&mut outbox), [8, 9]);
}

#[test]
fn a_blocked_push_gets_room_in_time_or_is_dropped() {
    let policy = OverflowPolicy::Block(Duration::from_secs(1));
    let mut outbox = Outbox::default();
    for fill in 0..6 {
        let _ = push(&mut outbox, fill, None, policy);
    }
    let late = Time::default() + Duration::from_secs(1);
    assert_eq!(outbox.blocked_deadline(), Some(late));
    assert_eq!(outbox.unblock(Time::default(), &bounds(policy)), 0);
    let _ = outbox.take(&bounds(policy), Time::default(), Vec::new);
    outbox.sent();
    assert_eq!(outbox.unblock(Time::default(), &bounds(policy)), 0);
    assert!(!outbox.is_blocked());
    for fill in 0..6 {
        let _ = push(&mut outbox, fill, None, policy);
    }
    assert_eq!(outbox.unblock(late, &bounds(policy)), 6);
}

#[test]
fn one_message_larger_than_the_bound_fits_into_an_empty_outbox() {
    let mut outbox = Outbox::default();
    let policy = OverflowPolicy::DropNewest;
    assert_eq!(outbox.push(pushing(frame(1000, 1), None), Time::default(), &bounds(policy)), Pushed::Queued);
    assert_eq!(push(&mut outbox, 2, None, policy), Pushed::Dropped);
}

#[test]
fn large_pushes_leave_by_reference_between_gathered_small_ones() {
    let wide = OutboxBounds { bytes_max: 1 << 20, messages_max: 100, ..bounds(OverflowPolicy::Disconnect) };
    let mut outbox = Outbox::default();
    let large = frame(BY_REFERENCE_MIN, 7);
    for frame in [frame(10, 1), frame(10, 2), large.clone(), frame(10, 3)] {
        let _ = outbox.push(pushing(frame, None), Time::default(), &wide);
    }
    let Some(Parcel::Pieces(pieces)) = outbox.take(&wide, Time::default(), Vec::new) else {
        panic!("pieces")
    };
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [20, BY_REFERENCE_MIN, 10]);
    assert_eq!(pieces[1].as_ptr(), large.as_ptr());
}

#[test]
fn clearing_counts_the_pushes_that_are_lost() {
    let mut outbox = Outbox::default();
    write(&mut outbox, &[1; 10]);
    let _ = push(&mut outbox, 2, None, OverflowPolicy::Disconnect);
    assert_eq!(outbox.clear(), 1);
    assert!(outbox.is_empty());
}

#[test]
fn conflating_never_takes_more_bytes_than_the_bound() {
    let mut outbox = Outbox::default();
    let keyed = |outbox: &mut Outbox, len, key| {
        outbox.push(pushing(frame(len, 1), Some(key)), Time::default(), &bounds(OverflowPolicy::Conflate))
    };
    assert_eq!(keyed(&mut outbox, 10, 1), Pushed::Queued);
    // Alone, a message may have any size.
    assert_eq!(keyed(&mut outbox, 200, 1), Pushed::Replaced);
    assert_eq!(keyed(&mut outbox, 50, 1), Pushed::Replaced);
    assert_eq!(keyed(&mut outbox, 40, 2), Pushed::Queued);
    assert_eq!(keyed(&mut outbox, 60, 2), Pushed::Dropped);
    assert_eq!(keyed(&mut outbox, 50, 2), Pushed::Replaced);
    assert_eq!(outbox.bytes(), 100);
}

#[test]
fn a_policy_that_changes_loses_nothing_and_reorders_nothing() {
    use OverflowPolicy::{Conflate, Disconnect, DropNewest, DropOldest};
    let block = OverflowPolicy::Block(Duration::from_secs(1));

    // Those that wait under `Block` are not overtaken, even when there is room by now.
    for policy in [Disconnect, DropOldest, DropNewest, Conflate] {
        let mut outbox = Outbox::default();
        (0..4).for_each(|fill| assert_eq!(push(&mut outbox, fill, None, block), Pushed::Queued));
        assert_eq!(push(&mut outbox, 4, None, block), Pushed::Blocked);
        let _ = outbox.take(&bounds(policy), Time::default(), Vec::new);
        outbox.sent();
        assert_eq!(push(&mut outbox, 5, None, policy), Pushed::Blocked, "{policy:?}");
        assert_eq!(outbox.unblock(Time::default(), &bounds(policy)), 0);
        assert_eq!(fills(&mut outbox), [2, 3, 4, 5], "{policy:?}");
    }

    // Keys are found again though pushes were taken from the middle meanwhile.
    let mut outbox = Outbox::default();
    for fill in 0..4 {
        let _ = push(&mut outbox, fill, Some(u64::from(fill)), Conflate);
    }
    assert_eq!(push(&mut outbox, 4, Some(9), DropOldest), Pushed::QueuedDroppingOldest(1));
    let replaced = push(&mut outbox, 5, Some(2), Conflate);
    let all = fills(&mut outbox);
    assert!(all == [1, 2, 3, 4] && replaced == Pushed::Dropped, "{replaced:?} {all:?}");
}

#[test]
fn a_send_knows_when_its_pushes_were_posted() {
    let mut outbox = Outbox::default();
    let at = Time::from_nanos;
    let wide = OutboxBounds { messages_max: 100, ..bounds(OverflowPolicy::Conflate) };
    for (posted, key) in [(1, None), (1, None), (3, Some(7)), (2, None), (9, Some(7))] {
        let push = Pushing { posted: at(posted), ..pushing(frame(10, 1), key) };
        let _ = outbox.push(push, at(20), &wide);
    }
    write(&mut outbox, b"an answer is not one");
    assert_eq!(outbox.posted().count(), 0);
    assert!(outbox.take(&wide, Time::default(), Vec::new).is_some());
    let posted: Vec<_> = outbox.posted().collect();
    assert_eq!(posted, [(at(1), 2), (at(9), 1), (at(2), 1)], "the newest of a key counts from its own time");
    outbox.sent();
    assert_eq!(outbox.posted().count(), 0);
}

#[test]
fn an_expired_push_is_dropped_when_its_turn_comes_or_its_room_is_needed() {
    let mut outbox = Outbox::default();
    let policy = OverflowPolicy::DropNewest;
    let push_until = |outbox: &mut Outbox, expires, fill, now| {
        let push = Pushing { expires: Time::from_nanos(expires), ..pushing(frame(10, fill), None) };
        outbox.push(push, Time::from_nanos(now), &bounds(policy))
    };
    for (expires, fill) in [(5, 1), (9, 2), (5, 3)] {
        assert_eq!(push_until(&mut outbox, expires, fill, 0), Pushed::Queued);
    }
    let _ = push(&mut outbox, 4, None, policy);
    assert_eq!(push_until(&mut outbox, 9, 5, 4), Pushed::Dropped, "all four are still wanted");
    assert_eq!(push_until(&mut outbox, 9, 6, 5), Pushed::Queued, "the first made room");
    assert_eq!((outbox.take_expired(), outbox.take_expired()), (1, 0));
    let wide = OutboxBounds { messages_max: 100, bytes_max: 1000, ..bounds(policy) };
    let parcel = outbox.take(&wide, Time::from_nanos(8), Vec::new);
    let Some(Parcel::Gathered(bytes)) = parcel else { panic!("gathered") };
    assert_eq!(bytes.chunks(10).map(|chunk| chunk[0]).collect::<Vec<_>>(), [2, 4, 6]);
    outbox.sent();
    assert_eq!((outbox.take_expired(), outbox.messages(), outbox.bytes()), (1, 0, 0));
}

#[test]
fn nothing_is_left_to_send_when_all_has_expired() {
    let mut outbox = Outbox::default();
    let all = bounds(OverflowPolicy::Conflate);
    let soon = Time::from_nanos(1);
    let _ = outbox.push(Pushing { expires: soon, ..pushing(frame(10, 1), Some(7)) }, Time::default(), &all);
    assert!(outbox.take(&all, soon, Vec::new).is_none());
    assert!(outbox.is_empty() && outbox.bytes() == 0 && outbox.rare.iter().all(|rare| rare.keyed.is_empty()));
}

#[test]
fn what_is_taken_is_what_was_admitted() {
    let mut outbox = Outbox::default();
    let all = OutboxBounds { messages_max: 100, bytes_max: 1000, ..bounds(OverflowPolicy::Disconnect) };
    (1..=5).for_each(|fill| _ = outbox.push(pushing(frame(10, fill), None), Time::default(), &all));
    assert!(outbox.take_while(&all, Time::default(), Vec::new, |_| false).is_none());
    for expected in [30, 20] {
        let mut tokens = 3;
        let parcel = outbox.take_while(&all, Time::default(), Vec::new, |amount| {
            assert_eq!(amount, Amount::one(10));
            tokens -= i32::from(tokens >= 0);
            tokens >= 0
        });
        assert_eq!(parcel.map(|it| it.len()), Some(expected));
        outbox.sent();
    }
}

#[test]
fn dropping_the_oldest_never_exceeds_the_bound_and_drops_none_in_vain() {
    let mut outbox = Outbox::default();
    let policy = OverflowPolicy::DropOldest;
    for fill in 1..=2 {
        let _ = push(&mut outbox, fill, None, policy);
    }
    // The first is with the kernel, and cannot be dropped.
    let narrow = OutboxBounds { messages_max: 3, ..bounds(policy) };
    assert_eq!(outbox.take(&narrow, Time::default(), Vec::new).map(|it| it.len()), Some(10));
    let too_large = outbox.push(pushing(frame(95, 9), None), Time::default(), &bounds(policy));
    assert_eq!((too_large, outbox.bytes(), outbox.messages()), (Pushed::Dropped, 20, 2));
    let large = outbox.push(pushing(frame(85, 8), None), Time::default(), &bounds(policy));
    assert_eq!((large, outbox.bytes()), (Pushed::QueuedDroppingOldest(1), 95));
}

/// A peer that asked for much must not lose what is pushed to it, nor be cut off, because it gets that.
#[test]
fn answers_take_no_room_from_pushes() {
    for policy in [
        OverflowPolicy::Disconnect,
        OverflowPolicy::DropOldest,
        OverflowPolicy::DropNewest,
        OverflowPolicy::Conflate,
    ] {
        let mut outbox = Outbox::default();
        (0..5).for_each(|_| write(&mut outbox, &[9; 100]));
        assert_eq!(outbox.take(&bounds(policy), Time::default(), Vec::new).map(|it| it.len()), Some(500));
        (0..5).for_each(|_| write(&mut outbox, &[9; 100]));
        for fill in 1..=4 {
            assert_eq!(push(&mut outbox, fill, Some(fill.into()), policy), Pushed::Queued, "{policy:?}");
        }
        assert_eq!((outbox.push_messages(), outbox.push_bytes()), (4, 40));
        assert_ne!(push(&mut outbox, 5, Some(5), policy), Pushed::Queued, "{policy:?}");
    }
}
