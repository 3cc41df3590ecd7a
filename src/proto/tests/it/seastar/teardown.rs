//! How streams end, by simulation: a seed decides what both applications do, how the link carries the bytes, when time
//! passes, and what goes wrong. A checker outside knows what must come of it.
//!
//! `cargo xtask streams` runs more seeds, in a fast build: `SHARDCAST_STREAM_SEEDS` has their number.

use std::{
    cell::RefCell,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use shardcast_proto::{
    Time,
    connection::CloseReason,
    seastar::{
        compress::{Algorithm, CompressError, Compressor, DecompressError, Lz4, Lz4Fragmented},
        rpc::{ClientConfig, Read, Seastar, Stream, StreamConfig, StreamError},
    },
};

use super::ends::{ACCEPTING, CONNECTING, Ends};

#[test]
fn every_stream_ends_as_it_should() {
    let seeds = env::var("SHARDCAST_STREAM_SEEDS").map_or(2000, |it| it.parse().expect("a number of seeds"));
    let (mut clean, mut failed) = (0, 0);
    for seed in 0..seeds {
        match run(seed, None) {
            Ok(outcome) => {
                clean += u64::from(outcome.is_clean);
                failed += u64::from(outcome.has_failed);
            }
            Err(what) => panic!("seed {seed}: {what}"),
        }
    }
    assert!(clean > seeds / 4 && failed > seeds / 4, "{clean} clean, {failed} with a failure");
}

/// A checker that cannot fail proves nothing.
#[test]
fn every_fault_is_noticed() {
    for fault in [Fault::LoseMessage, Fault::EndByFin, Fault::FinAtOnce, Fault::LoseWake, Fault::WideWindow] {
        let noticed: Vec<_> = (0..300).filter_map(|seed| run(seed, Some(fault)).err()).collect();
        println!("{fault:?}: {} of 300, {:?}", noticed.len(), noticed.first());
        assert!(noticed.len() >= 3, "{fault:?} is noticed by {} seeds", noticed.len());
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// A message is lost on its way.
    LoseMessage,
    /// The end of the connection is taken for that of the stream.
    EndByFin,
    /// The end of the connection is not held back.
    FinAtOnce,
    /// A reader is not woken.
    LoseWake,
    /// Sinks and sources keep more than they may.
    WideWindow,
}

struct Outcome {
    /// Nothing went wrong, and both applications read and sent everything.
    is_clean: bool,
    /// A source failed.
    has_failed: bool,
}

fn run(seed: u64, fault: Option<Fault>) -> Result<Outcome, String> {
    let ran = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed, fault).run()));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| panic.downcast_ref::<&str>().copied().unwrap_or("a panic").to_owned()))
    })
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What an application does with one direction of its end, and what came of it.
struct Task {
    woken: Arc<Woken>,
    /// After so many messages, it ends: a sink by `finish` or by a drop, a source by a drop.
    left: u32,
    /// A sink is finished, a source is read to its end.
    is_complete: bool,
    is_flushing: bool,
    /// The end of the stream was sent.
    has_finished: bool,
    count: u32,
    result: Option<Result<(), StreamError>>,
}

impl Task {
    fn new(left: u32, is_complete: bool) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { woken, left, is_complete, is_flushing: false, has_finished: false, count: 0, result: None }
    }

    fn is_runnable(&self) -> bool {
        self.result.is_none() && self.woken.0.load(Ordering::Relaxed)
    }

    fn waits(&self, fault: Option<Fault>) -> Waker {
        self.woken.0.store(false, Ordering::Relaxed);
        match fault {
            Some(Fault::LoseWake) => Waker::noop().clone(),
            _ => Waker::from(Arc::clone(&self.woken)),
        }
    }
}

#[derive(Default)]
struct App {
    stream: Option<Rc<RefCell<Stream>>>,
    sink: Option<Task>,
    source: Option<Task>,
    /// Bytes of messages that were read, and that the link has delivered.
    read: usize,
    delivered: usize,
    /// When both directions were over.
    over: Option<Time>,
    cut: Option<Time>,
}

