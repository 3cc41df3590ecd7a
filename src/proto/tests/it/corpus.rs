//! The fuzz targets on stable Rust: their committed corpus, and mutations of it from fixed seeds.

use std::{fs, path::Path};

use shardcast_proto::testing::fuzz;

#[test]
fn framed_session_survives_its_corpus() {
    replay("framed_session", fuzz::framed_session);
}

#[test]
fn framed_client_survives_its_corpus() {
    replay("framed_client", fuzz::framed_client);
}

#[test]
fn endpoint_survives_its_corpus() {
    replay("endpoint", fuzz::endpoint);
}

#[test]
fn tars_reader_survives_its_corpus() {
    replay("tars_reader", fuzz::tars_reader);
}

#[test]
fn tars_packet_survives_its_corpus() {
    replay("tars_packet", fuzz::tars_packet);
}

#[test]
fn tars_tup_survives_its_corpus() {
    replay("tars_tup", fuzz::tars_tup);
}

#[test]
fn tars_json_survives_its_corpus() {
    replay("tars_json", fuzz::tars_json);
}

#[test]
fn tars_session_survives_its_corpus() {
    replay("tars_session", fuzz::tars_session);
}

#[test]
fn control_survives_its_corpus() {
    replay("control", fuzz::control);
}

#[test]
fn seastar_negotiation_survives_its_corpus() {
    replay("seastar_negotiation", fuzz::seastar_negotiation);
}

#[test]
fn seastar_request_survives_its_corpus() {
    replay("seastar_request", fuzz::seastar_request);
}

#[test]
fn seastar_response_survives_its_corpus() {
    replay("seastar_response", fuzz::seastar_response);
}

#[test]
fn seastar_stream_survives_its_corpus() {
    replay("seastar_stream", fuzz::seastar_stream);
}

#[test]
fn seastar_lz4_survives_its_corpus() {
    replay("seastar_lz4", fuzz::seastar_lz4);
}

#[test]
fn seastar_lz4_fragmented_survives_its_corpus() {
    replay("seastar_lz4_fragmented", fuzz::seastar_lz4_fragmented);
}

#[test]
fn seastar_values_survives_its_corpus() {
    replay("seastar_values", fuzz::seastar_values);
}

#[test]
fn seastar_accepting_survives_its_corpus() {
    replay("seastar_accepting", fuzz::seastar_accepting);
}

#[test]
fn seastar_connecting_survives_its_corpus() {
    replay("seastar_connecting", fuzz::seastar_connecting);
}

#[test]
fn seastar_stream_session_survives_its_corpus() {
    replay("seastar_stream_session", fuzz::seastar_stream_session);
}

#[test]
fn tcpshm_accepting_survives_its_corpus() {
    replay("tcpshm_accepting", fuzz::tcpshm_accepting);
}

#[test]
fn tcpshm_connecting_survives_its_corpus() {
    replay("tcpshm_connecting", fuzz::tcpshm_connecting);
}

#[test]
fn tcpshm_original_survives_its_corpus() {
    replay("tcpshm_original", fuzz::tcpshm_original);
}

#[test]
fn tcpshm_topics_survives_its_corpus() {
    replay("tcpshm_topics", fuzz::tcpshm_topics);
}

#[test]
fn tcpshm_journal_survives_its_corpus() {
    replay("tcpshm_journal", fuzz::tcpshm_journal);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).expect("a committed corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let corpus: Vec<_> = paths.iter().map(|path| fs::read(path).expect("a readable file")).collect();
    assert!(corpus.len() >= 4, "{} holds {} files", folder.display(), corpus.len());
    for data in &corpus {
        run(data);
    }
    let mut random = Random(0x5eed);
    for _ in 0..MUTATION_COUNT {
        run(&mutate(&corpus, &mut random));
    }
}

/// A file of the corpus, or the front of one and the back of another, with a few bytes changed, dropped or
/// repeated.
fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    if random.below(3) == 0 {
        let other = &corpus[random.below(corpus.len())];
        data.truncate(random.below(data.len() + 1));
        data.extend_from_slice(&other[random.below(other.len() + 1)..]);
    }
    for _ in 0..random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(4) {
            0 if at < data.len() => data[at] = u8::try_from(random.below(256)).expect("below 256"),
            1 if at < data.len() => data[at] ^= 1 << random.below(8),
            2 if at < data.len() => drop(data.remove(at)),
            _ => {
                let piece = data[at..data.len().min(at + random.below(12))].to_vec();
                data.splice(at..at, piece);
            }
        }
    }
    data
}

/// Xorshift; the same mutations every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bound = u64::try_from(bound).expect("64 bits");
        usize::try_from(self.0 % bound).expect("below a usize")
    }
}

const MUTATION_COUNT: usize = 4000;
