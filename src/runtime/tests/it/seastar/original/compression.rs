//! Compressors, alone and on a connection.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use shardcast::seastar::{
    Client, ClientConfig, Protocol, Verb,
    compress::{
        Algorithm, CompressError, Compressor, DecompressError, Lz4, Lz4Fragmented, compressed_len_max,
        encode_compressed, split_compressed,
    },
};

use super::super::serve;
use crate::support::{PATIENCE, eventually};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// As many pieces are checked: it is the same with those that follow.
const PIECES_MAX: usize = 20_000;

/// The sizes of a debug build of the original.
fn sizes() -> Vec<usize> {
    let mut sizes = vec![1, 16 * KIB, MIB, MIB + 1, 64 * KIB + 5670, 16 * KIB + 3421, 32 * KIB - 321];
    sizes.extend([128, 246, 511, 3567, 2 * KIB, 8 * KIB].map(|less| MIB - less));
    sizes
}

fn contents(size: usize) -> [Vec<u8>; 3] {
    let mut state = size as u32 | 1;
    let random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x7f
    };
    let random: Vec<_> = std::iter::repeat_with(random).take(size).collect();
    let words = b"Each message is a frame, and each frame is compressed on its own, even if it grows. ";
    [vec![b'a'; size], random, words.iter().copied().cycle().take(size).collect()]
}

fn check(algorithm: &dyn Algorithm) {
    let name = algorithm.supported();
    let mut compressor = algorithm.negotiate(name).expect("its name");
    for size in sizes() {
        for content in contents(size) {
            for headroom in [0, 128 * KIB] {
                let mut sent = vec![0xff; headroom];
                encode_compressed(&mut *compressor, &content, &mut sent).expect("a frame");
                assert!(sent[..headroom].iter().all(|byte| *byte == 0xff));
                received(&mut *compressor, &sent[headroom..], &content);
            }
        }
    }
}

/// It is received in pieces: it is complete with its last byte.
fn received(compressor: &mut dyn Compressor, sent: &[u8], content: &[u8]) {
    let max = compressed_len_max(content.len());
    for piece in [1, 129, 4096, 4096 - 128, sent.len()] {
        for end in (0..sent.len()).step_by(piece).take(PIECES_MAX) {
            assert_eq!(split_compressed(&sent[..end], max), Ok(None));
        }
    }
    let (data, taken) = split_compressed(sent, max).expect("valid").expect("whole");
    let mut frame = Vec::new();
    compressor.decompress(data, content.len(), &mut frame).expect("what was compressed");
    assert!(frame == content && taken == sent.len(), "{} bytes", content.len());
}

#[test]
fn test_lz4_compressor() {
    check(&Lz4);
}

#[test]
fn test_lz4_fragmented_compressor() {
    check(&Lz4Fragmented);
}

/// What the compressor of one end has for that of the other end, and what it has got.
#[derive(Clone, Debug, Default)]
struct Metadata(Arc<Mutex<(Vec<u64>, Vec<u64>)>>);

impl Metadata {
    fn with<R>(&self, f: impl FnOnce(&mut (Vec<u64>, Vec<u64>)) -> R) -> R {
        f(&mut self.0.lock().expect("no test has failed"))
    }
}

/// Each frame begins with the number of values that follow, which are sent in empty frames only.
#[derive(Debug)]
struct Talking {
    inner: Box<dyn Compressor>,
    metadata: Metadata,
}

impl Algorithm for Metadata {
    fn supported(&self) -> &str {
        "TEST"
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        let inner = Lz4Fragmented.negotiate("LZ4_FRAGMENTED")?;
        (offered == "TEST").then(|| Box::new(Talking { inner, metadata: self.clone() }) as _)
    }
}

impl Compressor for Talking {
    fn name(&self) -> &str {
        "TEST"
    }

    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let values = match frame {
            [] => self.metadata.with(|(to_send, _)| std::mem::take(to_send)),
            _ => Vec::new(),
        };
        out.push(values.len() as u8);
        values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        self.inner.compress(frame, out)
    }

    fn decompress(&mut self, data: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let (count, mut rest) = data.split_first().ok_or(DecompressError::Custom("no count"))?;
        for _ in 0..*count {
            let (value, after) = rest.split_first_chunk().ok_or(DecompressError::Custom("no value"))?;
            self.metadata.with(|(_, received)| received.push(u64::from_be_bytes(*value)));
            rest = after;
        }
        self.inner.decompress(rest, max, out)
    }

    fn poll_empty_frame(&mut self) -> bool {
        self.metadata.with(|(to_send, _)| !to_send.is_empty())
    }
}

#[test]
fn test_compressor_empty_frames() {
    const ANSWER: Verb<(), i32> = Verb::new(1);
    let [of_client, of_server] = [(); 2].map(|()| Metadata::default());
    let server = serve(1, Protocol::default().compression(of_server.clone()), |registry| {
        registry.on(ANSWER, async |_cx, ()| Ok::<_, Infallible>(42));
    });
    let config = ClientConfig::default().compression(of_client.clone());
    let client = Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap();
    assert_eq!(client.call_blocking(ANSWER, &()), Ok(42));
    for round in 0..3 {
        of_client.with(|(to_send, _)| to_send.push(2 * round));
        of_server.with(|(to_send, _)| to_send.push(2 * round + 1));
        assert_eq!(client.call_blocking(ANSWER, &()), Ok(42));
        for (of, value) in [(&of_server, 2 * round), (&of_client, 2 * round + 1)] {
            eventually(PATIENCE, || of.with(|(_, received)| received.pop()) == Some(value));
        }
    }
}
