//! A process that is killed after any instruction of its journal.
//!
//! It is not killed, but executed one instruction after the other (ptrace). Its journal is a mapped file, so that after each
//! instruction the file has what a kill would leave; whenever that has changed, a copy is opened and compared with what the
//! process has reported.

use std::{
    env,
    fs::File,
    io::{Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        ptrace,
        signal::{Signal, raise},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, gettid},
};
use shardcast::proto::tcpshm::journal::{
    Beginning, GrowError, Identity, Journal, JournalConfig, Source, Store,
};
use shardcast_os::map::MappedFile;

use crate::support::{child, eventually, is_child};

/// `cargo xtask storm` asks for more, in an optimized build.
#[test]
fn a_kill_after_any_instruction_loses_nothing() {
    let messages = env::var("SHARDCAST_STEPS_MESSAGES").ok();
    let messages = messages.map_or(MESSAGES, |text| text.parse().expect("a number"));
    assert!(messages >= MESSAGES, "fewer prove too little");
    let Some(seen) = step_through(messages, Reports::InTime) else { return };
    let seen = seen.expect("nothing is lost");
    eprintln!("{seen:?}");
    assert_eq!(seen.messages, messages);
    assert!(seen.instructions > 100 * messages, "{seen:?}");
    // Each message has at least a body, an end and a beginning.
    assert!(seen.states > 3 * messages, "{seen:?}");
    assert!(seen.repeats > 0, "an acknowledgement takes several instructions: {seen:?}");
    assert_eq!(seen.growths, 1, "{seen:?}");
    let mut wire = Vec::new();
    (0..messages).for_each(|sequence| put_wire(sequence, &mut wire));
    assert!(wire.len() as u64 > 2 * (LEN_MAX - RING_AT), "the ring is used several times");
}

/// A checker that cannot fail proves nothing.
#[test]
fn a_message_that_is_promised_before_it_is_kept_is_noticed() {
    let Some(seen) = step_through(2, Reports::TooEarly) else { return };
    let error = seen.expect_err("the process reports too early");
    assert!(error.contains("the next message is 0, of 1 to 1"), "{error}");
}

/// What happened in all.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    instructions: u64,
    /// Of the file, with what the process has reported.
    states: u64,
    /// States in which messages would be sent again, although their acknowledgement had begun to be recorded.
    repeats: u64,
    growths: u64,
}

/// When a process reports that its message is kept.
#[derive(Clone, Copy, PartialEq)]
enum Reports {
    InTime,
    TooEarly,
}

/// Executes the process one instruction at a time; `None` if this system does not permit that, and otherwise what was seen, or
/// what is wrong.
fn step_through(messages: u64, reports: Reports) -> Option<Result<Seen, String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stepped = Stepped::start(folder.path(), messages, reports);
    match ptrace::seize(stepped.thread, ptrace::Options::PTRACE_O_EXITKILL) {
        Err(Errno::EPERM) => {
            eprintln!("skipped: this system does not permit to trace a child process (ptrace)");
            return None;
        }
        seized => seized.expect("it waits"),
    }
    stepped.go();
    assert_eq!(stepped.next_stop(), Signal::SIGUSR1);
    let mut watched = Watched::new(folder.path());
    let mut seen = Seen::default();
    loop {
        if let Err(error) = watched.look(&mut seen) {
            return Some(Err(format!("after {} instructions: {error}", seen.instructions)));
        }
        ptrace::step(stepped.thread, None).expect("it is stopped");
        match stepped.next_stop() {
            Signal::SIGTRAP => seen.instructions += 1,
            Signal::SIGUSR2 => break,
            other => panic!("it has got {other}"),
        }
    }
    ptrace::detach(stepped.thread, None).expect("it is stopped");
    assert!(stepped.child.wait().expect("a child").success());
    Some(Ok(seen))
}

/// The process.
struct Stepped {
    child: Child,
    thread: Pid,
}

