//! Negotiations that a Seastar peer does not send, and where a connection belongs.

use bytes::Bytes;
use shardcast_proto::{
    Error, Home, Sniff,
    seastar::{self, ConnectionId, Features, NEGOTIATION_LEN_MAX_DEFAULT, NegotiationError},
};

#[test]
fn every_feature_comes_back_as_it_was_sent() {
    let all = Features {
        compression: Some("LZ4,LZ4_FRAGMENTED".into()),
        timeout: true,
        connection_id: Some(ConnectionId::new(7, 1)),
        stream_parent: Some(ConnectionId::new(u64::MAX >> 16, 0xffff)),
        isolation: Some(Bytes::from_static(b"gold\0\xff")),
        handler_duration: true,
        peer: true,
    };
    let empty =
        Features { compression: Some("".into()), isolation: Some(Bytes::new()), ..Features::default() };
    for features in [all, empty, Features::default()] {
        assert_eq!(decode(&encoded(&features)), Ok(features));
    }
}

#[test]
fn records_are_sent_in_ascending_order() {
    let all = Features {
        compression: Some("A".into()),
        timeout: true,
        connection_id: Some(ConnectionId(2)),
        stream_parent: Some(ConnectionId(3)),
        isolation: Some(Bytes::from_static(b"B")),
        handler_duration: true,
        peer: true,
    };
    let expected = frame(&[
        (0, b"A"),
        (1, b""),
        (2, &2_u64.to_le_bytes()),
        (3, &3_u64.to_le_bytes()),
        (4, b"B"),
        (5, b""),
        (0x7368_6364, b""),
    ]);
    assert_eq!(encoded(&all), expected);
}

