//! What a shard works on first: priorities, and fairness within each.
//!
//! The work is in jobs, such as the fan-out of some messages to the subscribers of their topic. A job is done
//! in pieces, so that a fan-out to 10,000 delays others by one piece at most. Jobs with the same key (the
//! topic) are done one after the other, whatever their priorities; this keeps a topic in order.
//!
//! Each priority has a share of every round, and the higher ones use theirs first (deficit round robin with
//! the most urgent first). An urgent topic waits for one piece at most, and a flood of urgent ones takes no
//! more than its share from the rest. Within a priority, keys take turns, also by cost. A deficit may go below
//! zero by one piece, so that costs need not be known in advance; the overdraft is subtracted in the next
//! round (surplus round robin: Adiseshu, Parulkar, Varghese, "A reliable and scalable striping protocol",
//! 1996).

use std::collections::{BTreeMap, VecDeque};

/// How urgent a topic is.
///
/// # Examples
/// ```
/// use shardcast_proto::push::schedule::Priority;
///
/// assert_eq!(Priority::from_number(0), Some(Priority::Urgent));
/// assert_eq!(Priority::from_number(Priority::Bulk.number()), Some(Priority::Bulk));
/// assert_eq!(Priority::from_number(4), None);
/// assert!(Priority::Urgent < Priority::Bulk, "the most urgent is first");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Priority {
    /// Before all others: 8 parts of 15.
    Urgent,
    /// 4 parts of 15.
    High,
    /// The default: 2 parts of 15.
    #[default]
    Normal,
    /// What may wait: 1 part of 15.
    Bulk,
}

impl Priority {
    /// All of them, the most urgent first; the index is the number on the wire.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Bulk];

    /// The priority with this number on the wire.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in configuration and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// Its part of a round.
    const fn weight(self) -> i64 {
        match self {
            Self::Urgent => 8,
            Self::High => 4,
            Self::Normal => 2,
            Self::Bulk => 1,
        }
    }
}

/// Jobs of one shard, by key and priority. [`FanOut`](super::FanOut), which fills it, bounds it.
///
/// # Examples
/// ```
/// use shardcast_proto::push::schedule::{Priority, PriorityQueue, Piece, delivery_cost};
///
/// // A job is a number of deliveries of 100 bytes; a piece is one of them.
/// let mut queue = PriorityQueue::new();
/// queue.push("log", Priority::Bulk, 2);
/// queue.push("alarm", Priority::Urgent, 1);
/// let mut order = Vec::new();
/// while queue
///     .run(|topic, left, _allowance| {
///         order.push(*topic);
///         *left -= 1;
///         Piece { cost: delivery_cost(100), is_done: *left == 0 }
///     })
///     .is_some()
/// {}
/// assert_eq!(order, ["alarm", "log", "log"]);
///
/// // More deliveries join the waiting job.
/// queue.push("log", Priority::Bulk, 2);
/// let join = |job: &mut i32| {
///     *job += 3;
///     true
/// };
/// queue.push_or_join("log", Priority::Bulk, join, || 3);
/// assert_eq!((queue.len(), queue.has(&"log"), queue.has(&"alarm")), (1, true, false));
/// ```
#[derive(Debug)]
pub struct PriorityQueue<K, J> {
    lanes: [Lane<K>; Priority::ALL.len()],
    flows: BTreeMap<K, Flow<J>>,
    jobs: usize,
    tickets: u64,
}

/// One priority.
#[derive(Debug)]
struct Lane<K> {
    /// What is left of this round, in units of cost.
    deficit: i64,
    /// Keys that wait for their turn, in order, with the tickets of their flows. An entry whose flow has
    /// another ticket by now is stale: the flow moved to another priority, or ended. Invariant: one entry in all
    /// lanes has the ticket of its flow.
    turns: VecDeque<(K, u64)>,
}

/// The jobs of one key.
#[derive(Debug)]
struct Flow<J> {
    /// The highest priority of its jobs: earlier jobs delay an urgent one, so they become as urgent.
    priority: Priority,
    deficit: i64,
    ticket: u64,
    jobs: VecDeque<J>,
}

/// What one piece of a job was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Piece {
    /// What it cost.
    pub cost: u64,
    /// Nothing is left of the job.
    pub is_done: bool,
}

/// The cost of one delivery of this many bytes: every delivery has a cost besides its bytes.
pub const fn delivery_cost(bytes: usize) -> u64 {
    DELIVERY_COST + bytes as u64
}

impl<K: Clone + Ord, J> PriorityQueue<K, J> {
    /// Nothing waits.
    pub fn new() -> Self {
        let lane = |priority: Priority| Lane { deficit: priority.weight() * QUANTUM, turns: VecDeque::new() };
        Self { lanes: Priority::ALL.map(lane), flows: BTreeMap::new(), jobs: 0, tickets: 0 }
    }

