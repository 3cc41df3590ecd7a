//! The process is killed at every store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shardcast_proto::tcpshm::journal::{AppendError, Durability, Journal, JournalConfig, Store, inspect};

use super::{
    BOOT, RING_AT, Random, body, config, create_in, open,
    recorder::{Order, Recorder, Step},
    type_of,
};

#[test]
fn nothing_is_lost_at_any_kill() {
    kill_everywhere(Durability::Process);
}

#[test]
fn nothing_is_lost_at_any_kill_between_syncs() {
    kill_everywhere(Durability::Synced);
}

fn kill_everywhere(durability: Durability) {
    let mut seen = Seen::default();
    for seed in 0..3 {
        let order = if seed == 1 { Order::Descending } else { Order::Ascending };
        let run = Run::new(seed, order, durability);
        run.kill_everywhere();
        seen.add(&run);
    }
    let Seen { growths, growths_across_the_end, wraps, kills } = seen;
    assert_eq!(growths, 3);
    assert!(growths_across_the_end >= 1, "{growths_across_the_end} of records across the end of the ring");
    assert!(wraps >= 30, "{wraps} records across the end of the ring");
    assert!(kills >= 7000, "{kills} kills");
}

/// A checker that cannot fail proves nothing.
#[test]
fn a_record_that_is_committed_before_its_body_is_noticed() {
    let run = Run::new(1, Order::Late, Durability::Process);
    assert!(catch_unwind(AssertUnwindSafe(|| run.kill_everywhere())).is_err());
}

/// What the runs contain: without it, the test would prove less than it says.
#[derive(Default)]
struct Seen {
    growths: usize,
    growths_across_the_end: usize,
    wraps: usize,
    kills: usize,
}

impl Seen {
    fn add(&mut self, run: &Run) {
        self.growths += run.seen.growths;
        self.growths_across_the_end += run.seen.growths_across_the_end;
        self.wraps += run.seen.wraps;
        self.kills += run.journal.store().steps.len();
    }
}

/// What was there when an operation had returned.
struct Done {
    /// Steps until then.
    steps: usize,
    first: u64,
    next: u64,
    received: u64,
}

struct Run {
    seed: u64,
    journal: Journal<Recorder>,
    /// The file when the journal was created.
    start: Vec<u8>,
    config: JournalConfig,
    done: Vec<Done>,
    /// All messages as on the wire, and where each begins.
    wire: Vec<u8>,
    begins: Vec<usize>,
    seen: Seen,
}

impl Run {
    /// 200 messages, with acknowledgements, received messages, growth and wraps.
    fn new(seed: u64, order: Order, durability: Durability) -> Self {
        let config = config(durability, 5120);
        let start = create_in(vec![0; RING_AT + 512], config).store().clone();
        // Its creation is not part of it: the file gets its name afterwards.
        let (journal, _) = open(Recorder::new(start.clone(), order), BOOT, config).expect("intact");
        let (done, wire, begins) = (Vec::new(), Vec::new(), vec![0]);
        let mut run = Self { seed, journal, start, config, done, wire, begins, seen: Seen::default() };
        run.note();
        let (mut random, mut token) = (Random::new(seed), None);
        while run.journal.next() < 200 {
            match random.below(12) {
                0..6 => run.append(),
                6 => run.acknowledge(random.below(20) as u64),
                7 | 8 => run.acknowledge(random.below(4) as u64),
                9 => run.journal.set_received(run.journal.received() + 1),
                _ => match token.take() {
                    None => token = run.journal.begin_sync(),
                    Some(it) => run.journal.end_sync(it),
                },
            }
            run.note();
        }
        run
    }

    fn append(&mut self) {
        let next = self.journal.next();
        let (before, steps) = (self.journal.capacity(), self.journal.store().steps.len());
        let (head_at, held_before) = (self.head_at(), self.journal.bytes_held());
        // If all fit until then, one does not, so that the ring grows; in two of three runs across its end.
        let is_across = head_at + held_before > before;
        let is_long = next >= 140 && self.seen.growths == 0 && (is_across || self.seed == 0);
        let body = if is_long { vec![8; 3000] } else { body(next, 0) };
        match self.journal.append(type_of(next), &body) {
            Ok(_) => self.add_to_wire(type_of(next), &body),
            Err(AppendError::Full) => self.acknowledge(20),
            Err(error) => panic!("{error}"),
        }
        let (now, held) = (self.journal.capacity(), self.journal.bytes_held());
        self.seen.growths += usize::from(now > before);
        self.seen.wraps += usize::from(held > held_before && head_at + held > now);
        let mut steps = self.journal.store().steps[steps..].iter();
        steps.find(|step| matches!(step, Step::Grow { .. }));
        let copied_to = RING_AT + before as usize;
        let is_copy =
            |step: &Step| matches!(step, Step::Write { at, .. } if (copied_to..copied_to + 512).contains(at));
        self.seen.growths_across_the_end += usize::from(steps.next().is_some_and(is_copy));
    }

