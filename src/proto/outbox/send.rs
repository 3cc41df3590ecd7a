//! Taking the data of a send out of the queue, and what is in flight.

use bytes::Bytes;

use super::{Item, Outbox, OutboxBounds, Push};
use crate::{Amount, Time};

/// The data of one send.
#[derive(Debug)]
pub enum Parcel {
    /// Bytes collected for this send alone.
    Gathered(Vec<u8>),
    /// Bytes shared with other connections.
    Shared(Bytes),
    /// Several pieces, in this order; at most [`Parcel::PIECES_MAX`].
    Pieces(Vec<Bytes>),
}

impl Parcel {
    /// Most pieces of one send.
    pub const PIECES_MAX: usize = 64;

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Gathered(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) bytes: usize,
    pub(super) response_bytes: usize,
    pub(super) messages: u32,
    pub(super) response_messages: u32,
    pub(super) since: Time,
    pub(super) posted: (Time, u32),
}

impl Outbox {
    /// Takes the data of the next send: everything, up to half of the bounds. Data in flight cannot be
    /// dropped or replaced, so the policy always has the other half, however long the peer does not read.
    #[inline]
    pub fn take(
        &mut self,
        bounds: &OutboxBounds,
        now: Time,
        spare: impl FnOnce() -> Vec<u8>,
    ) -> Option<Parcel> {
        self.take_while(bounds, now, spare, |_| true)
    }

    /// Like [`take`](Self::take), as long as `admit` accepts the amount of the next item: this applies the
    /// rate limit of a connection. Accepted data is always sent.
    pub fn take_while(
        &mut self,
        bounds: &OutboxBounds,
        now: Time,
        spare: impl FnOnce() -> Vec<u8>,
        mut admit: impl FnMut(Amount) -> bool,
    ) -> Option<Parcel> {
        if self.in_flight.is_some() {
            return None;
        }
        self.drop_expired(now);
        let since = self.oldest()?;
        let next = self.next()?;
        if !admit(next) {
            return None;
        }
        let mut sum = InFlight {
            bytes: 0,
            messages: 0,
            response_bytes: 0,
            response_messages: 0,
            since,
            posted: (since, 0),
        };
        let parcel = if self.items.len() == 1 || next.bytes >= SEND_BYTES_MAX {
            self.take_front(&mut sum)
        } else {
            self.gather(spare(), &mut sum, bounds, now, admit)
        };
        self.in_flight = Some(sum);
        Some(parcel)
    }

    /// When the pushes of the send in flight were posted, and how many at each time.
    pub fn posted(&self) -> impl Iterator<Item = (Time, u64)> {
        let first = self.in_flight.as_ref().map(|it| it.posted).filter(|(_, pushes)| *pushes > 0);
        let later = self.rare.iter().flat_map(|rare| rare.posted_later.iter().copied());
        first.into_iter().chain(later).map(|(posted, pushes)| (posted, pushes.into()))
    }

    /// The send in flight has ended; returns what it was.
    pub fn sent(&mut self) -> Amount {
        if let Some(rare) = &mut self.rare {
            match rare.posted_later.capacity() {
                ..=POSTED_KEPT => rare.posted_later.clear(),
                _ => rare.posted_later = Vec::new(),
            }
        }
        let Some(in_flight) = self.in_flight.take() else { return Amount::default() };
        self.bytes -= in_flight.bytes;
        self.response_bytes -= in_flight.response_bytes;
        self.messages -= in_flight.messages;
        self.response_messages -= in_flight.response_messages;
        Amount { messages: in_flight.messages as usize, bytes: in_flight.bytes }
    }

    /// The next item: a push, or responses that are sent together.
    pub fn next(&self) -> Option<Amount> {
        self.items.front().map(Item::amount)
    }

    /// Bytes in flight.
    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight.as_ref().map_or(0, |it| it.bytes)
    }

    fn take_front(&mut self, sum: &mut InFlight) -> Parcel {
        let item = self.pop_front().expect("the caller saw it");
        sum.add(&item);
        self.note_posted(sum, &item);
        match item {
            Item::Run(run) => Parcel::Gathered(run.bytes),
            Item::Push(push) => Parcel::Shared(push.frame),
            Item::Gone => Parcel::Gathered(Vec::new()),
        }
    }

    /// Copies small items into `gathered`; from the first large one on, sends pieces by reference.
    fn gather(
        &mut self,
        mut gathered: Vec<u8>,
        sum: &mut InFlight,
        bounds: &OutboxBounds,
        now: Time,
        mut admit: impl FnMut(Amount) -> bool,
    ) -> Parcel {
        let (bytes_max, messages_max) = (SEND_BYTES_MAX.min(bounds.bytes_max / 2), bounds.messages_max / 2);
        let mut pieces = Vec::new();
        while let Some(item) = self.items.front() {
            let (bytes, messages) = (sum.bytes + item.len(), sum.messages as usize + item.messages());
            // The caller has admitted the first one.
            let is_first = sum.messages == 0;
            let full = !is_first && (bytes > bytes_max || messages > messages_max);
            if full || pieces.len() + 2 > Parcel::PIECES_MAX {
                break;
            }
            if !is_first && !admit(item.amount()) {
                break;
            }
            sum.add(item);
            let item = self.pop_front();
            item.iter().for_each(|item| self.note_posted(sum, item));
            match item {
                Some(Item::Run(run)) => gathered.extend_from_slice(&run.bytes),
                Some(Item::Push(push)) if push.frame.len() < BY_REFERENCE_MIN => {
                    gathered.extend_from_slice(&push.frame);
                }
                Some(Item::Push(push)) => {
                    if !gathered.is_empty() {
                        pieces.push(Bytes::from(std::mem::take(&mut gathered)));
                    }
                    pieces.push(push.frame);
                }
                Some(Item::Gone) => {}
                None => break,
            }
            self.drop_expired(now);
        }
        if pieces.is_empty() {
            return Parcel::Gathered(gathered);
        }
        if !gathered.is_empty() {
            pieces.push(Bytes::from(gathered));
        }
        Parcel::Pieces(pieces)
    }

    #[inline]
    fn note_posted(&mut self, sum: &mut InFlight, item: &Item) {
        let Item::Push(Push { posted, .. }) = item else { return };
        let later = self.rare.as_mut().and_then(|rare| rare.posted_later.last_mut());
        let last = later.unwrap_or(&mut sum.posted);
        if last.1 == 0 || last.0 == *posted {
            *last = (*posted, last.1 + 1);
        } else {
            self.rare.get_or_insert_default().posted_later.push((*posted, 1));
        }
    }
}

impl InFlight {
    const fn add(&mut self, item: &Item) {
        self.bytes += item.len();
        self.messages += item.messages() as u32;
        if let Item::Run(run) = item {
            self.response_bytes += run.bytes.len();
            self.response_messages += run.messages as u32;
        }
    }
}

/// Times of one send that a connection keeps room for; a longer list is freed.
const POSTED_KEPT: usize = 16;

/// Bytes of one send, unless a single message is larger.
const SEND_BYTES_MAX: usize = 256 << 10;

/// A push of at least this size is sent from its own memory: copying would cost more than a piece does.
pub(super) const BY_REFERENCE_MIN: usize = 16 << 10;
