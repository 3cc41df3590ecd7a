//! Frames that no Seastar peer sends.

use shardcast_proto::{
    Error,
    seastar::{
        Exception, ExceptionError, FrameError, Layout, REQUEST_ID_MAX, RequestHead, ResponseHead,
        StreamFrame, split_request, split_response, split_stream_frame,
    },
};

const LAYOUTS: [Layout; 4] = [
    Layout { timeout: false, duration: false },
    Layout { timeout: false, duration: true },
    Layout { timeout: true, duration: false },
    Layout { timeout: true, duration: true },
];

#[test]
fn a_request_has_an_id_above_zero() {
    for layout in LAYOUTS {
        let at = layout.request_head_len() - 12;
        for id in [0, -1, -5, i64::MIN] {
            let mut head = request(1, 0, layout);
            head[at..at + 8].copy_from_slice(&id.to_le_bytes());
            let error = FrameError::RequestId(id);
            assert_eq!(split_request(&head, layout, 100), Err(error));
            assert_eq!(Error::from(error), Error::Malformed("request id"));
        }
        for id in [1, 1 << 40, REQUEST_ID_MAX] {
            let head =
                RequestHead::decode(&request(id, 0, layout), layout, 0).expect("valid").expect("whole");
            assert_eq!(head.id, id);
        }
    }
}

#[test]
fn a_response_has_an_id() {
    for layout in LAYOUTS {
        let mut head = vec![0; layout.response_head_len()];
        assert_eq!(split_response(&head, layout, 100), Err(FrameError::ResponseId));
        assert_eq!(Error::from(FrameError::ResponseId), Error::Malformed("response id"));
        // It has no positive counterpart, and is that of no request.
        head[..8].copy_from_slice(&i64::MIN.to_le_bytes());
        let found = ResponseHead::decode(&head, layout, 100).expect("valid").expect("whole");
        assert_eq!((found.id, found.is_exception), (1 << 63, true));
        for (id, is_exception) in [(1, false), (1, true), (REQUEST_ID_MAX, false), (REQUEST_ID_MAX, true)] {
            let sent = ResponseHead { id, is_exception, len: 0, duration_us: ResponseHead::UNMEASURED };
            head.clear();
            sent.encode(layout, &mut head);
            assert_eq!(ResponseHead::decode(&head, layout, 0), Ok(Some(sent)));
        }
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_payload_arrives() {
    for (len, max) in [(101, 100), (u32::MAX, 1 << 20), (1, 0), (u32::MAX - 1, 100)] {
        let error = FrameError::TooLarge { len, max };
        for layout in LAYOUTS {
            assert_eq!(split_request(&request(1, len, layout), layout, max), Err(error));
            let head = ResponseHead { id: 1, is_exception: false, len, duration_us: 0 };
            let mut sent = Vec::new();
            head.encode(layout, &mut sent);
            assert_eq!(split_response(&sent, layout, max), Err(error));
        }
        if len != u32::MAX {
            assert_eq!(split_stream_frame(&len.to_le_bytes(), max), Err(error));
        }
        assert_eq!(Error::from(error), Error::FrameTooLarge { len: len.into(), max: max.into() });
    }
    let layout = LAYOUTS[0];
    assert_eq!(split_request(&request(1, 100, layout), layout, 100), Ok(None));
    assert_eq!(split_stream_frame(&100_u32.to_le_bytes(), 100), Ok(None));
}

/// The end is not a length, so every limit allows it.
#[test]
fn a_stream_ends_whatever_the_limit() {
    for max in [0, 100, u32::MAX] {
        let end = Ok(Some((StreamFrame::EndOfStream, 4)));
        assert_eq!(split_stream_frame(&StreamFrame::END, max), end);
    }
    assert_eq!(split_stream_frame(&[0; 4], 0), Ok(Some((StreamFrame::Message(b""), 4))));
    assert_eq!(StreamFrame::message_head(u32::MAX as usize - 1), Some([0xfe, 0xff, 0xff, 0xff]));
    assert_eq!(StreamFrame::message_head(u32::MAX as usize), None);
}

#[test]
fn times_are_read_in_their_units() {
    let layout = LAYOUTS[3];
    for (timeout_ms, seconds) in [(0, None), (1500, Some(1.5)), (u64::MAX, Some(u64::MAX as f64 / 1000.0))] {
        let head = RequestHead { timeout_ms, verb: u64::MAX, id: 1, len: 0 };
        let mut sent = Vec::new();
        head.encode(layout, &mut sent);
        let found = RequestHead::decode(&sent, layout, 0).expect("valid").expect("whole");
        assert_eq!((found, found.timeout().map(|it| it.as_secs_f64())), (head, seconds));
    }
    for (duration_us, micros) in [(0, Some(0)), (u32::MAX - 1, Some(0xffff_fffe)), (u32::MAX, None)] {
        let head = ResponseHead { id: 1, is_exception: false, len: 0, duration_us };
        assert_eq!(head.duration().map(|it| it.as_micros()), micros);
    }
}

#[test]
fn exceptions_are_as_long_as_they_say() {
    let verb = [1, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    for len in 0..verb.len() {
        assert_eq!(Exception::decode(&verb[..len]), Err(ExceptionError), "{len} bytes");
    }
    let cases: [(&[u8], Result<Exception<'_>, ExceptionError>); 7] = [
        (&verb, Ok(Exception::UnknownVerb(9))),
        (b"\x01\0\0\0\x07\0\0\0\x09\0\0\0\0\0\0\0", Err(ExceptionError)),
        (b"\0\0\0\0\0\0\0\0", Ok(Exception::User("".into()))),
        (b"\0\0\0\0\x02\0\0\0okay", Ok(Exception::User("ok".into()))),
        (b"\0\0\0\0\x02\0\0\0o\xff", Ok(Exception::User("o\u{fffd}".into()))),
        (b"\0\0\0\0\xff\xff\xff\xffok", Err(ExceptionError)),
        (b"\x07\0\0\0\x02\0\0\0ok", Ok(Exception::Other { kind: 7, data: b"ok" })),
    ];
    for (payload, expected) in cases {
        assert_eq!(Exception::decode(payload), expected, "{payload:?}");
    }
    let mut payload = Vec::new();
    Exception::Other { kind: 7, data: b"ok" }.encode(&mut payload);
    assert_eq!(payload, b"\x07\0\0\0\x02\0\0\0ok");
}

fn request(id: u64, len: u32, layout: Layout) -> Vec<u8> {
    let mut head = Vec::new();
    RequestHead { timeout_ms: 0, verb: 1, id, len }.encode(layout, &mut head);
    head
}