impl Stepped {
    fn start(folder: &Path, messages: u64, reports: Reports) -> Self {
        let mut command = child(STEPPED);
        command
            .env(FOLDER, folder)
            .env(COUNT, messages.to_string())
            .env(EARLY, if reports == Reports::TooEarly { "1" } else { "" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let child = command.spawn().expect("this program");
        let path = folder.join("thread");
        // Written when it is ready.
        eventually(Duration::from_secs(20), || path.exists());
        let thread = std::fs::read_to_string(path).expect("a text").parse().expect("a number");
        Self { child, thread: Pid::from_raw(thread) }
    }

    fn go(&mut self) {
        self.child.stdin.take().expect("it is piped").write_all(b".").expect("it reads");
    }

    fn next_stop(&self) -> Signal {
        match waitpid(self.thread, Some(WaitPidFlag::__WALL)).expect("it is traced") {
            WaitStatus::Stopped(_, signal) => signal,
            other => panic!("it ends: {other:?}"),
        }
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        // It may have ended. The end of a traced thread is that of its process when the tracer has seen it.
        let _ = self.child.kill();
        while let Ok(WaitStatus::Stopped(..) | WaitStatus::PtraceEvent(..)) =
            waitpid(self.thread, Some(WaitPidFlag::__WALL))
        {}
        let _ = self.child.wait();
    }
}

/// The files of the process.
struct Watched {
    journal: File,
    progress: File,
    /// As they were when they were last opened.
    bytes: Vec<u8>,
    reported: [u8; PROGRESS_LEN],
    buffer: Vec<u8>,
}

impl Watched {
    fn new(folder: &Path) -> Self {
        let open = |name| File::open(folder.join(name)).expect("the process made it");
        Self {
            journal: open("journal"),
            progress: open("progress"),
            bytes: Vec::new(),
            reported: [0; PROGRESS_LEN],
            buffer: vec![0; LEN_MAX as usize],
        }
    }

    /// Opens a copy of the journal, if anything has changed.
    fn look(&mut self, seen: &mut Seen) -> Result<(), String> {
        let mut reported = [0; PROGRESS_LEN];
        self.progress.read_exact_at(&mut reported, 0).expect("it is as long");
        let len = self.journal.read_at(&mut self.buffer, 0).expect("a file");
        if reported == self.reported && self.bytes == self.buffer[..len] {
            return Ok(());
        }
        seen.growths += u64::from(!self.bytes.is_empty() && len > self.bytes.len());
        self.bytes.clear();
        self.bytes.extend_from_slice(&self.buffer[..len]);
        self.reported = reported;
        seen.states += 1;
        self.check(seen)
    }

    fn check(&self, seen: &mut Seen) -> Result<(), String> {
        let reported =
            |at: usize| u64::from_le_bytes(self.reported[at * 8..][..8].try_into().expect("eight bytes"));
        let opening = Journal::open(self.bytes.clone(), IDENTITY, config());
        let (mut journal, opened) = opening.map_err(|error| error.to_string())?.finish();
        if opened.dropped.is_some() {
            return Err("messages are dropped".to_owned());
        }
        for (what, found, done, begun) in [
            ("next message", journal.next(), APPENDED, APPENDING),
            ("first message", journal.first(), ACKNOWLEDGED, ACKNOWLEDGING),
            ("number of received messages", journal.received(), RECEIVED, RECEIVING),
        ] {
            let (done, begun) = (reported(done), reported(begun));
            if !(done..=begun).contains(&found) {
                return Err(format!("the {what} is {found}, of {done} to {begun}"));
            }
        }
        seen.messages = journal.next();
        seen.repeats += u64::from(journal.first() < reported(ACKNOWLEDGING));

        let mut expected = Vec::new();
        (journal.first()..journal.next()).for_each(|sequence| put_wire(sequence, &mut expected));
        let mut sent = Vec::new();
        copy_all(&mut journal, &mut sent);
        if sent != expected {
            let (first, next) = (journal.first(), journal.next());
            return Err(format!("messages {first} to {next} have changed"));
        }
        // It can be used.
        journal.append(1, b"another").map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Not a test: the process that is executed one instruction at a time.
#[test]
#[ignore = "the other tests start it; run with `cargo test -p shardcast --test it tcpshm::steps`"]
fn stepped() {
    if !is_child(STEPPED) {
        return;
    }
    let folder = env::var_os(FOLDER).expect("it is set");
    let folder = Path::new(&folder);
    let count: u64 = env::var(COUNT).expect("it is set").parse().expect("a number");
    let is_early = env::var(EARLY).is_ok_and(|text| !text.is_empty());
    let file = MappedFile::create(&folder.join("journal"), LEN).expect("a file");
    let opening =
        Journal::create(Mapped(file), IDENTITY, Beginning { salt: 7, ..Beginning::default() }, config());
    let (mut journal, _) = opening.expect("valid names").finish();
    let mut progress =
        Progress(MappedFile::create(&folder.join("progress"), PROGRESS_LEN as u64).expect("a file"));
    let bodies: Vec<_> = (0..count).map(body).collect();
    let mut wire = Vec::with_capacity(1 << 20);

    let (being_made, thread) = (folder.join("thread.new"), folder.join("thread"));
    std::fs::write(&being_made, gettid().to_string()).expect("a file");
    std::fs::rename(being_made, thread).expect("a file");
    std::io::stdin().read_exact(&mut [0]).expect("it is to go on");
    raise(Signal::SIGUSR1).expect("the signal exists");
    for (sequence, body) in (0..).zip(&bodies) {
        progress.report(APPENDING, sequence + 1);
        if is_early {
            progress.report(APPENDED, sequence + 1);
        }
        journal.append(message_type(sequence), body).expect("there is room");
        progress.report(APPENDED, sequence + 1);

        // One to sixteen messages stay.
        let first = (sequence + 1).saturating_sub(sequence % 16 + 1);
        if first > journal.first() {
            wire.clear();
            copy_all(&mut journal, &mut wire);
            progress.report(ACKNOWLEDGING, first);
            journal.acknowledge(first).expect("they were sent");
            progress.report(ACKNOWLEDGED, first);
        }
        if sequence % 5 == 0 {
            progress.report(RECEIVING, sequence);
            journal.set_received(sequence);
            progress.report(RECEIVED, sequence);
        }
    }
    raise(Signal::SIGUSR2).expect("the signal exists");
}

fn copy_all(journal: &mut Journal<impl Store>, out: &mut Vec<u8>) {
    journal.copy_unsent(out, usize::MAX, |header| header[4..].fill(0)).expect("intact records");
}

/// A message as it is sent, with an acknowledgement of 0.
fn put_wire(sequence: u64, out: &mut Vec<u8>) {
    let body = body(sequence);
    out.extend_from_slice(&(8 + body.len() as u16).to_le_bytes());
    out.extend_from_slice(&message_type(sequence).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&body);
    out.resize(out.len().next_multiple_of(8), 0);
}

fn message_type(sequence: u64) -> u16 {
    (sequence % 4 + 1) as u16
}

/// 0 to 60 bytes, which differ in each message.
fn body(sequence: u64) -> Vec<u8> {
    let seed = (sequence + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let len = (seed >> 32) as usize % 61;
    (0..len).map(|at| (seed >> (at % 7 * 8)) as u8 ^ at as u8).collect()
}

fn config() -> JournalConfig {
    JournalConfig::default().with(|it| it.len_max = LEN_MAX)
}

/// What the process reports: a word for each of the constants below.
struct Progress(MappedFile);

impl Progress {
    fn report(&mut self, what: usize, count: u64) {
        self.0.publish(what as u64 * 8, count);
    }
}

const APPENDING: usize = 0;
const APPENDED: usize = 1;
const ACKNOWLEDGING: usize = 2;
const ACKNOWLEDGED: usize = 3;
const RECEIVING: usize = 4;
const RECEIVED: usize = 5;
const PROGRESS_LEN: usize = 6 * 8;

/// The file of a journal.
struct Mapped(MappedFile);

impl Source for Mapped {
    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn read(&self, at: u64, into: &mut [u8]) {
        self.0.read(at, into);
    }

    fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        self.0.read_to(at, len, out);
    }
}

impl Store for Mapped {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        self.0.write(at, bytes);
    }

    fn publish(&mut self, at: u64, word: u64) {
        self.0.publish(at, word);
    }

    fn grow(&mut self, len: u64) -> Result<(), GrowError> {
        self.0.grow(len).map_err(|_| GrowError::Refused)
    }
}

const IDENTITY: Identity<'_> = Identity { local: b"server", remote: b"client", boot: 1 };

/// Bytes of the file at first, and at most: the ring has 512 bytes, then twice as many.
const LEN: u64 = RING_AT + 512;
const LEN_MAX: u64 = RING_AT + 1024;
const RING_AT: u64 = 4096;

/// Messages, unless the environment asks for more.
const MESSAGES: u64 = 60;

const STEPPED: &str = "tcpshm::steps::stepped";
const FOLDER: &str = "SHARDCAST_STEPS_FOLDER";
const COUNT: &str = "SHARDCAST_STEPS_COUNT";
const EARLY: &str = "SHARDCAST_STEPS_EARLY";
