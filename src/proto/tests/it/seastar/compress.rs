//! Compressed frames: what Seastar's own tests of its compressors cover, and what its peers do not send.

use shardcast_proto::{
    Error,
    seastar::{
        FrameError,
        compress::{
            Algorithm, CompressError, Compressor, DecompressError, Lz4, Lz4Fragmented, Multi,
            compressed_len_max, encode_compressed, split_compressed,
        },
    },
};

use super::{random_bytes, recording::hex_bytes};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Sizes around each limit of the format, of constant, random and repetitive content.
#[test]
fn frames_come_back_as_they_were() {
    let sizes = [
        1,
        2,
        4,
        11,
        12,
        13,
        14,
        15,
        16,
        19,
        20,
        64,
        126,
        127,
        128,
        129,
        255,
        256,
        1000,
        16 * KIB,
        32 * KIB - 1,
        32 * KIB,
        32 * KIB + 1,
        32 * KIB + 12,
        64 * KIB - 2,
        64 * KIB - 1,
        64 * KIB,
        64 * KIB + 1,
        96 * KIB + 5,
        128 * KIB,
        100_000,
        MIB,
        4 * MIB,
    ];
    let mut pairs = pairs();
    for size in sizes {
        for content in contents(size) {
            pairs.iter_mut().for_each(|pair| check_round_trip(pair, &content));
        }
    }
}

/// The receiver gets the bytes in pieces: it needs all of them, whatever they are.
#[test]
fn a_frame_is_complete_with_its_last_byte() {
    let frame = text(10_000);
    for mut pair in pairs() {
        let sent = compressed(&mut pair, &frame);
        let max = compressed_len_max(frame.len());
        for piece in [1, 129, 4096, 4096 - 128] {
            let mut received = Vec::new();
            for part in sent.chunks(piece) {
                assert_eq!(split_compressed(&received, max), Ok(None));
                received.extend_from_slice(part);
            }
            received.extend_from_slice(b"next");
            let (data, taken) = split_compressed(&received, max).expect("valid").expect("whole");
            assert_eq!((data, taken), (&sent[4..], sent.len()));
        }
    }
}

#[test]
fn what_was_appended_before_stays() {
    for mut pair in pairs() {
        let frame = text(70_000);
        let mut sent = b"before".to_vec();
        encode_compressed(&mut *pair.0, &frame, &mut sent).expect("a short frame");
        let mut received = random_bytes(100_000, 3);
        let before = received.clone();
        pair.1.decompress(&sent[10..], frame.len(), &mut received).expect("what was compressed");
        assert!(received[..before.len()] == before && received[before.len()..] == frame);
    }
}

#[test]
fn chunks_refer_to_the_one_before() {
    // Random, but the same every 20,000 bytes: only a dictionary makes it shorter.
    let frame = random_bytes(20_000, 7).repeat(10);
    let mut pair = pair(&Lz4Fragmented);
    let sent = compressed(&mut pair, &frame);
    assert!(sent.len() < frame.len() / 4, "{} bytes", sent.len());
    assert_eq!(received(&mut pair, &sent, frame.len()), Ok(frame));
}

/// A chunk may refer to 64 KiB before it, so to several chunks. Bytes made with liblz4: see the README of the vectors.
#[test]
fn chunks_of_others_refer_to_all_before_in_the_window() {
    let data = hex_bytes(include_str!("../../vectors/seastar/four-chunks.txt"));
    let runs: Vec<u8> = random_bytes(200, 21).into_iter().flat_map(|byte| [byte; 250]).collect();
    assert!(decompressed(&Lz4Fragmented, &data, 100_000) == Ok(runs.repeat(2)));
}

#[test]
fn a_frame_over_the_limit_is_refused() {
    for mut pair in pairs() {
        for size in [100, 32 * KIB, 32 * KIB + 1, 100_000] {
            for content in contents(size) {
                let sent = compressed(&mut pair, &content);
                let error = received(&mut pair, &sent, size - 1).expect_err("one byte too many");
                let DecompressError::TooLarge { len, max } = error else { panic!("{error}") };
                assert!(len > max && max == size - 1, "{error}");
                assert_eq!(Error::from(error), Error::FrameTooLarge { len: len as u64, max: max as u64 });
                assert_eq!(received(&mut pair, &sent, size).as_ref(), Ok(&content));
            }
        }
    }
}

