//! Any use of a journal, compared with a queue.

use std::collections::VecDeque;

use proptest::{collection, prelude::*};
use shardcast_proto::tcpshm::journal::{AppendError, Durability, Journal};

use super::{Contents, RING_AT, config, create, open, reopened};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_a_queue(
        ring in 8..100usize,
        growth in 0..600usize,
        is_synced in any::<bool>(),
        operations in collection::vec(operation(), 0..120),
    ) {
        let durability = if is_synced { Durability::Synced } else { Durability::Process };
        let mut run = Run::new(ring * 8, (ring + growth) * 8, durability);
        for operation in operations {
            run.perform(operation);
            run.check();
        }
        run.restart(1);
        prop_assert!(run.journal.store().len() <= RING_AT + (ring + growth) * 8);
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Append(u16, Vec<u8>),
    /// Sends messages of at most so many bytes.
    Send(usize),
    /// Of those that were sent, the peer has received this share of 256.
    Acknowledge(u8),
    Receive(u64),
    Rewind,
    Sync,
    /// The process ends and starts again.
    Restart,
    /// The machine does, in order.
    Reboot,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (1..5u16, collection::vec(any::<u8>(), 0..80)).prop_map(|(it, body)| Operation::Append(it, body)),
        1 => (1..5u16, collection::vec(any::<u8>(), 0..900)).prop_map(|(it, body)| Operation::Append(it, body)),
        4 => (0..200usize).prop_map(Operation::Send),
        4 => any::<u8>().prop_map(Operation::Acknowledge),
        2 => (0..3u64).prop_map(Operation::Receive),
        1 => Just(Operation::Rewind),
        3 => Just(Operation::Sync),
        1 => Just(Operation::Restart),
        1 => Just(Operation::Reboot),
    ]
}

struct Run {
    journal: Journal<Vec<u8>>,
    ring_max: usize,
    durability: Durability,
    boot: u64,
    /// What the journal should hold.
    held: VecDeque<(u16, Vec<u8>)>,
    first: u64,
    received: u64,
    /// Messages before it were sent on this connection, or ever, or may be sent.
    cursor: u64,
    sent: u64,
    durable: u64,
}

impl Run {
    fn new(ring: usize, ring_max: usize, durability: Durability) -> Self {
        let journal = create(ring, ring_max, durability);
        let (first, received, cursor, sent, durable) = (0, 0, 0, 0, 0);
        let held = VecDeque::new();
        Self {
            journal,
            ring_max,
            durability,
            boot: super::BOOT,
            held,
            first,
            received,
            cursor,
            sent,
            durable,
        }
    }

    fn next(&self) -> u64 {
        self.first + self.held.len() as u64
    }

    fn limit(&self) -> u64 {
        if self.durability == Durability::Synced { self.durable } else { self.next() }
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Append(msg_type, body) => self.append(msg_type, body),
            Operation::Send(bytes_max) => self.send(bytes_max),
            Operation::Acknowledge(share) => {
                let next = self.first + (self.sent - self.first) * u64::from(share) / 255;
                assert_eq!(self.journal.acknowledge(next), Ok(next - self.first));
                self.held.drain(..(next - self.first) as usize);
                (self.first, self.cursor) = (next, self.cursor.max(next));
            }
            Operation::Receive(count) => {
                self.received += count;
                self.journal.set_received(self.received);
            }
            Operation::Rewind => {
                self.journal.rewind_to_first();
                self.cursor = self.first;
            }
            Operation::Sync => self.sync(),
            Operation::Restart => self.restart(0),
            Operation::Reboot => self.restart(1),
        }
    }

    fn append(&mut self, msg_type: u16, body: Vec<u8>) {
        let (room, next) = (self.journal.body_room(), self.next());
        let len = (8 + body.len()).next_multiple_of(8);
        match self.journal.append(msg_type, &body) {
            Ok(sequence) => {
                assert_eq!(sequence, next);
                self.held.push_back((msg_type, body));
            }
            Err(AppendError::TooLong { max, .. }) => assert!(len + 8 > self.ring_max && body.len() > max),
            Err(AppendError::Full) => {
                assert!(room.is_none_or(|room| room < body.len()), "there was room");
                // A doubled file has room for the part that must move.
                let held = self.journal.bytes_held() as usize;
                let can_double = 2 * self.journal.capacity() as usize + 4096 <= self.ring_max;
                let fits = can_double && held + len + 8 <= self.ring_max;
                assert!(!fits || self.durability == Durability::Synced, "it could have grown");
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&mut self, bytes_max: usize) {
        let mut out = Vec::new();
        let count = self.journal.copy_unsent(&mut out, bytes_max, |_| {}).expect("intact") as u64;
        let from = (self.cursor - self.first) as usize;
        let sent = super::unwire(&out);
        assert!(sent.iter().eq(self.held.range(from..from + count as usize)));
        assert!(count > 0 || self.cursor == self.limit());
        assert!(out.len() <= bytes_max || count == 1);
        self.cursor += count;
        self.sent = self.sent.max(self.cursor);
    }

    fn sync(&mut self) {
        let Some(token) = self.journal.begin_sync() else {
            return assert_eq!(self.durability, Durability::Process);
        };
        let next = self.next();
        // What is appended meanwhile waits for the next sync.
        self.append(1, vec![1; 9]);
        assert!(self.journal.begin_sync().is_none(), "one is in progress");
        self.journal.end_sync(token);
        self.durable = next;
    }

    fn restart(&mut self, boots: u64) {
        self.boot += boots;
        let config = config(self.durability, self.ring_max);
        self.journal = match boots {
            0 if self.boot == super::BOOT => reopened(&self.journal, config),
            _ => open(self.journal.store().clone(), self.boot, config).expect("it is intact").0,
        };
        (self.cursor, self.sent, self.durable) = (self.first, self.next(), self.next());
        let expected: Vec<_> = self.held.iter().cloned().collect();
        let contents = Contents::of(&mut self.journal);
        assert_eq!(contents, Contents { first: self.first, received: self.received, messages: expected });
        self.journal.rewind_to_first();
    }

    fn check(&self) {
        let journal = &self.journal;
        assert_eq!((journal.first(), journal.next()), (self.first, self.next()));
        assert_eq!(journal.messages_held(), self.held.len() as u64);
        assert_eq!(journal.unsent_messages(), self.limit() - self.cursor);
        assert_eq!((journal.durable_next(), journal.received()), (self.limit(), self.received));
        let bytes: usize = self.held.iter().map(|(_, body)| (8 + body.len()).next_multiple_of(8)).sum();
        assert_eq!(journal.bytes_held(), bytes as u64);
    }
}
