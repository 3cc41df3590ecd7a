//! A store that records its steps, so that each state between them can be opened.

use shardcast_proto::tcpshm::journal::{GrowError, Source, Store};

/// In which order the words of one write are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    Ascending,
    Descending,
    /// All words of a sector at once, for a power loss with few versions of a sector.
    Sectors,
    /// Not before the word that is published next: a fault.
    Late,
}

/// What is visible at once.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Within one aligned word, or one sector.
    Write {
        at: usize,
        bytes: Vec<u8>,
    },
    Grow {
        len: usize,
    },
}

impl Step {
    pub(super) fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => image[*at..at + bytes.len()].copy_from_slice(bytes),
            Self::Grow { len } => image.resize(*len, 0),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Recorder {
    pub(super) bytes: Vec<u8>,
    pub(super) steps: Vec<Step>,
    order: Order,
    /// Steps that are visible too late.
    late: Vec<Step>,
}

impl Recorder {
    pub(super) fn new(bytes: Vec<u8>, order: Order) -> Self {
        Self { bytes, steps: Vec::new(), order, late: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        step.apply(&mut self.bytes);
        self.steps.push(step);
    }
}

impl Source for Recorder {
    fn len_bytes(&self) -> u64 {
        self.bytes.len_bytes()
    }

    fn read(&self, at: u64, into: &mut [u8]) {
        self.bytes.read(at, into);
    }
}

impl Store for Recorder {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let unit = if self.order == Order::Sectors { 512 } else { 8 };
        let mut pieces = Vec::new();
        let (mut at, mut rest) = (at as usize, bytes);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(unit - at % unit));
            pieces.push(Step::Write { at, bytes: piece.to_vec() });
            (at, rest) = (at + piece.len(), after);
        }
        match self.order {
            Order::Ascending | Order::Sectors => {}
            Order::Descending => pieces.reverse(),
            Order::Late => {
                pieces.iter().for_each(|piece| piece.apply(&mut self.bytes));
                return self.late.extend(pieces);
            }
        }
        pieces.into_iter().for_each(|piece| self.step(piece));
    }

    fn publish(&mut self, at: u64, word: u64) {
        assert!(at.is_multiple_of(8), "a word is published where it is one store");
        self.step(Step::Write { at: at as usize, bytes: word.to_le_bytes().to_vec() });
        if word != 0 {
            self.steps.append(&mut self.late);
        }
    }

    fn grow(&mut self, len: u64) -> Result<(), GrowError> {
        assert!(len > self.len_bytes(), "a store grows when it must");
        self.step(Step::Grow { len: len as usize });
        Ok(())
    }
}
