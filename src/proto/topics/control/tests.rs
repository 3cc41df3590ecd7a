use std::time::Duration;

use super::{MAGIC, Request, ServerPayload, TopicResponse, encode_message, encode_request, encode_response};
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

/// What is not a request, and the status that it is answered with.
#[test]
fn what_cannot_be_read_has_its_status() {
    let long = [&[2, 0, 255][..], &[b'x'; 254]].concat();
    let cases: [(&[u8], u8, Refusal); 25] = [
        (&[], 0, Refusal::Malformed),
        (&[0], 0, Refusal::UnknownOperation),
        (&[7], 7, Refusal::UnknownOperation),
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
