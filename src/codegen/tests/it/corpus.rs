//! The fuzz targets on stable Rust: their committed corpus, and mutations of it from fixed seeds.

use std::{fs, path::Path};

use shardcast_build::testing;

#[test]
fn the_lexer_survives_its_corpus() {
    replay("lexer", testing::lexer);
}

#[test]
fn the_parser_survives_its_corpus() {
    replay("parser", testing::parser);
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
/// repeated, or a word of the language put in.
fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    if random.below(3) == 0 {
        let other = &corpus[random.below(corpus.len())];
        data.truncate(random.below(data.len() + 1));
        data.extend_from_slice(&other[random.below(other.len() + 1)..]);
    }
    for _ in 0..random.below(4) {
        let at = random.below(data.len() + 1);
        match random.below(5) {
            0 if at < data.len() => data[at] = u8::try_from(random.below(256)).expect("below 256"),
            1 if at < data.len() => drop(data.remove(at)),
            2 => drop(data.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
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

const WORDS: &[&str] = &[
    " struct ",
    " enum ",
    " key[",
    " = ",
    ";",
    "{",
    "}",
    "<",
    ">",
    "::",
    " /* x */ ",
    " // y\n",
    "\n\n",
    " 0 ",
    " \"z\" ",
    " vector<",
    " optional ",
    " interface ",
    "#include \"w\"",
];
const MUTATION_COUNT: usize = 4000;
