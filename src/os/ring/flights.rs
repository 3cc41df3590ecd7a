use super::payload::InFlight;

/// The payloads in flight, by number. A slot without a send stores only [`NONE`](Self::NONE).
///
/// The memory that the kernel reads is on the heap, so a payload may move while it is here.
#[derive(Debug, Default)]
pub(super) struct Flights {
    all: Vec<Option<InFlight>>,
    /// Numbers in `all` that are not in use.
    free: Vec<u32>,
}

impl Flights {
    /// No payload has this number.
    pub(super) const NONE: u32 = u32::MAX;

    pub(super) fn insert(&mut self, payload: InFlight) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            (self.all.len() - 1) as u32
        });
        self.all[number as usize] = Some(payload);
        number
    }

    /// No payload has this number. A send completes once, and its memory stays here until then.
    pub(super) fn get(&mut self, number: u32) -> &mut InFlight {
        self.all[number as usize].as_mut().expect("a send completes once, and its memory waits for that")
    }

    /// As [`get`](Self::get).
    pub(super) fn remove(&mut self, number: u32) -> InFlight {
        let payload = self.all[number as usize].take();
        self.free.push(number);
        payload.expect("a send completes once, and its memory waits for that")
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }
}
