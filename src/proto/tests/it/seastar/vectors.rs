//! Frames recorded between a Seastar client and server: read, written again byte by byte, cut at every byte.

use shardcast_proto::seastar::{
    ConnectionId, Exception, Features, Frame, Layout, RequestHead, ResponseHead, StreamFrame,
    compress::{
        Algorithm as _, Compressor, Lz4, Lz4Fragmented, Multi, compressed_len_max, encode_compressed,
        split_compressed,
    },
    serialize::{Tail, from_slice, to_vec},
    split_request, split_response, split_stream_frame,
};

use super::recording::{Negotiated, Recorded, recording, recordings};

#[test]
fn every_recorded_frame_is_read_and_written_byte_by_byte() {
    let (mut files, mut frames, mut compressed) = (0, 0, 0);
    for recording in recordings() {
        let mut connections = vec![Negotiated::default(); 4];
        for frame in &recording.frames {
            let Some(bytes) = &frame.bytes else { continue };
            let connection = &mut connections[frame.connection];
            let negotiated = match frame.is_from_client {
                true => &mut connection.offered,
                false => &mut connection.accepted,
            };
            let at = format!("{}, frame {frames}", recording.name);
            if negotiated.is_none() {
                *negotiated = Some(check_negotiation(bytes, &at));
            } else if let Some(name) = connection.accepted.as_ref().and_then(|it| it.compression.as_deref()) {
                check_compressed(name, frame, bytes, connection, &at);
                compressed += 1;
            } else {
                check_frame(bytes, frame.is_from_client, connection, &at);
            }
            frames += 1;
        }
        files += 1;
    }
    assert_eq!((files, frames, compressed), (37, 259, 36));
}

fn check_negotiation(bytes: &[u8], at: &str) -> Features {
    let decode = |input: &[u8]| Features::decode(input, 1000).unwrap_or_else(|error| panic!("{at}: {error}"));
    let (features, taken) = decode(bytes).expect("a whole frame");
    let mut written = b"before".to_vec();
    features.encode(&mut written);
    assert_eq!((&written[6..], taken), (bytes, bytes.len()), "{at}");
    for len in 0..bytes.len() {
        assert_eq!(decode(&bytes[..len]), None, "{at}: {len} bytes");
    }
    assert_eq!(decode(&[bytes, b"next"].concat()), Some((features.clone(), taken)), "{at}");
    features
}

/// One frame, as it is without compression.
fn check_frame(bytes: &[u8], is_from_client: bool, connection: &Negotiated, at: &str) {
    let check = |input: &[u8]| match (connection.is_stream(), is_from_client, connection.layout()) {
        (true, ..) => rewrite_stream_frame(input),
        (false, true, layout) => rewrite_request(input, layout),
        (false, false, layout) => rewrite_response(input, layout),
    };
    assert_eq!(check(bytes), Some((bytes.to_vec(), bytes.len())), "{at}");
    assert_eq!(check(&[bytes, b"next"].concat()), Some((bytes.to_vec(), bytes.len())), "{at}");
    for len in 0..bytes.len() {
        assert_eq!(check(&bytes[..len]), None, "{at}: {len} bytes");
    }
}

/// The first request of `input`, written again, and the number of bytes taken.
fn rewrite_request(input: &[u8], layout: Layout) -> Option<(Vec<u8>, usize)> {
    let Frame { head, payload, taken } = split_request(input, layout, 10_000).expect("a valid request")?;
    assert_eq!(RequestHead::decode(input, layout, 10_000), Ok(Some(head)));
    let mut written = Vec::new();
    head.encode(layout, &mut written);
    assert_eq!(written.len(), layout.request_head_len());
    written.extend_from_slice(payload);
    Some((written, taken))
}

fn rewrite_response(input: &[u8], layout: Layout) -> Option<(Vec<u8>, usize)> {
    let Frame { head, payload, taken } = split_response(input, layout, 10_000).expect("a valid response")?;
    assert_eq!(ResponseHead::decode(input, layout, 10_000), Ok(Some(head)));
    let mut written = Vec::new();
    head.encode(layout, &mut written);
    assert_eq!(written.len(), layout.response_head_len());
    match head.is_exception {
        true => Exception::decode(payload).expect("an exception").encode(&mut written),
        false => written.extend_from_slice(payload),
    }
    Some((written, taken))
}

fn rewrite_stream_frame(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (frame, taken) = split_stream_frame(input, 10_000).expect("a valid frame")?;
    let written = match frame {
        StreamFrame::Message(message) => {
            [&StreamFrame::message_head(message.len()).expect("a short message"), message].concat()
        }
        StreamFrame::EndOfStream => StreamFrame::END.into(),
    };
    Some((written, taken))
}

