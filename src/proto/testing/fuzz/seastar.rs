//! Fuzz targets of Seastar RPC: its frames, its compression, its encoding of values.

use bytes::Bytes;

use crate::{
    Home, Sniff,
    seastar::{
        ConnectionId, Exception, Features, Frame, Layout, NegotiationError, ResponseHead, StreamFrame,
        compress::{Algorithm, Lz4, Lz4Fragmented, compressed_len_max, encode_compressed, split_compressed},
        serialize::{Decode as _, DecodeError, Reader, Tail, from_bytes, from_slice, to_vec},
        sniff, split_request, split_response, split_stream_frame,
    },
    serialize_struct,
};

/// Any bytes: features are written and read to the same value, a proper prefix needs more or has the same error, and the
/// first bytes name the shard of the parent.
pub fn negotiation(data: &[u8]) {
    let decode = |input| Features::decode(input, LEN_MAX);
    let sniffed = sniff(data);
    match decode(data) {
        Ok(Some((features, taken))) => {
            assert!((0..taken).all(|len| decode(&data[..len]) == Ok(None)), "a proper prefix");
            let mut written = Vec::new();
            features.encode(&mut written);
            let len = written.len();
            let shard = features.stream_parent.filter(|it| it.is_valid()).map(ConnectionId::shard);
            assert_eq!(sniffed, Sniff::Match(shard.map_or(Home::AnyShard, Home::Shard)));
            assert_eq!(decode(&written), Ok(Some((features, len))));
        }
        Ok(None) => assert_ne!(sniffed, Sniff::Refuse),
        Err(error) => {
            assert_eq!(sniffed == Sniff::Refuse, error == NegotiationError::WrongMagic);
            let is_same =
                |len| matches!(decode(&data[..len]), Ok(None)) || decode(&data[..len]) == Err(error);
            assert!((0..data.len()).all(is_same), "{error}");
        }
    }
}

/// Any bytes after the layout: requests are found wherever the input is cut, and are written to the same bytes.
pub fn request(data: &[u8]) {
    let Some((layout, mut rest)) = layout(data) else { return };
    while let Ok(Some(Frame { head, payload, taken })) = split_request(rest, layout, LEN_MAX) {
        let mut written = Vec::new();
        head.encode(layout, &mut written);
        written.extend_from_slice(payload);
        assert!(written == rest[..taken], "a request is written as it was read");
        assert!(
            head.timeout().is_some() == (head.timeout_ms > 0) && (layout.timeout || head.timeout_ms == 0)
        );
        assert_eq!(split_request(&rest[..taken - 1], layout, LEN_MAX), Ok(None), "a proper prefix");
        rest = &rest[taken..];
    }
}

/// Any bytes after the layout: as [`request`], for responses, and exceptions are written and read to the same value.
pub fn response(data: &[u8]) {
    let Some((layout, mut rest)) = layout(data) else { return };
    while let Ok(Some(Frame { head, payload, taken })) = split_response(rest, layout, LEN_MAX) {
        // The least id is that of no request, so it is never written.
        if head.id <= crate::seastar::REQUEST_ID_MAX {
            let mut written = Vec::new();
            head.encode(layout, &mut written);
            written.extend_from_slice(payload);
            assert!(written == rest[..taken], "a response is written as it was read");
        }
        assert!(layout.duration || head.duration_us == ResponseHead::UNMEASURED);
        assert_eq!(split_response(&rest[..taken - 1], layout, LEN_MAX), Ok(None), "a proper prefix");
        rest = &rest[taken..];
        if let Ok(exception) = Exception::decode(payload) {
            let mut written = Vec::new();
            exception.encode(&mut written);
            assert_eq!(Exception::decode(&written), Ok(exception));
        }
    }
}

/// Any bytes: the messages of a stream are found wherever it is cut, and are written to the same bytes.
pub fn stream(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((frame, taken))) = split_stream_frame(rest, LEN_MAX) {
        let written = match frame {
            StreamFrame::Message(message) => {
                [&StreamFrame::message_head(message.len()).expect("a short message"), message].concat()
            }
            StreamFrame::EndOfStream => StreamFrame::END.into(),
        };
        assert!(written == rest[..taken], "a frame is written as it was read");
        assert_eq!(split_stream_frame(&rest[..taken - 1], LEN_MAX), Ok(None), "a proper prefix");
        rest = &rest[taken..];
    }
}

/// Any bytes as a compressed frame, and as a frame to compress, of `LZ4`.
pub fn lz4(data: &[u8]) {
    compression(&Lz4, data);
}

/// As [`lz4`], of `LZ4_FRAGMENTED`. Some frames to compress are repeated until they have several chunks.
pub fn lz4_fragmented(data: &[u8]) {
    compression(&Lz4Fragmented, data);
    if !data.is_empty() && data.len().is_multiple_of(8) {
        compression(&Lz4Fragmented, &data.repeat(100_000 / data.len() + 1));
    }
}

fn compression(algorithm: &dyn Algorithm, data: &[u8]) {
    let mut compressor = algorithm.negotiate(algorithm.supported()).expect("its name");
    let (mut frame, mut sent, mut received) = (b"before".to_vec(), Vec::new(), Vec::new());
    if compressor.decompress(data, DECOMPRESSED_LEN_MAX, &mut frame).is_ok() {
        assert!(frame.len() - 6 <= DECOMPRESSED_LEN_MAX.min(data.len() * 255), "{} bytes", frame.len());
    }
    assert!(frame.starts_with(b"before"), "what was there stays");
    // After a malformed frame, too: these algorithms have no state.
    for frame in [&frame, data] {
        sent.clear();
        received.clear();
        encode_compressed(&mut *compressor, frame, &mut sent).expect("a short frame");
        let split = split_compressed(&sent, compressed_len_max(frame.len()));
        let (compressed, taken) = split.expect("a short frame").expect("a whole frame");
        assert_eq!(taken, sent.len());
        assert_eq!(compressor.decompress(compressed, frame.len(), &mut received), Ok(()));
        assert!(received == frame, "a frame comes back as it was");
    }
}

/// Any bytes as values: what is read is written to the same bytes, and takes no more memory than allowed.
pub fn values(data: &[u8]) {
    let Ok(value) = from_slice::<Value>(data) else { return };
    let written = to_vec(&value);
    assert!(data.starts_with(&written), "a value is written as it was read");
    let shared: Result<Value, DecodeError> = from_bytes(&Bytes::copy_from_slice(data));
    assert_eq!(to_vec(&shared.expect("the same bytes")), written);
    let mut reader = Reader::new(data).memory_max(1000).depth_max(5);
    if let Ok(value) = Value::decode(&mut reader) {
        assert!(
            value.list.len() * size_of::<Value>() + value.flags.len() <= 1000,
            "more memory than allowed"
        );
        assert_eq!(reader.offset(), written.len());
    }
}

/// A value of each kind, and of its own.
#[derive(Debug)]
struct Value {
    number: i16,
    float: f32,
    text: String,
    bytes: Bytes,
    flags: Vec<bool>,
    list: Vec<Self>,
    later: Tail<Box<Self>>,
}

serialize_struct!(Value { number, float, text, bytes, flags, list, later });

/// The layout in the first byte.
fn layout(data: &[u8]) -> Option<(Layout, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Layout { timeout: first & 1 != 0, duration: first & 2 != 0 }, rest))
}

const LEN_MAX: u32 = 1000;
const DECOMPRESSED_LEN_MAX: usize = 200_000;