#[test]
fn records_may_be_unknown_or_repeated_or_in_any_order() {
    let (one, two) = (1_u64.to_le_bytes(), 2_u64.to_le_bytes());
    let cases: [(&[Record<'_>], Features); 8] = [
        (&[(5, b""), (1, b"")], Features { timeout: true, handler_duration: true, ..Features::default() }),
        (&[(77, b"unknown"), (u32::MAX, b"")], Features::default()),
        (&[(1, b"surplus"), (5, b"surplus"), (0x7368_6364, b"version 2")], {
            Features { timeout: true, handler_duration: true, peer: true, ..Features::default() }
        }),
        (&[(0, b"LZ4"), (0, b"ZSTD")], {
            Features { compression: Some("LZ4".into()), ..Features::default() }
        }),
        (&[(2, &one), (2, &two)], Features { connection_id: Some(ConnectionId(1)), ..Features::default() }),
        (&[(3, &two), (3, &one)], Features { stream_parent: Some(ConnectionId(2)), ..Features::default() }),
        (&[(4, b""), (4, b"gold")], Features { isolation: Some(Bytes::new()), ..Features::default() }),
        // So that it equals no name.
        (&[(0, b"LZ4\xff")], { Features { compression: Some("LZ4\u{fffd}".into()), ..Features::default() } }),
    ];
    for (records, expected) in cases {
        assert_eq!(decode(&frame(records)), Ok(expected), "{records:?}");
    }
}

#[test]
fn ids_have_eight_bytes() {
    for number in [2, 3] {
        for len in [0, 1, 7, 9, 16] {
            let error = NegotiationError::IdLength { number, len };
            assert_eq!(decode(&frame(&[(number, &vec![0; len])])), Err(error));
            // Also that of a repeated record.
            let records: [Record<'_>; 2] = [(number, &[0; 8]), (number, &vec![0; len])];
            assert_eq!(decode(&frame(&records)), Err(error));
            assert_eq!(Error::from(error), Error::Malformed("connection id"));
        }
    }
}

#[test]
fn a_record_ends_within_its_frame() {
    let whole = frame(&[(1, b""), (4, b"gold")]);
    for cut in 1..whole.len() - 12 {
        // The last record begins after eight bytes.
        let mut shorter = whole[..whole.len() - cut].to_vec();
        let len = u32::try_from(shorter.len() - 12).expect("short");
        shorter[8..12].copy_from_slice(&len.to_le_bytes());
        let expected = match len {
            8 => Ok(Features { timeout: true, ..Features::default() }),
            _ => Err(NegotiationError::RecordBeyondEnd),
        };
        assert_eq!(decode(&shorter), expected, "{cut} bytes less");
    }
    let mut endless = frame(&[(4, b"gold")]);
    endless[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode(&endless), Err(NegotiationError::RecordBeyondEnd));
}

#[test]
fn another_protocol_is_noticed_at_its_first_byte() {
    let magic = b"SSTARRPC";
    for at in 0..magic.len() {
        let mut wrong = magic[..=at].to_vec();
        wrong[at] ^= 1;
        assert_eq!(Features::decode(&wrong, 100), Err(NegotiationError::WrongMagic));
        assert_eq!(seastar::sniff(&wrong), Sniff::Refuse);
        assert_eq!(Features::decode(&magic[..at], 100), Ok(None));
        assert_eq!(seastar::sniff(&magic[..at]), Sniff::NeedBytes(12));
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_records_arrive() {
    let mut head = frame(&[]);
    for (len, max) in [(101, 100), (u32::MAX, NEGOTIATION_LEN_MAX_DEFAULT), (1, 0)] {
        head[8..12].copy_from_slice(&len.to_le_bytes());
        assert_eq!(Features::decode(&head, max), Err(NegotiationError::TooLarge { len, max }));
        assert_eq!(Features::decode(&head[..11], max), Ok(None));
    }
    head[8..12].copy_from_slice(&100_u32.to_le_bytes());
    assert_eq!(Features::decode(&head, 100), Ok(None));
}

#[test]
fn a_stream_belongs_on_the_shard_of_its_parent() {
    let parent = ConnectionId::new(9, 5).0.to_le_bytes();
    let sent = frame(&[(5, b""), (3, &parent), (4, b"gold")]);
    // It is known as soon as its record is complete.
    for len in 12..36 {
        assert_eq!(seastar::sniff(&sent[..len]), Sniff::NeedBytes(sent.len()), "{len} bytes");
    }
    for len in 36..=sent.len() {
        assert_eq!(seastar::sniff(&sent[..len]), Sniff::Match(Home::Shard(5)), "{len} bytes");
    }
    let other = ConnectionId::new(9, 6).0.to_le_bytes();
    let cases: [&[Record<'_>]; 4] = [
        // What follows the frame is not part of it.
        &[(5, b"")],
        // Sessions refuse these.
        &[(3, &[1, 2, 3])],
        &[(3, &ConnectionId::INVALID.0.to_le_bytes())],
        &[],
    ];
    for records in cases {
        let sent = [frame(records), [3, 0, 0, 0, 8, 0, 0, 0].to_vec(), other.to_vec()].concat();
        assert_eq!(seastar::sniff(&sent), Sniff::Match(Home::AnyShard), "{records:?}");
    }
    assert_eq!(seastar::sniff(&frame(&[(3, &parent), (3, &other)])), Sniff::Match(Home::Shard(5)));
}

#[test]
fn long_records_do_not_keep_a_connection_from_its_protocol() {
    let long = frame(&[(4, &[7; 60_000]), (3, &[0; 8])]);
    assert_eq!(seastar::sniff(&long[..12]), Sniff::NeedBytes(4096));
    assert_eq!(seastar::sniff(&long[..4095]), Sniff::NeedBytes(4096));
    assert_eq!(seastar::sniff(&long[..4096]), Sniff::Match(Home::AnyShard));
    let mut endless = frame(&[]);
    endless[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(seastar::sniff(&endless), Sniff::Match(Home::AnyShard));
}

fn decode(input: &[u8]) -> Result<Features, NegotiationError> {
    let decoded = Features::decode(input, NEGOTIATION_LEN_MAX_DEFAULT)?;
    let (features, taken) = decoded.expect("a whole frame");
    assert_eq!(taken, input.len());
    Ok(features)
}

fn encoded(features: &Features) -> Vec<u8> {
    let mut out = Vec::new();
    features.encode(&mut out);
    out
}

/// Number and data of a feature.
type Record<'a> = (u32, &'a [u8]);

fn frame(records: &[Record<'_>]) -> Vec<u8> {
    let mut out = b"SSTARRPC\0\0\0\0".to_vec();
    for (number, data) in records {
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&u32::try_from(data.len()).expect("short").to_le_bytes());
        out.extend_from_slice(data);
    }
    let len = u32::try_from(out.len() - 12).expect("short");
    out[8..12].copy_from_slice(&len.to_le_bytes());
    out
}