/// Whatever blocks our encoder makes, they are decompressed to the same frame as those that were recorded.
fn check_compressed(name: &str, frame: &Recorded, bytes: &[u8], connection: &Negotiated, at: &str) {
    for len in 0..bytes.len() {
        assert_eq!(split(&bytes[..len]), None, "{at}: {len} bytes");
    }
    let mut compressor = compressor(name);
    let mut decompressed = |input: &[u8]| {
        let (data, taken) = split(input).expect("a whole frame");
        let mut inner = b"before".to_vec();
        let result = compressor.decompress(data, 10_000, &mut inner);
        result.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(taken, input.len());
        inner.split_off(6)
    };
    let inner = decompressed(bytes);
    let recorded = frame.inner.as_deref().expect("the inner frame");
    assert!(inner.starts_with(recorded) && recorded.len() >= inner.len().min(80), "{at}");
    check_frame(&inner, frame.is_from_client, connection, at);
    let mut written = Vec::new();
    encode_compressed(&mut *self::compressor(name), &inner, &mut written).expect("a short frame");
    assert_eq!(decompressed(&written), inner, "{at}");
}

fn split(input: &[u8]) -> Option<(&[u8], usize)> {
    split_compressed(input, compressed_len_max(10_000)).expect("a short frame")
}

fn compressor(name: &str) -> Box<dyn Compressor> {
    Multi::default().and(Lz4).and(Lz4Fragmented).negotiate(name).expect("a name")
}

#[test]
fn negotiations_have_the_recorded_features() {
    let defaults = Features { timeout: true, handler_duration: true, ..Features::default() };
    let lz4 = Features { compression: Some("LZ4".into()), ..Features::default() };
    let with_id = Features { connection_id: Some(ConnectionId::new(1, 0)), ..Features::default() };
    let cases = [
        ("01-negotiate-none", Features::default(), Features::default()),
        ("04-negotiate-isolation", isolation(), isolation()),
        ("05-negotiate-defaults", defaults.clone(), defaults.clone()),
        ("06-negotiate-compress-declined", lz4, Features::default()),
        ("08-negotiate-connection-id", Features::default(), with_id),
    ];
    for (name, offered, accepted) in cases {
        let recording = recording(name);
        let mut found = recording.frames.iter().filter_map(|it| it.bytes.as_deref());
        let mut next = || check_negotiation(found.next().expect("a frame"), name);
        assert_eq!((next(), next()), (offered, accepted), "{name}");
    }
}

fn isolation() -> Features {
    Features { isolation: Some(b"gold".as_slice().into()), ..Features::default() }
}

#[test]
fn the_id_of_a_connection_names_its_shard() {
    let recording = recording("59-stream-two-shards");
    let accepted = recording.frames.iter().filter(|it| !it.is_from_client);
    let features = accepted.filter_map(|it| Features::decode(it.bytes.as_deref()?, 100).ok()?);
    let ids: Vec<_> = features.map(|(it, _)| it.connection_id.expect("an id")).collect();
    assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10000", "10001", "20000"]);
    assert_eq!(ids.iter().map(|id| (id.counter(), id.shard())).collect::<Vec<_>>(), [(1, 0), (1, 1), (2, 0)]);
}

#[test]
fn heads_and_payloads_have_the_recorded_values() {
    let both = Layout { timeout: true, duration: true };
    let recording = recording("13-echo-defaults");
    let frames: Vec<_> = recording.frames.iter().filter_map(|it| it.bytes.as_deref()).collect();
    let request = split_request(frames[2], both, 1000).expect("valid").expect("whole");
    assert_eq!((request.head.verb, request.head.id, request.head.timeout()), (1, 1, None));
    let text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
    assert_eq!(from_slice(request.payload), Ok(text));
    assert_eq!(to_vec(text), request.payload);
    let response = split_response(frames[3], both, 1000).expect("valid").expect("whole");
    assert_eq!((response.head.id, response.head.is_exception), (1, false));
    assert_eq!(from_slice(response.payload), Ok((text, Tail::<u8>(None))));
    let sum = split_request(frames[4], both, 1000).expect("valid").expect("whole");
    assert_eq!((sum.head.verb, sum.head.id, from_slice(sum.payload)), (2, 2, Ok((2, 3))));
}

#[test]
fn exceptions_have_the_recorded_values() {
    let measured = Layout { timeout: false, duration: true };
    let user = |text: &str| Exception::User(text.to_owned().into());
    check_exceptions(
        "21-exception-user-duration",
        measured,
        &[
            user("std::runtime_error (boom)"),
            user("std::system_error (error system:2, sys: No such file or directory)"),
            user("int"),
            user("std::logic_error (logic)"),
        ],
    );
    let unknown = [Exception::UnknownVerb(999), Exception::UnknownVerb(999)];
    check_exceptions("22-exception-unknown-verb", Layout::default(), &unknown);
}

fn check_exceptions(name: &str, layout: Layout, expected: &[Exception<'_>]) {
    let recording = recording(name);
    let responses = recording.frames.iter().filter(|it| !it.is_from_client).skip(1);
    let responses = responses.filter_map(|it| it.bytes.as_deref());
    for (bytes, expected) in responses.zip(expected) {
        let Frame { head, payload, .. } = split_response(bytes, layout, 1000).expect("valid").expect("whole");
        assert_eq!((head.is_exception, head.duration().is_some()), (true, layout.duration), "{name}");
        assert_eq!(Exception::decode(payload).as_ref(), Ok(expected), "{name}");
    }
}