struct Simulation {
    random: Random,
    fault: Option<Fault>,
    ends: Ends,
    apps: [App; 2],
    config: StreamConfig,
    are_ours: bool,
    is_compressed: bool,
    /// The server sends, too; and the client wants that.
    is_bidirectional: bool,
    client_claims: bool,
    /// Something was done that may fail the stream.
    is_disturbed: bool,
    /// At which step something goes wrong, and what.
    trouble: Option<(u32, u64)>,
    chunk: usize,
    message_len_max: u64,
}

impl Simulation {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut random = Random(seed);
        let config = StreamConfig::default().with(|it| {
            it.window_messages = random.within(1, 20) as usize;
            it.window_bytes = random.within(10, 2000) as usize;
            it.fin_wait = Duration::from_secs(2);
        });
        let used = config.with(|it| match fault {
            Some(Fault::FinAtOnce) => it.fin_wait = Duration::ZERO,
            Some(Fault::WideWindow) => it.window_bytes *= 10,
            _ => {}
        });
        let mut seastar = Seastar::default().with(|it| it.stream = used);
        let mut client = ClientConfig::default().with(|it| it.stream = used);
        let algorithm = random.below(8);
        (seastar, client) = match algorithm {
            0 => (seastar.compression(Lz4), client.compression(Lz4)),
            1 => (seastar.compression(Lz4Fragmented), client.compression(Lz4Fragmented)),
            2 => (seastar.compression(Talkative), client.compression(Talkative)),
            _ => (seastar, client),
        };
        let are_ours = random.chance(50);
        let is_bidirectional = random.chance(70);
        let trouble = random.chance(30).then(|| (random.below(300) as u32, random.below(3)));
        Self {
            ends: Ends::new(&seastar, &client, are_ours),
            fault,
            apps: Default::default(),
            config,
            are_ours,
            is_compressed: algorithm < 3,
            is_bidirectional,
            client_claims: is_bidirectional && random.chance(95),
            is_disturbed: false,
            trouble,
            chunk: random.within(2, 400) as usize,
            message_len_max: random.within(8, 300),
            random,
        }
    }

    fn run(mut self) -> Result<Outcome, String> {
        (0..2).for_each(|who| self.ends.start(who));
        let mut idle = 0;
        for step in 0..STEPS_MAX {
            if let Some((_, what)) = self.trouble.filter(|(at, _)| *at == step) {
                self.disturb(what);
            }
            if self.step()? {
                idle = 0;
            } else {
                idle += 1;
            }
            self.check()?;
            // By then, everything that can happen was tried.
            if idle > 300 && !self.pass_time()? && idle > 1000 {
                break;
            }
        }
        self.judge()
    }

    /// Does something at random; false if that was nothing.
    fn step(&mut self) -> Result<bool, String> {
        let who = self.random.below(2) as usize;
        let len = self.random.within(1, self.chunk as u64) as usize;
        match self.random.below(10) {
            0..=2 => Ok(self.ends.take(who, len) > 0),
            3..=5 => Ok(self.deliver(who, len)),
            6 => Ok(self.begin()),
            7 => self.send(who),
            8 => self.read(who),
            _ => {
                // Less than any time-out, but some of them pass meanwhile.
                self.ends.now = self.ends.now + Duration::from_millis(self.random.below(20));
                self.fire()
            }
        }
    }

    fn deliver(&mut self, who: usize, len: usize) -> bool {
        let pipe = &self.ends.pipes[1 - who];
        let (before, has_end) = (pipe.bytes.len(), pipe.has_ended && !pipe.end_was_read);
        if self.fault == Some(Fault::EndByFin) && before == 0 && has_end && self.ends.ends[who].core.is_open()
        {
            self.ends.pipes[1 - who].bytes.extend([0xff; 4]);
            return self.ends.deliver(who, 4);
        }
        let delivered = self.ends.deliver(who, len);
        self.apps[who].delivered += before.saturating_sub(self.ends.pipes[1 - who].bytes.len());
        delivered
    }

    /// The applications get their ends.
    fn begin(&mut self) -> bool {
        let client = Rc::clone(&self.ends.client);
        if self.apps[CONNECTING].stream.is_none() {
            if client.borrow().is_open() != Ok(true) || !client.borrow_mut().open_sink() {
                return false;
            }
            let sink = self.sink_task();
            self.apps[CONNECTING] =
                App { stream: Some(client), sink: Some(sink), ..std::mem::take(&mut self.apps[CONNECTING]) };
            return true;
        }
        if self.apps[ACCEPTING].stream.is_none() {
            if self.random.chance(50) {
                return false;
            }
            let Ok(server) = self.ends.claim() else {
                // Noticed at the end.
                return false;
            };
            if self.is_bidirectional {
                let opened = server.borrow_mut().open_sink();
                assert!(opened || self.is_disturbed, "a stream has two directions");
                self.apps[ACCEPTING].sink = opened.then(|| self.sink_task());
            }
            self.apps[ACCEPTING].source = Some(self.source_task());
            self.apps[ACCEPTING].stream = Some(server);
            return true;
        }
        if self.client_claims && self.apps[CONNECTING].source.is_none() && self.random.chance(30) {
            assert!(client.borrow_mut().open_source());
            self.apps[CONNECTING].source = Some(self.source_task());
            return true;
        }
        false
    }

    fn sink_task(&mut self) -> Task {
        Task::new(self.random.below(30) as u32, self.random.chance(85))
    }

    fn source_task(&mut self) -> Task {
        Task::new(self.random.below(30) as u32, self.random.chance(85))
    }

    fn send(&mut self, who: usize) -> Result<bool, String> {
        let App { stream: Some(stream), sink: Some(task), .. } = &mut self.apps[who] else {
            return Ok(false);
        };
        let stream = Rc::clone(stream);
        let mut did = false;
        for _ in 0..self.random.within(1, 10) {
            if !task.is_runnable() {
                break;
            }
            did = true;
            let mut it = stream.borrow_mut();
            let is_ready = if task.is_flushing { it.is_flushed() } else { it.has_room() };
            match is_ready {
                Err(error) => {
                    it.drop_sink();
                    task.result = Some(Err(error));
                }
                Ok(false) => it.set_writer(&task.waits(None)),
                Ok(true) if task.has_finished => task.result = Some(Ok(())),
                Ok(true) if task.is_flushing => task.is_flushing = false,
                Ok(true) if task.left > 0 => {
                    let len = self.random.within(8, self.message_len_max.max(9)) as usize;
                    let lost = self.fault == Some(Fault::LoseMessage) && task.count == 3;
                    if !lost {
                        let number = u64::from(task.count).to_le_bytes();
                        it.send(|out| {
                            out.extend_from_slice(&number);
                            out.resize(out.len() + len - 8, who as u8);
                        })
                        .map_err(|error| format!("cannot send with room: {error}"))?;
                    }
                    task.count += 1;
                    task.left -= 1;
                    task.is_flushing = self.random.chance(10);
                }
                Ok(true) if task.is_complete => {
                    it.finish().map_err(|error| format!("cannot finish: {error}"))?;
                    (task.is_flushing, task.has_finished) = (true, true);
                }
                Ok(true) => {
                    self.is_disturbed = true;
                    it.drop_sink();
                    task.result = Some(Err(StreamError::AlreadyClosed));
                }
            }
        }
        if who == CONNECTING && !self.client_claims && task.result.is_some() {
            stream.borrow_mut().forget();
        }
        if did {
            self.ends.changed(who, &stream);
        }
        Ok(did)
    }

    fn read(&mut self, who: usize) -> Result<bool, String> {
        let sent = self.apps[1 - who].sink.as_ref().map(|it| (it.count, it.has_finished));
        let App { stream: Some(stream), source: Some(task), read, .. } = &mut self.apps[who] else {
            return Ok(false);
        };
        let stream = Rc::clone(stream);
        let (mut did, mut is_news) = (false, false);
        for _ in 0..self.random.within(1, 10) {
            if !task.is_runnable() {
                break;
            }
            did = true;
            let mut it = stream.borrow_mut();
            if !task.is_complete && task.left == 0 {
                self.is_disturbed = true;
                it.drop_source();
                task.result = Some(Err(StreamError::AlreadyClosed));
                is_news = true;
                break;
            }
            match it.read(|message| (message.first_chunk().copied(), message.len())) {
                Ok(Read::Message((number, len))) => {
                    if number != Some(u64::from(task.count).to_le_bytes()) {
                        return Err(format!("message {number:?} instead of {}", task.count));
                    }
                    task.count += 1;
                    task.left = task.left.saturating_sub(1);
                    *read += len + 4;
                    is_news |= it.take_room();
                }
                Ok(Read::End) => {
                    if sent != Some((task.count, true)) {
                        return Err(format!("the end after {}, of {sent:?}", task.count));
                    }
                    task.result = Some(Ok(()));
                    is_news = true;
                }
                Ok(Read::Pending) => it.set_reader(&task.waits(self.fault)),
                Err(error) => {
                    it.drop_source();
                    task.result = Some(Err(error));
                    is_news = true;
                }
            }
        }
        if is_news {
            self.ends.changed(who, &stream);
        }
        Ok(did)
    }

    fn disturb(&mut self, what: u64) {
        self.is_disturbed = true;
        match what {
            0 => self.ends.end_parent(),
            1 => {
                let client = Rc::clone(&self.ends.client);
                client.borrow_mut().handle_parent_closed();
                self.ends.changed(CONNECTING, &client);
            }
            _ => self.ends.reset(),
        }
    }

    /// Time passes until the next timer; false if there is none.
    fn pass_time(&mut self) -> Result<bool, String> {
        let Some(next) = (0..2).filter_map(|who| self.ends.deadline(who)).min() else { return Ok(false) };
        if next > self.ends.now + Duration::from_secs(1000) {
            return Ok(false);
        }
        self.ends.now = self.ends.now.max(next);
        self.fire()
    }

    /// All timers that are due go off.
    fn fire(&mut self) -> Result<bool, String> {
        let mut did = false;
        for who in 0..2 {
            let mut times = 0;
            while self.ends.deadline(who).is_some_and(|at| at <= self.ends.now) {
                self.ends.time_out(who);
                did = true;
                times += 1;
                if times > 5 {
                    return Err(format!("the timer of {who} goes off again and again"));
                }
            }
        }
        Ok(did)
    }

    fn check(&mut self) -> Result<(), String> {
        let now = self.ends.now;
        let state = if self.ends.ends.iter().any(|end| end.ended_sending == Some(now)) {
            self.state()
        } else {
            String::new()
        };
        let message_max = self.message_len_max as usize + 8;
        for who in 0..2 {
            let (end, app) = (&self.ends.ends[who], &mut self.apps[who]);
            let keeps_all = match &app.source {
                Some(source) => source.result.is_none(),
                // Without a source, the client keeps what comes as long as it has its sink.
                None => who == ACCEPTING || app.sink.as_ref().is_none_or(|it| it.result.is_none()),
            };
            let bound = NEGOTIATION + self.config.window_bytes + message_max + self.chunk;
            if !self.is_compressed && keeps_all && !self.is_disturbed && app.delivered > app.read + bound {
                return Err(format!("{who} keeps {} bytes", app.delivered - app.read));
            }
            // The first is sent whatever the window is.
            let waiting = end.core.outbox().bytes();
            if !self.is_compressed && waiting > NEGOTIATION + self.config.window_bytes + message_max {
                return Err(format!("{waiting} bytes of {who} wait for the kernel"));
            }
            let has_all =
                || app.stream.as_ref().is_some_and(|stream| stream.borrow().is_flushed() == Ok(true));
            let is_sent = match &app.sink {
                Some(sink) => sink.result.is_some() || sink.has_finished && has_all(),
                None => true,
            };
            let is_read = match &app.source {
                Some(source) => source.result.is_some(),
                None => self.ends.pipes[1 - who].end_was_read,
            };
            if app.stream.is_some() && is_sent && is_read {
                app.over.get_or_insert(now);
            }
            if end.is_cut {
                app.cut.get_or_insert(now);
            }
            if let Some(over) = app.over
                && !end.is_cut
                && now > over + self.config.fin_wait + FLUSH + Duration::from_millis(100)
            {
                return Err(format!("{who} has not ended long after both directions: {:?}", end.core));
            }
            let has_finished = app.sink.as_ref().is_some_and(|it| it.result == Some(Ok(())));
            let peer_ended = self.ends.pipes[1 - who].end_was_read;
            if end.ended_sending == Some(now)
                && has_finished
                && !self.are_ours
                && !self.is_disturbed
                && !peer_ended
            {
                let over = app.over;
                let waited = app.over.is_some_and(|over| now >= over + self.config.fin_wait);
                // Of a client without a source, the server has ended its direction.
                let is_unused = app.source.is_none();
                if !waited && !is_unused {
                    return Err(format!(
                        "{who} ends the connection before a peer of Seastar has read the end, over since {over:?}: {state}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> String {
        let of = |who: usize| {
            let (app, end, pipe) = (&self.apps[who], &self.ends.ends[who], &self.ends.pipes[who]);
            let [sink, source] =
                [&app.sink, &app.source].map(|it| it.as_ref().map(|it| (it.count, it.left, it.result)));
            format!(
                "{:?}, sink {sink:?}, source {source:?}, {:?}, {:?}, sent {} {} {} {}\n",
                app.stream,
                end.core,
                end.why,
                pipe.bytes.len(),
                pipe.has_ended,
                pipe.end_was_read,
                pipe.is_reset
            )
        };
        format!(
            "accepting {}connecting {}disturbed {}, bidirectional {}, {:?}",
            of(0),
            of(1),
            self.is_disturbed,
            self.is_bidirectional,
            self.ends.now
        )
    }

    fn judge(self) -> Result<Outcome, String> {
        let tasks = || self.apps.iter().flat_map(|app| [&app.sink, &app.source]).flatten();
        if let Some(task) = tasks().find(|task| task.result.is_none()) {
            return Err(format!("a task hangs after {}: {}", task.count, self.state()));
        }
        let has_failed = self.apps.iter().any(|app| {
            app.source.as_ref().is_some_and(
                |it| matches!(it.result, Some(Err(error)) if error != StreamError::AlreadyClosed),
            )
        });
        if !self.is_disturbed {
            if let Some(task) = tasks().find(|task| task.result != Some(Ok(()))) {
                return Err(format!(
                    "nothing went wrong, but {:?} after {}: {}",
                    task.result,
                    task.count,
                    self.state()
                ));
            }
            if self.apps.iter().any(|app| app.stream.is_none()) {
                return Err("nothing went wrong, but a call does not find its stream".to_owned());
            }
            for who in 0..2 {
                if self.ends.ends[who].why != Some(CloseReason::PeerClosed) {
                    return Err(format!("{who} ended as {:?}", self.ends.ends[who].why));
                }
            }
        }
        if let Some(end) = self.ends.ends.iter().find(|end| !end.is_cut) {
            return Err(format!("a connection stays: {:?}: {}", end.core, self.state()));
        }
        if self.ends.parent().is_some_and(|parent| parent.stream_count() > 0) {
            return Err("the parent keeps the stream".to_owned());
        }
        Ok(Outcome { is_clean: !self.is_disturbed, has_failed })
    }
}

/// Frames as they are, and two words of its own after the first frame that it gets.
#[derive(Debug)]
struct Talkative;

#[derive(Debug)]
struct Words(u8);

impl Algorithm for Talkative {
    fn supported(&self) -> &str {
        "TALKATIVE"
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        (offered == "TALKATIVE").then(|| Box::new(Words(1)) as _)
    }
}

impl Compressor for Words {
    fn name(&self) -> &str {
        "TALKATIVE"
    }

    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        out.push(u8::from(!frame.is_empty()));
        out.extend_from_slice(frame);
        Ok(())
    }

    fn decompress(&mut self, data: &[u8], _: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        match data.split_first() {
            Some((0, [])) => {}
            Some((1, frame)) => {
                self.0 += u8::from(self.0 < 3);
                out.extend_from_slice(frame);
            }
            _ => return Err(DecompressError::Custom("kind")),
        }
        Ok(())
    }

    fn poll_empty_frame(&mut self) -> bool {
        let says = self.0 & 1 == 1 && self.0 < 4;
        self.0 += u8::from(says);
        says
    }
}

/// SplitMix64, as in the simulation of the server.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    const fn within(&mut self, begin: u64, end: u64) -> u64 {
        begin + self.below(end - begin)
    }

    const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const STEPS_MAX: u32 = 50_000;
/// No negotiation is longer.
const NEGOTIATION: usize = 200;
/// How long a connection lingers at its end.
const FLUSH: Duration = Duration::from_secs(5);
