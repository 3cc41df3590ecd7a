//! The recordings in `tests/vectors/seastar`, of a Seastar client and server: see its README.

use std::{fs, path::Path};

use shardcast_proto::seastar::{Features, Layout};

/// One scenario.
pub(super) struct Recording {
    pub(super) name: String,
    pub(super) frames: Vec<Recorded>,
}

/// One frame, or the end of one direction.
pub(super) struct Recorded {
    /// Number of the connection within the scenario.
    pub(super) connection: usize,
    pub(super) is_from_client: bool,
    /// `None` for the end.
    pub(super) bytes: Option<Vec<u8>>,
    /// The decompressed frame, or its first bytes.
    pub(super) inner: Option<Vec<u8>>,
}

/// What was negotiated on one connection.
#[derive(Clone, Default)]
pub(super) struct Negotiated {
    pub(super) offered: Option<Features>,
    pub(super) accepted: Option<Features>,
}

impl Negotiated {
    pub(super) fn is_stream(&self) -> bool {
        self.offered.as_ref().is_some_and(|offered| offered.stream_parent.is_some())
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::of(self.accepted.as_ref().expect("the server answered"))
    }
}

pub(super) fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/seastar");
    let paths = fs::read_dir(folder).expect("the vectors").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "hex")).collect();
    paths.sort();
    paths.iter().map(|path| load(path)).collect()
}

pub(super) fn recording(name: &str) -> Recording {
    recordings().into_iter().find(|it| it.name == name).expect("a recorded scenario")
}

fn load(path: &Path) -> Recording {
    let text = fs::read_to_string(path).expect("a readable file");
    let (mut frames, mut inner) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            inner = comment.trim_start().strip_prefix("inner ").map(hex_bytes).or(inner);
            continue;
        }
        let mut parts = line.split(' ');
        let connection = parts.next().and_then(|it| it.strip_prefix('C')).expect("a connection");
        let direction = parts.next().expect("a direction");
        let data = parts.next().expect("a frame");
        frames.push(Recorded {
            connection: connection.parse().expect("a number"),
            is_from_client: direction == ">",
            bytes: (data != "FIN").then(|| hex_bytes(data)),
            inner: inner.take(),
        });
    }
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    Recording { name, frames }
}

/// The bytes of hexadecimal digits, up to something else.
pub(crate) fn hex_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map_while(|c| c.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}
