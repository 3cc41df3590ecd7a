//! The journal of tcpshm: what it keeps, whatever happens to its process, its machine and its file.

mod damage;
mod hostile;
mod kill;
mod life;
mod model;
mod power;
mod recorder;
mod repair;
mod speed;
mod sync;

use shardcast_proto::tcpshm::journal::{
    Beginning, Durability, Identity, Journal, JournalConfig, JournalError, Opened, Source, Store,
};

const IDENTITY: Identity<'_> = Identity { local: b"server", remote: b"client", boot: BOOT };
const BEGINNING: Beginning = Beginning { salt: 0x5a17_5a17_5a17_5a17, first: 0, received: 0 };
const BOOT: u64 = 0xb007;

/// Bytes of the file before the ring.
const RING_AT: usize = 4096;

fn config(durability: Durability, ring_max: usize) -> JournalConfig {
    JournalConfig::default().with(|it| {
        it.durability = durability;
        it.len_max = (RING_AT + ring_max) as u64;
    })
}

fn in_boot(boot: u64) -> Identity<'static> {
    Identity { boot, ..IDENTITY }
}

/// A journal in memory whose ring has `ring` bytes, and may grow to `ring_max`.
fn create(ring: usize, ring_max: usize, durability: Durability) -> Journal<Vec<u8>> {
    create_in(vec![0; RING_AT + ring], config(durability, ring_max))
}

fn create_in<S: Store>(store: S, config: JournalConfig) -> Journal<S> {
    Journal::create(store, IDENTITY, BEGINNING, config).expect("a possible journal").finish().0
}

fn open<S: Store>(store: S, boot: u64, config: JournalConfig) -> Result<(Journal<S>, Opened), JournalError> {
    Journal::open(store, in_boot(boot), config).map(|opening| opening.finish())
}

/// The journal after a restart of the process.
fn reopened(journal: &Journal<Vec<u8>>, config: JournalConfig) -> Journal<Vec<u8>> {
    open(journal.store().clone(), BOOT, config).expect("it is intact").0
}

/// The body of a message: its length, and bytes that differ in each message and each life of the program.
fn body(sequence: u64, life: u64) -> Vec<u8> {
    let seed =
        (sequence + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (life + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
    let len = (seed >> 32) as usize % 60;
    (0..len).map(|at| (seed >> (at % 7 * 8)) as u8 ^ at as u8).collect()
}

/// Types of messages are from 1 to 4.
fn type_of(sequence: u64) -> u16 {
    (sequence % 4) as u16 + 1
}

/// Everything that a journal delivers: what would be sent, and what is acknowledged to the peer.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Contents {
    first: u64,
    received: u64,
    messages: Vec<(u16, Vec<u8>)>,
}

impl Contents {
    fn of<S: Store>(journal: &mut Journal<S>) -> Self {
        let messages: Vec<_> = journal
            .messages()
            .map(|message| message.expect("it was checked when the journal was opened"))
            .map(|message| (message.msg_type, message.body))
            .collect();
        journal.rewind_to_first();
        let mut sent = Vec::new();
        let copied = journal.copy_unsent(&mut sent, usize::MAX, |_| {}).expect("it was checked");
        assert_eq!(unwire(&sent)[..], messages[..copied], "what is sent is what is stored");
        Self { first: journal.first(), received: journal.received(), messages }
    }

    fn next(&self) -> u64 {
        self.first + self.messages.len() as u64
    }
}

/// Types and bodies of messages on the wire.
fn unwire(mut wire: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut messages = Vec::new();
    while !wire.is_empty() {
        let size = usize::from(u16::from_le_bytes([wire[0], wire[1]]));
        messages.push((u16::from_le_bytes([wire[2], wire[3]]), wire[8..size].to_vec()));
        let (message, rest) = wire.split_at(size.next_multiple_of(8));
        assert!(message[size..].iter().all(|&byte| byte == 0), "padding is zero");
        wire = rest;
    }
    messages
}

/// Xorshift; the same numbers every time.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 8) % bound as u64) as usize
    }
}

fn image_of(source: &impl Source) -> Vec<u8> {
    let mut image = Vec::new();
    source.read_to(0, source.len_bytes() as usize, &mut image);
    image
}
