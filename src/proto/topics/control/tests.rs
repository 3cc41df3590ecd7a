use std::time::Duration;

use bytes::Bytes;

use super::{
    MAGIC, Request, ServerPayload, TopicResponse, encode_history, encode_message, encode_request,
    encode_response,
};
use crate::{Message, Position, PublishHeader, Recovery, Refusal};

const AT: Position = Position { epoch: 0x0102, offset: 0x0304 };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn requests_are_the_bytes_of_the_document_and_read_back() {
    let options = PublishHeader {
        key: Some(7),
        delay: Some(Duration::from_millis(1)),
        ttl: Some(Duration::from_millis(2)),
        priority: Some(3),
    };
    let none = PublishHeader::default();
    let cases = [
        (Request::Hello, "01".to_owned() + "01" + "00"),
        (Request::Subscribe { topic: "ab", prefix: false, since: None }, "02000261".to_owned() + "62"),
        (
            Request::Subscribe { topic: "a", prefix: true, since: Some(AT) },
            "02030161".to_owned() + "0000000000000102" + "0000000000000304",
        ),
        (Request::Unsubscribe { topic: "", prefix: true }, "030100".to_owned()),
        (
            Request::Publish { topic: "a", expects_response: true, options: none, body: b"xy" },
            "040001617879".to_owned(),
        ),
        (
            Request::Publish { topic: "a", expects_response: false, options, body: b"" },
            "041f0161".to_owned() + "0000000000000007" + "00000001" + "00000002" + "03",
        ),
        (Request::Presence { topic: "a" }, "050161".to_owned()),
        (Request::History { topic: "a", since: None, max: 10 }, "070001610000000a".to_owned()),
        (
            Request::History { topic: "a", since: Some(AT), max: u32::MAX },
            "07020161".to_owned() + "0000000000000102" + "0000000000000304" + "ffffffff",
        ),
        (Request::Ping, "06".to_owned()),
    ];
    for (request, expected) in cases {
        let mut out = Vec::new();
        encode_request(&request, &mut out);
        assert_eq!(hex(&out), "00534843".to_owned() + &expected, "{request:?}");
        assert_eq!(Request::load(&out), Ok(request));
    }
}

#[test]
fn answers_are_the_bytes_of_the_document_and_read_back() {
    let (epoch, offset) = ("0000000000000102", "0000000000000304");
    let cases = [
        (TopicResponse::Welcome { epoch: 0x0102 }, format!("810001{epoch}")),
        (
            TopicResponse::Subscribed { head: AT, recovery: Recovery::NotRequested },
            format!("820000{epoch}{offset}"),
        ),
        (
            TopicResponse::Subscribed { head: AT, recovery: Recovery::Recovered },
            format!("820001{epoch}{offset}"),
        ),
        (
            TopicResponse::Subscribed { head: AT, recovery: Recovery::Gap { from: 1, to: 2 } },
            format!("820002{epoch}{offset}00000000000000010000000000000002"),
        ),
        (TopicResponse::Unsubscribed, "8300".to_owned()),
        (TopicResponse::Published { position: AT, receivers: 5 }, format!("8400{epoch}{offset}00000005")),
        (TopicResponse::Present { count: 9 }, "850000000009".to_owned()),
        (TopicResponse::Pong, "8600".to_owned()),
    ];
    for (response, expected) in cases {
        let mut out = Vec::new();
        encode_response(&response, &mut out);
        assert_eq!(hex(&out), format!("00534843{expected}"), "{response:?}");
        assert_eq!(ServerPayload::load(&out), Some(ServerPayload::Response(response)));
        assert_eq!(ServerPayload::load(&out[..out.len() - 1]), None, "cut off");
    }
    let mut out = Vec::new();
    let body = bytes::Bytes::from_static(b"hi");
    encode_message(&Message { topic: "a", position: AT, body: &body }, &mut out);
    assert_eq!(hex(&out), format!("005348431000 0161{epoch}{offset}6869").replace(' ', ""));
    assert_eq!(
        ServerPayload::load(&out),
        Some(ServerPayload::Message { topic: "a", position: AT, body: b"hi" })
    );
    out.clear();
    super::encode_refusal(4, Refusal::Draining, &mut out);
    assert_eq!(
        ServerPayload::load(&out),
        Some(ServerPayload::Refused { status: 8, text: "the server is stopping" })
    );
}

