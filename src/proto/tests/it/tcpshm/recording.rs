//! The recordings in `tests/vectors/tcpshm`: see its README.

use std::{fs, path::Path};

use crate::seastar::recording::hex_bytes;

/// One scenario.
pub(super) struct Recording {
    pub(super) name: String,
    pub(super) segments: Vec<Segment>,
}

/// What one end sent at once.
pub(super) struct Segment {
    pub(super) is_from_client: bool,
    pub(super) bytes: Vec<u8>,
}

impl Recording {
    pub(super) fn is_big_endian(&self) -> bool {
        self.name.ends_with("bigendian")
    }
}

pub(super) fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tcpshm");
    let paths = fs::read_dir(folder).expect("the vectors").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    paths.sort();
    paths.iter().map(|path| load(path)).collect()
}

fn load(path: &Path) -> Recording {
    let text = fs::read_to_string(path).expect("a readable file");
    let segment = |line: &str| {
        let (direction, bytes) = line.split_once(' ').expect("a direction and bytes");
        Segment { is_from_client: direction == "C>S", bytes: hex_bytes(bytes) }
    };
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    Recording { name, segments: text.lines().map(segment).collect() }
}
