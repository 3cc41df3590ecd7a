//! Every recorded segment: read, and written again byte by byte.

use shardcast_proto::tcpshm::{ByteOrder, Geometry, Header, Login, LoginResponse, Status, UserData};

use super::recording::{Recording, Segment, recordings};

#[test]
fn every_recorded_segment_is_read_and_written_byte_by_byte() {
    let (mut files, mut logins, mut messages) = (0, 0, 0);
    for recording in recordings() {
        let geometry = geometry_of(&recording);
        for (number, segment) in recording.segments.iter().enumerate() {
            let at = format!("{}, segment {number}", recording.name);
            if number < 2 && !recording.name.ends_with("ack_by_heartbeat") {
                check_login(segment, &geometry, &at);
                logins += 1;
            } else {
                messages += check_messages(&segment.bytes, geometry.byte_order(), &at);
            }
        }
        files += 1;
    }
    assert_eq!((files, logins, messages), (12, 22, 81));
}

fn geometry_of(recording: &Recording) -> Geometry {
    let order = if recording.is_big_endian() { ByteOrder::Big } else { ByteOrder::Little };
    Geometry::new(16, order, UserData::default(), UserData::default()).expect("the original's")
}

fn check_login(segment: &Segment, geometry: &Geometry, at: &str) {
    let bytes = &segment.bytes;
    let mut written = b"before".to_vec();
    if segment.is_from_client {
        let decode = |input| Login::decode(input, geometry).unwrap_or_else(|error| panic!("{at}: {error}"));
        (0..bytes.len()).for_each(|len| assert_eq!(decode(&bytes[..len]), None, "{at}: {len} bytes"));
        let login = decode(bytes).expect("all of it");
        assert_eq!(login.client, b"client", "{at}");
        assert!(Login::may_begin_with(bytes, geometry), "{at}");
        login.encode(geometry, &mut written);
    } else {
        let decode =
            |input| LoginResponse::decode(input, geometry).unwrap_or_else(|error| panic!("{at}: {error}"));
        (0..bytes.len()).for_each(|len| assert_eq!(decode(&bytes[..len]), None, "{at}: {len} bytes"));
        let response = decode(bytes).expect("all of it");
        assert_eq!(response.server, b"server", "{at}");
        response.encode(geometry, &mut written);
    }
    assert_eq!(written.len() - 6, bytes.len(), "{at}");
    for (place, (written, recorded)) in written[6..].iter().zip(bytes).enumerate() {
        let is_the_same = written == recorded || *written == 0 && is_undefined(place, segment, geometry);
        assert!(is_the_same, "{at}, byte {place}: {written:#x}, recorded {recorded:#x}");
    }
}

/// Whether the original leaves this byte of a login or its response undefined.
fn is_undefined(place: usize, segment: &Segment, geometry: &Geometry) -> bool {
    if segment.is_from_client {
        return (50..56).contains(&place);
    }
    let response = LoginResponse::decode(&segment.bytes, geometry).ok().flatten().expect("a response");
    let is_accepted = response.status == Status::Accepted;
    let is_padding = (66..72).contains(&place);
    let is_text = (34..66).contains(&place) && (is_accepted || place > 34 + response.error.len());
    is_padding || is_text || place == 16
}

/// The messages of a segment; returns their number.
fn check_messages(mut bytes: &[u8], order: ByteOrder, at: &str) -> usize {
    let mut messages = 0;
    while let Some(recorded) = bytes.first_chunk() {
        let header = Header::decode(*recorded, order);
        assert_eq!((header.encode(order), header.check()), (*recorded, Ok(())), "{at}");
        assert!(header.wire_len() <= bytes.len(), "{at}: the padding is part of the stream");
        bytes = &bytes[header.wire_len()..];
        messages += 1;
    }
    assert!(bytes.is_empty(), "{at}");
    messages
}

#[test]
fn undefined_bytes_change_nothing() {
    let recordings = recordings();
    let find = |name| recordings.iter().find(|it| it.name == name).expect("a recording");
    let (zero, pattern) = (find("wire_tcp_session_zero"), find("wire_tcp_session_pat"));
    let geometry = Geometry::default();
    let [login, same] = [zero, pattern].map(|it| Login::decode(&it.segments[0].bytes, &geometry));
    assert!(login == same && zero.segments[0].bytes != pattern.segments[0].bytes);
    let [response, other] = [zero, pattern].map(|it| LoginResponse::decode(&it.segments[1].bytes, &geometry));
    let [response, other] = [response, other].map(|it| it.ok().flatten().expect("a response"));
    // Only the user data, which that application does not set, differs.
    assert_eq!(LoginResponse { user_data: other.user_data, ..response }, other);
}