#[test]
fn lengths_over_the_limit_are_refused_before_the_data_arrives() {
    let error = Err(FrameError::TooLarge { len: u32::MAX, max: 1000 });
    assert_eq!(split_compressed(&[0xff; 4], 1000), error);
    assert_eq!(split_compressed(&[0xff; 3], 1000), Ok(None));
    assert_eq!(compressed_len_max(usize::MAX), u32::MAX);
    assert_eq!(compressed_len_max(0), 1024);
}

/// A claim of 2 GiB in a few bytes, which makes a Seastar server run out of memory.
#[test]
fn an_impossible_claim_allocates_nothing() {
    let max = usize::MAX >> 1;
    let mut out = Vec::new();
    let claim = 0x7fff_ffff_u32;
    let lz4 = [claim.to_le_bytes().to_vec(), vec![0x1f; 100]].concat();
    let last = [(claim | 1 << 31).to_le_bytes().to_vec(), vec![0x1f; 100]].concat();
    let middle = [128_u32.to_le_bytes().to_vec(), vec![0x1f; 128]].concat();
    for (algorithm, data) in [(&Lz4 as &dyn Algorithm, lz4), (&Lz4Fragmented, last), (&Lz4Fragmented, middle)]
    {
        let (_, mut compressor) = pair(algorithm);
        let error = compressor.decompress(&data, max, &mut out).expect_err("an impossible claim");
        assert!(matches!(error, DecompressError::Impossible { .. }), "{error}");
        assert_eq!(Error::from(error), Error::Malformed("compressed frame"));
        assert_eq!(out.capacity(), 0);
    }
    // The best ratio of LZ4 is just below.
    let zeros = vec![0; MIB];
    let mut pair = pair(&Lz4);
    let sent = compressed(&mut pair, &zeros);
    assert!(sent.len() < MIB / 250, "{} bytes", sent.len());
    assert_eq!(received(&mut pair, &sent, MIB), Ok(zeros));
}

#[test]
fn announced_lengths_are_exact() {
    // Four literals.
    let block = b"\x40abcd";
    for (len, expected) in [
        (3, Err(DecompressError::InvalidBlock)),
        (4, Ok(b"abcd".to_vec())),
        (5, Err(DecompressError::TooShort { announced: 5, found: 4 })),
    ] {
        let lz4 = [&u32::to_le_bytes(len)[..], block].concat();
        assert_eq!(decompressed(&Lz4, &lz4, 100), expected, "{len}");
        let last = [&u32::to_le_bytes(len | 1 << 31)[..], block].concat();
        assert_eq!(decompressed(&Lz4Fragmented, &last, 100), expected, "{len}");
    }
}

/// An intermediate chunk has 32,768 bytes; there is a last one; and no chunk ends after the frame.
#[test]
fn chunks_have_their_lengths() {
    let frame = random_bytes(2 * 32 * KIB + 10, 5);
    let mut pair = pair(&Lz4Fragmented);
    let sent = compressed(&mut pair, &frame)[4..].to_vec();
    // The heads, the ends of chunks, and some places between.
    for len in (4..sent.len()).filter(|len| len % 1009 == 0 || len % 32_000 < 40 || sent.len() - len < 40) {
        let error = decompressed(&Lz4Fragmented, &sent[..len], MIB).expect_err("a cut frame");
        assert!(!matches!(error, DecompressError::TooLarge { .. }), "{len} bytes: {error}");
    }
    // An intermediate chunk of 32,767 bytes, all literals.
    let literals = 32_767 - 15;
    let mut block = vec![0xf0];
    block.extend(vec![0xff; literals / 255]);
    block.push(u8::try_from(literals % 255).expect("a byte"));
    block.extend(vec![7; 32_767]);
    let mut data = u32::try_from(block.len()).expect("short").to_le_bytes().to_vec();
    data.extend(&block);
    data.extend(b"\x01\0\0\x80\x10a");
    let error = Err(DecompressError::TooShort { announced: 32_768, found: 32_767 });
    assert_eq!(decompressed(&Lz4Fragmented, &data, MIB), error);
}

