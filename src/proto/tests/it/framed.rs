//! Framed Tars push through its public interface: conformance, hostile bytes, any bytes.

use proptest::prelude::*;
use shardcast_proto::{
    Command, Error, Protocol, Request, RequestId, Route, Session, Time, session_conformance,
    tars::framed::{Framed, FramedClient, LengthPrefixed, Parsed, frame},
    testing::{Conformance, Outcome, accept, connect, converse, pieces},
};

const NOW: Time = Time::from_nanos(0);

session_conformance!(
    length_prefixed,
    Conformance {
        accept: &|| accept(&Framed::default(), NOW),
        conversation: &[
            frame::encode(1, b"heartbeat"),
            frame::encode(0, b""),
            frame::encode(u32::MAX, &[0xff; 20]),
            frame::encode(2, b"\0\0\0\x08\0\0\0\0"),
        ]
        .concat(),
        events: 4,
        broken: &[
            (b"\0\0\0\0", "frame-too-small"),
            (b"GET / HTTP/1.1\r\n\r\n", "frame-too-large"),
            (&[0xff; 100], "frame-too-large"),
            (b"\0\x0f\x42\x41", "frame-too-large"),
        ],
        silence: &[],
        refused: &[Command::Push { route: Route::Named("servant", "function"), body: b"x" }],
    }
);

session_conformance!(
    connecting,
    Conformance {
        accept: &|| connect(&Framed::default(), NOW),
        conversation: &[
            frame::encode(1, b"heartbeat"),
            frame::encode(0, b"pushed"),
            frame::encode(u32::MAX, &[0xff; 20]),
            frame::encode(2, b""),
        ]
        .concat(),
        events: 4,
        broken: &[
            (b"\0\0\0\0", "frame-too-small"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "frame-too-large"),
            (&[0xff; 100], "frame-too-large"),
        ],
        silence: &[],
        refused: &[
            Command::Request(Request::new(RequestId(0), Route::Only, b"the id of pushes")),
            Command::Request(Request::new(RequestId(1 << 32), Route::Only, b"no room for the id")),
            Command::Request(Request::new(RequestId(1), Route::Named("servant", "function"), b"x")),
            Command::Request(Request::new(RequestId(1), Route::Only, &[0; 1_000_000])),
            Command::respond(RequestId(1), b"to a request that this end never gets"),
        ],
    }
);

session_conformance!(
    control_protocol,
    Conformance {
        accept: &|| accept(&Framed::default(), NOW),
        conversation: &[
            frame::encode(1, b"\0SHC\x01\x07"),
            frame::encode(1, b"\0SHC\x01\x01\0"),
            frame::encode(2, b"\0SHC\x02\x01\x02a."),
            frame::encode(2, b"plain in between"),
            frame::encode(3, b"\0SHC\x7f"),
            frame::encode(4, b"\0SHC\x04\x01\x01abody"),
            frame::encode(0, b"\0SHC\x05\x01a"),
            frame::encode(5, b"\0SHC\x06"),
            frame::encode(6, b"\0SHC\x07\0\x01a\0\0\0\x09"),
        ]
        .concat(),
        events: 5,
        broken: &[(b"\0\0\0\0", "frame-too-small"), (&[0xff; 100], "frame-too-large")],
        silence: &[],
        refused: &[
            Command::Unsubscribed { id: RequestId(1) },
            Command::Welcome { id: RequestId(1), epoch: 7 },
        ],
    }
);

#[test]
fn only_a_first_frame_of_hello_opts_in() {
    let hello = frame::encode(1, b"\0SHC\x01\x01\0");
    let subscribe = frame::encode(2, b"\0SHC\x02\0\x01a");
    let events = |frames: &[&[u8]]| {
        converse(&mut *accept(&Framed::default(), NOW), [&frames.concat()[..]], NOW).events.join("\n")
    };
    let opted = events(&[&hello, &subscribe]);
    assert!(opted.contains("Hello") && opted.contains("Subscribe"), "{opted}");
    for plain in [[&subscribe[..], &hello, &subscribe], [b"\0\0\0\x08\0\0\0\0", &hello, &subscribe]] {
        let events = events(&plain);
        assert_eq!((events.matches("Request {").count(), events.lines().count()), (3, 3), "{events}");
    }
    let custom = Framed::new(LengthPrefixed::default(), 100);
    let events = converse(&mut *accept(&custom, NOW), [&hello[..]], NOW).events;
    assert!(events[0].contains("Request"), "frames of an application are its own: {events:?}");
}