    fn add_to_wire(&mut self, msg_type: u16, body: &[u8]) {
        self.wire.extend((body.len() as u16 + 8).to_le_bytes());
        self.wire.extend(msg_type.to_le_bytes());
        self.wire.extend([0; 4]);
        self.wire.extend(body);
        self.wire.resize(self.wire.len().next_multiple_of(8), 0);
        self.begins.push(self.wire.len());
    }

    /// Where the first record is in the ring.
    fn head_at(&self) -> u64 {
        let slots = inspect(&self.journal.store().bytes).slots.map(|slot| slot.expect("intact"));
        slots.into_iter().flatten().max_by_key(|slot| slot.generation).expect("there is one").head_at
    }

    fn acknowledge(&mut self, count: u64) {
        self.journal.copy_unsent(&mut Vec::new(), usize::MAX, |_| {}).expect("intact");
        let next = self.journal.durable_next().min(self.journal.first() + count);
        self.journal.acknowledge(next).expect("it was sent");
    }

    fn note(&mut self) {
        let journal = &self.journal;
        let steps = journal.store().steps.len();
        self.done.push(Done {
            steps,
            first: journal.first(),
            next: journal.next(),
            received: journal.received(),
        });
    }

    fn kill_everywhere(&self) {
        let (mut image, mut done) = (self.start.clone(), 0);
        for (kill, step) in self.journal.store().steps.iter().map(Some).chain([None]).enumerate() {
            while self.done.get(done + 1).is_some_and(|it| it.steps <= kill) {
                done += 1;
            }
            // What was there when the last operation had returned, or what is there after the one in progress.
            let allowed = &self.done[done..self.done.len().min(done + 2)];
            let (mut journal, report) = self.open(image.clone(), BOOT);
            assert_eq!(report, None, "kill {kill}");
            self.check(&mut journal, allowed, kill);
            if kill % 8 == 0 {
                self.check_use(journal);
            }
            if kill % 32 == 0 {
                self.check_second_kill(&image, allowed, kill);
            }
            step.iter().for_each(|step| step.apply(&mut image));
        }
    }

    fn open<S: Store>(
        &self,
        store: S,
        boot: u64,
    ) -> (Journal<S>, Option<shardcast_proto::tcpshm::journal::Dropped>) {
        let (journal, report) = open(store, boot, self.config).expect("it is intact");
        (journal, report.dropped)
    }

    fn check<S: Store>(&self, journal: &mut Journal<S>, allowed: &[Done], kill: usize) {
        let (first, next, received) = (journal.first(), journal.next(), journal.received());
        let is_allowed = |it: &Done| (it.first, it.next, it.received) == (first, next, received);
        assert!(allowed.iter().any(is_allowed), "kill {kill}: {first}..{next}, {received} received");
        let mut sent = Vec::new();
        let copied = journal.copy_unsent(&mut sent, usize::MAX, |header| header[4..].fill(0));
        assert_eq!(copied, Ok((next - first) as usize));
        let expected = &self.wire[self.begins[first as usize]..self.begins[next as usize]];
        assert!(sent == expected, "kill {kill}: {first}..{next} changed");
    }

    /// It is as usable as before.
    fn check_use<S: Store>(&self, mut journal: Journal<S>) {
        let next = journal.next();
        if journal.append(1, b"after the kill").is_ok() {
            let (journal, _) = self.open(super::image_of(journal.store()), BOOT);
            let last = journal.messages().last().expect("it was appended").expect("intact");
            assert_eq!((last.sequence, &*last.body), (next, &b"after the kill"[..]));
        }
    }

    /// The process that opens it is killed too, in this boot or in the next one.
    fn check_second_kill(&self, image: &[u8], allowed: &[Done], kill: usize) {
        for boot in [BOOT, BOOT + 1] {
            let (journal, _) = self.open(Recorder::new(image.to_vec(), Order::Descending), boot);
            let mut image = image.to_vec();
            for step in &journal.store().steps {
                step.apply(&mut image);
                self.check(&mut self.open(image.clone(), boot).0, allowed, kill);
            }
        }
    }
}