#[test]
fn a_history_is_the_bytes_of_the_document_and_reads_back() {
    let (epoch, offset) = ("0000000000000102", "0000000000000304");
    let (bodies, before) = ([Bytes::new(), Bytes::from_static(b"hi")], Position { offset: 0x0303, ..AT });
    let message = |position, body| Message { topic: "a", position, body };
    let messages = [message(before, &bodies[0]), message(AT, &bodies[1])];
    let gap = Recovery::Gap { from: 1, to: 2 };
    let mut out = Vec::new();
    encode_history(AT, gap, &messages, &mut out);
    let head = format!("00534843870002{epoch}{offset}00000000000000010000000000000002");
    let first = format!("{epoch}000000000000030300000000");
    assert_eq!(hex(&out), format!("{head}{first}{epoch}{offset}000000026869"));
    // Without a count, it may end after each message, and nowhere else.
    let ends = [head.len() / 2, (head.len() + first.len()) / 2, out.len()];
    for len in 6..=out.len() {
        let count = ends.iter().position(|end| *end == len);
        match ServerPayload::load(&out[..len]) {
            Some(ServerPayload::History { head: AT, recovery, messages: read }) => {
                let expected = messages.iter().map(|it| (it.position, &it.body[..]));
                let expected: Vec<_> = expected.take(count.expect("cut off")).collect();
                assert_eq!((recovery, read.iter().collect::<Vec<_>>()), (gap, expected));
            }
            other => assert_eq!((count, other), (None, None), "{len} bytes"),
        }
    }
    // More bytes than there are, and none that memory is taken for.
    let len = out.len() - 6;
    out[len..len + 4].copy_from_slice(&[0xff; 4]);
    assert_eq!(ServerPayload::load(&out), None);
    out[6] = 3;
    assert_eq!(ServerPayload::load(&out[..39]), None, "an unknown recovery");

    out.clear();
    encode_history(Position::default(), Recovery::Recovered, &[], &mut out);
    assert_eq!(hex(&out), format!("00534843870001{}", "0".repeat(32)));
}

/// What is not a request, and the status that it is answered with.
#[test]
fn what_cannot_be_read_has_its_status() {
    let long = [&[2, 0, 255][..], &[b'x'; 254]].concat();
    let cases: [(&[u8], u8, Refusal); 31] = [
        (&[], 0, Refusal::Malformed),
        (&[0], 0, Refusal::UnknownOperation),
        (&[8], 8, Refusal::UnknownOperation),
        (&[7], 7, Refusal::Malformed),
        (&[7, 0, 1, b'a', 0, 0, 0], 7, Refusal::Malformed),
        (&[7, 0, 1, b'a', 0, 0, 0, 1, 0], 7, Refusal::Malformed),
        (&[7, 1, 1, b'a', 0, 0, 0, 1], 7, Refusal::Malformed),
        (&[7, 2, 1, b'a', 0, 0, 0, 1], 7, Refusal::Malformed),
        (&[7, 0, 1, 0xff, 0, 0, 0, 1], 7, Refusal::BadTopic),
        (&[6, 0], 6, Refusal::Malformed),
        (&[0x10, 0], 0x10, Refusal::UnknownOperation),
        (&[0x81, 0], 0x81, Refusal::UnknownOperation),
        (&[1], 1, Refusal::Malformed),
        (&[1, 1], 1, Refusal::Malformed),
        (&[1, 1, 1], 1, Refusal::Malformed),
        (&[1, 1, 0, 0], 1, Refusal::Malformed),
        (&[1, 0], 1, Refusal::UnsupportedVersion),
        (&[1, 2, 0, 9, 9], 1, Refusal::UnsupportedVersion),
        (&[2], 2, Refusal::Malformed),
        (&[2, 0], 2, Refusal::Malformed),
        (&[2, 4, 1, b'a'], 2, Refusal::Malformed),
        (&[2, 0, 2, b'a'], 2, Refusal::Malformed),
        (&[2, 0, 1, b'a', 0], 2, Refusal::Malformed),
        (&[2, 2, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 1], 2, Refusal::Malformed),
        (&[2, 0, 2, 0xff, 0xfe], 2, Refusal::BadTopic),
        (&long, 2, Refusal::Malformed),
        (&[3, 2, 1, b'a'], 3, Refusal::Malformed),
        (&[3, 0, 1, 0x80], 3, Refusal::BadTopic),
        (&[4, 32, 1, b'a'], 4, Refusal::Malformed),
        (&[4, 2, 1, b'a', 0, 0, 0], 4, Refusal::Malformed),
        (&[5, 0, 0], 5, Refusal::Malformed),
    ];
    for (fields, op, refusal) in cases {
        let payload = [&MAGIC[..], fields].concat();
        assert_eq!(Request::load(&payload), Err((op, refusal)), "{fields:02x?}");
    }
}