#[test]
fn a_block_refers_to_its_own_frame_only() {
    let secret = b"secret, secret, secret";
    for (algorithm, last) in [(&Lz4 as &dyn Algorithm, 0), (&Lz4Fragmented, 1 << 31)] {
        // One literal, then a match at a distance; then five literals.
        for (distance, is_valid) in [(0_u16, false), (1, true), (2, false), (20, false), (u16::MAX, false)] {
            let mut data = u32::to_le_bytes(10 | last).to_vec();
            data.extend(b"\x10x");
            data.extend(distance.to_le_bytes());
            data.extend(b"\x50abcde");
            let (_, mut compressor) = pair(algorithm);
            let mut out = secret.to_vec();
            let result = compressor.decompress(&data, 100, &mut out);
            match is_valid {
                true => assert_eq!((result, &out[secret.len()..]), (Ok(()), &b"xxxxxabcde"[..])),
                false => assert_eq!(result, Err(DecompressError::InvalidBlock), "{distance}"),
            }
        }
    }
}

#[test]
fn fewer_than_four_bytes_are_an_empty_frame() {
    for algorithm in [&Lz4 as &dyn Algorithm, &Lz4Fragmented] {
        for len in 0..4 {
            assert_eq!(decompressed(algorithm, &[0xff; 4][..len], 100), Ok(Vec::new()));
        }
        let mut pair = pair(algorithm);
        assert_eq!(compressed(&mut pair, &[]), [0; 4]);
        assert!(!pair.0.poll_empty_frame());
    }
    // As Seastar: a length of 0 is an error in one of them, and an empty frame in the other.
    assert_eq!(decompressed(&Lz4, &[0; 5], 100), Err(DecompressError::InvalidBlock));
    assert_eq!(decompressed(&Lz4Fragmented, &[0, 0, 0, 0x80, 0], 100), Ok(Vec::new()));
    assert_eq!(decompressed(&Lz4Fragmented, &[0, 0, 0, 0x80], 100), Ok(Vec::new()));
}

#[test]
fn a_server_chooses_by_the_order_of_the_client() {
    let (lz4, fragmented) = ("LZ4", "LZ4_FRAGMENTED");
    let both = Multi::default().and(Lz4).and(Lz4Fragmented);
    let nested = Multi::default().and(Multi::default().and(Lz4)).and(Lz4Fragmented);
    let none = Multi::default();
    let cases: [(&dyn Algorithm, &str, Option<&str>); 15] = [
        (&Lz4, "LZ4", Some(lz4)),
        (&Lz4, "lz4", None),
        (&Lz4, "LZ4 ", None),
        (&Lz4, "", None),
        (&Lz4, "LZ4,LZ4_FRAGMENTED", None),
        (&Lz4, "LZ4_FRAGMENTED", None),
        (&Lz4Fragmented, "LZ4_FRAGMENTED", Some(fragmented)),
        (&Lz4Fragmented, "LZ4", None),
        (&both, "LZ4,LZ4_FRAGMENTED", Some(lz4)),
        (&both, "LZ4_FRAGMENTED,LZ4", Some(fragmented)),
        (&both, "ZSTD,,LZ4", Some(lz4)),
        (&both, "ZSTD, LZ4", None),
        (&both, "", None),
        (&nested, "LZ4", Some(lz4)),
        (&none, "LZ4", None),
    ];
    for (algorithm, offered, expected) in cases {
        let chosen = algorithm.negotiate(offered);
        assert_eq!(chosen.as_ref().map(|it| it.name()), expected, "{algorithm:?}: {offered}");
    }
    assert_eq!(nested.supported(), "LZ4,LZ4_FRAGMENTED");
    assert_eq!(none.supported(), "");
}

/// Compressors that count in empty frames, as in Seastar's test of them: both ends know the count of the other.
#[test]
fn compressors_exchange_data_in_empty_frames() {
    let (mut client, mut server) = (Counting::default(), Counting::default());
    for round in 1..=3 {
        client.pending = true;
        for (from, to) in [(true, false), (false, true)] {
            let sender = if from { &mut client } else { &mut server };
            assert!(sender.poll_empty_frame());
            let mut sent = Vec::new();
            encode_compressed(sender, &[], &mut sent).expect("a short frame");
            encode_compressed(sender, b"frame", &mut sent).expect("a short frame");
            assert!(!sender.poll_empty_frame());
            let receiver = if to { &mut client } else { &mut server };
            let (empty, taken) = split_compressed(&sent, 100).expect("valid").expect("whole");
            let mut frame = Vec::new();
            assert_eq!((receiver.decompress(empty, 100, &mut frame), frame.len()), (Ok(()), 0));
            let (data, _) = split_compressed(&sent[taken..], 100).expect("valid").expect("whole");
            assert_eq!((receiver.decompress(data, 100, &mut frame), &*frame), (Ok(()), &b"frame"[..]));
            assert_eq!(receiver.received, round);
        }
        server.pending = false;
        client.pending = false;
    }
}