/// The parser hook of an application: records end in `;`, and none contains a `!`.
fn records(input: &[u8]) -> Parsed {
    match input.iter().position(|byte| matches!(byte, b';' | b'!')) {
        Some(at) if input[at] == b';' => Parsed::Full(at + 1),
        Some(_) => Parsed::Err,
        None => Parsed::Less,
    }
}

session_conformance!(
    custom_parser,
    Conformance {
        accept: &|| accept(&Framed::new(records, 16), NOW),
        conversation: b"one;two;;fifteen bytes..;",
        events: 4,
        broken: &[(b"fine!", "refused"), (b"never an end in sight", "frame-too-large")],
        silence: &[],
        refused: &[Command::Push { route: Route::Numbered(1), body: b"x" }],
    }
);

#[test]
fn each_malformed_frame_ends_in_its_documented_error() {
    let table = include_str!("../vectors/tars/framed-malformed.txt");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(hex), Some(code)) = (words.next(), words.next()) else { panic!("{line}") };
        let bytes = unhex(hex);
        for len in [bytes.len(), 1] {
            let transcript = converse(&mut *accept(&Framed::default(), NOW), pieces(&bytes, len), NOW);
            assert_eq!(transcript.outcome.code(), Some(code), "{line}");
        }
        count += 1;
    }
    assert!(count >= 40, "only {count}");
}

#[test]
fn whole_frames_before_a_malformed_one_are_served() {
    let input = [&frame::encode(1, b"good")[..], b"\0\0\0\x05"].concat();
    let transcript = converse(&mut *accept(&Framed::default(), NOW), [&input[..]], NOW);
    assert_eq!(transcript.events.len(), 1);
    assert_eq!(transcript.outcome, Outcome::Failed(Error::FrameTooSmall { len: 5, min: 8 }));
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect(text)).collect()
}

/// A frame, most often well formed, else with a length of its own.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let piece =
        (any::<u32>(), payload, prop::option::weighted(0.1, 0_u32..60)).prop_map(|(id, payload, len)| {
            let mut bytes = frame::encode(id, &payload).to_vec();
            if let Some(len) = len {
                bytes[..4].copy_from_slice(&len.to_be_bytes());
            }
            bytes
        });
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), frames()]
}

/// The same bytes, cut anywhere.
fn cut(input: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| input[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same_transcript(
        input in any_input(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let limits = LengthPrefixed::default().with(|it| {
            it.frame_len_min = 8;
            it.frame_len_max = 64;
        });
        for protocol in [&Framed::length_prefixed(limits) as &dyn Protocol, &Framed::new(records, 32)] {
            let whole = converse(&mut *accept(protocol, NOW), [&input[..]], NOW);
            let pieces = cut(&input, &cuts);
            let split = converse(&mut *accept(protocol, NOW), pieces.iter().map(|piece| &piece[..]), NOW);
            prop_assert_eq!(whole, split);
        }
    }

    #[test]
    fn any_payload_round_trips(id in any::<u32>(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let packet = frame::encode(id, &payload);
        let header = frame::Header::load(&packet).expect("eight bytes");
        prop_assert_eq!((header.id, header.len as usize), (id, packet.len()));
        prop_assert_eq!(frame::payload(&packet), Some(&payload[..]));
        let mut session = Framed::default().session();
        let taken = session.handle_input(&packet, NOW).map(|progress| progress.taken);
        prop_assert_eq!(taken, Ok(packet.len()));
    }

    #[test]
    fn any_proper_prefix_of_a_frame_needs_more(payload in prop::collection::vec(any::<u8>(), 0..60)) {
        let packet = frame::encode(1, &payload);
        for len in 0..packet.len() {
            let transcript = converse(&mut *accept(&Framed::default(), NOW), [&packet[..len]], NOW);
            prop_assert_eq!(transcript.outcome, Outcome::NeedMore(len));
            prop_assert!(transcript.events.is_empty());
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_mean_the_same_to_a_client(
        input in any_input(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let client = || connect(&FramedClient::default(), NOW);
        let whole = converse(&mut *client(), [&input[..]], NOW);
        let cut = cut(&input, &cuts);
        prop_assert_eq!(whole, converse(&mut *client(), cut.iter().map(Vec::as_slice), NOW));
    }
}