    /// Nothing waits: a job may be done at once instead of being queued.
    pub const fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    /// Jobs that wait.
    pub const fn len(&self) -> usize {
        self.jobs
    }

    /// Whether a job of this key waits: then another one has to wait after it.
    pub fn has(&self, key: &K) -> bool {
        !self.is_empty() && self.flows.contains_key(key)
    }

    /// Queues a job after those with the same key. If it is more urgent than they are, they become as urgent,
    /// until none is left.
    pub fn push(&mut self, key: K, priority: Priority, job: J) {
        self.push_or_join(key, priority, |_| false, || job);
    }

    /// Like [`push`](Self::push), but the work may `join` the newest job with the same key, which then
    /// returns true, instead of becoming a separate job.
    pub fn push_or_join(
        &mut self,
        key: K,
        priority: Priority,
        join: impl FnOnce(&mut J) -> bool,
        begin: impl FnOnce() -> J,
    ) {
        let ticket = self.tickets;
        let flow = self.flows.entry(key.clone()).or_insert_with(|| {
            self.tickets += 1;
            self.lanes[priority as usize].turns.push_back((key.clone(), ticket));
            Flow { priority, deficit: 0, ticket, jobs: VecDeque::new() }
        });
        if !flow.jobs.back_mut().is_some_and(join) {
            flow.jobs.push_back(begin());
            self.jobs += 1;
        }
        if priority < flow.priority {
            flow.priority = priority;
            flow.ticket = ticket;
            self.tickets += 1;
            self.lanes[priority as usize].turns.push_back((key, ticket));
        }
    }

    /// Lets `work` do a piece of the next job, of about the given cost; it returns the actual cost. `None`
    /// when nothing waits.
    pub fn run(&mut self, work: impl FnOnce(&K, &mut J, u64) -> Piece) -> Option<u64> {
        let (key, ticket) = self.next_turn()?;
        let flow = self.flows.get_mut(&key)?;
        let lane = &mut self.lanes[flow.priority as usize];
        let allowance = flow.deficit.clamp(1, QUANTUM).unsigned_abs();
        let piece = work(&key, flow.jobs.front_mut()?, allowance);
        let cost = i64::try_from(piece.cost).unwrap_or(COST_MAX).clamp(1, COST_MAX);
        flow.deficit -= cost;
        lane.deficit -= cost;
        if piece.is_done {
            flow.jobs.pop_front();
            self.jobs -= 1;
        }
        if flow.jobs.is_empty() {
            // Its overdraft is forgotten with it: one piece at most.
            self.flows.remove(&key);
        } else if flow.deficit > 0 {
            lane.turns.push_front((key, ticket));
        } else {
            lane.turns.push_back((key, ticket));
        }
        if self.is_empty() {
            // The remaining entries in the lanes are stale.
            self.lanes.iter_mut().for_each(|lane| lane.turns.clear());
        }
        Some(piece.cost)
    }

    /// The next key, taken out of its lane, with a budget.
    fn next_turn(&mut self) -> Option<(K, u64)> {
        if self.is_empty() {
            return None;
        }
        loop {
            for lane in &mut self.lanes {
                while lane.deficit > 0
                    && let Some((key, ticket)) = lane.turns.pop_front()
                {
                    let flow = self.flows.get_mut(&key).filter(|flow| flow.ticket == ticket);
                    let Some(flow) = flow else { continue };
                    if flow.deficit <= 0 {
                        flow.deficit += QUANTUM;
                    }
                    if flow.deficit > 0 {
                        return Some((key, ticket));
                    }
                    // It overdrew by more than a turn is worth: this turn pays for it.
                    lane.turns.push_back((key, ticket));
                }
            }
            self.begin_round();
        }
    }

    /// Every priority gets its share; none is saved up.
    fn begin_round(&mut self) {
        for (lane, priority) in self.lanes.iter_mut().zip(Priority::ALL) {
            let part = priority.weight() * QUANTUM;
            lane.deficit = (lane.deficit + part).min(part);
        }
    }
}

impl<K: Clone + Ord, J> Default for PriorityQueue<K, J> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a delivery costs besides its bytes, in bytes that could have been sent in the time: an outbox entry
/// and its part of a send.
const DELIVERY_COST: u64 = 256;

/// Cost of the piece that a key does in its turn: about 128 small deliveries.
const QUANTUM: i64 = 32 << 10;

/// A piece is not charged for more, so that a share is not used up for longer than it takes to count it down.
const COST_MAX: i64 = 64 << 20;