#[derive(Debug, Default)]
struct Counting {
    sent: u32,
    received: u32,
    pending: bool,
}

impl Compressor for Counting {
    fn name(&self) -> &str {
        "COUNTING"
    }

    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        out.extend_from_slice(&self.sent.to_le_bytes());
        out.extend_from_slice(frame);
        Ok(())
    }

    fn decompress(&mut self, data: &[u8], _: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let (count, frame) = data.split_first_chunk().ok_or(DecompressError::Custom("no count"))?;
        let count = u32::from_le_bytes(*count);
        self.pending |= count > self.received;
        self.received = count;
        out.extend_from_slice(frame);
        Ok(())
    }

    fn poll_empty_frame(&mut self) -> bool {
        if self.pending {
            self.sent += 1;
        }
        std::mem::take(&mut self.pending)
    }
}

/// A refused frame leaves nothing in the output.
#[test]
fn a_frame_that_cannot_be_compressed_is_not_sent() {
    #[derive(Debug)]
    struct Refusing;

    impl Compressor for Refusing {
        fn name(&self) -> &str {
            "REFUSING"
        }

        fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
            out.extend_from_slice(frame);
            Err(CompressError::Custom("not today"))
        }

        fn decompress(&mut self, _: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), DecompressError> {
            Ok(())
        }
    }

    let mut out = b"before".to_vec();
    let result = encode_compressed(&mut Refusing, b"frame", &mut out);
    assert_eq!((result, &*out), (Err(CompressError::Custom("not today")), &b"before"[..]));
}

type Pair = (Box<dyn Compressor>, Box<dyn Compressor>);

fn pair(algorithm: &dyn Algorithm) -> Pair {
    let compressor = || algorithm.negotiate(algorithm.supported()).expect("its name");
    (compressor(), compressor())
}

fn pairs() -> [Pair; 2] {
    [pair(&Lz4), pair(&Lz4Fragmented)]
}

fn check_round_trip(pair: &mut Pair, frame: &[u8]) {
    let sent = compressed(pair, frame);
    assert!(sent.len() - 4 <= compressed_len_max(frame.len()) as usize, "{} for {}", sent.len(), frame.len());
    assert!(received(pair, &sent, frame.len()).as_deref() == Ok(frame), "{} bytes", frame.len());
}

fn compressed(pair: &mut Pair, frame: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    encode_compressed(&mut *pair.0, frame, &mut sent).expect("a short frame");
    sent
}

fn received(pair: &mut Pair, sent: &[u8], max: usize) -> Result<Vec<u8>, DecompressError> {
    let (data, taken) = split_compressed(sent, u32::MAX).expect("a length").expect("a whole frame");
    assert_eq!(taken, sent.len());
    let mut frame = Vec::new();
    pair.1.decompress(data, max, &mut frame).map(|()| frame)
}

fn decompressed(algorithm: &dyn Algorithm, data: &[u8], max: usize) -> Result<Vec<u8>, DecompressError> {
    let (_, mut compressor) = pair(algorithm);
    let mut frame = Vec::new();
    compressor.decompress(data, max, &mut frame).map(|()| frame)
}

fn contents(size: usize) -> [Vec<u8>; 3] {
    [vec![b'a'; size], random_bytes(size, 1), text(size)]
}

/// Words in no order.
fn text(size: usize) -> Vec<u8> {
    let words =
        ["the ", "price ", "of ", "silver ", "is ", "higher ", "than ", "yesterday, ", "and ", "1234.56 "];
    let chosen = random_bytes(size, 9);
    let mut text: Vec<u8> =
        chosen.iter().flat_map(|it| words[usize::from(*it) % 10].bytes()).take(size).collect();
    text.truncate(size);
    text
}
