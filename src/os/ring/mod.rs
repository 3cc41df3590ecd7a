//! One io_uring per shard: accepts, connects, receives and sends TCP, and syncs files.
//!
//! Multishot accept and receive, receive buffers provided by the shard and shared by its connections (`turns.rs`),
//! registered files, and at most one send in flight per connection. Operations only queue; one
//! [`Ring::enter`] per turn submits everything and runs the kernel's deferred work.
//!
//! The ring owns all memory that the kernel may touch until the operation has ended. This makes its interface
//! safe. It knows slots, bytes and errors, but no connections and no policy.

mod buffers;
mod complete;
mod direct;
mod features;
mod flights;
mod kind;
mod payload;
mod syncs;
mod turns;

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use io_uring::{EnterFlags, IoUring, opcode, squeue, types};
use rustix::event::{EventfdFlags, eventfd};

pub use buffers::Filled;
pub use features::{Feature, Features, RingError};
pub use payload::Payload;

use crate::needs::{SHORT_PAUSE, SHORT_TRIES};
use buffers::{Buffers, Group};
use direct::Direct;
use flights::Flights;
use kind::{Kind, encode};
use payload::InFlight;
use syncs::Syncs;
use turns::Turns;

/// Sizes of a ring. Plain data.
#[derive(Clone, Debug)]
pub struct RingConfig {
    /// Operations that can wait for one `enter`; more are submitted early. A power of two; at least
    /// [`ENTRIES_MIN`] for a ring that serves connections.
    pub entries: u32,
    /// Receive buffers; a power of two, at most 32,768. A ring has large ones too, with a quarter of the memory of
    /// these, for connections that always have more to receive.
    pub buffers: u16,
    /// Bytes of one receive buffer.
    pub buffer_bytes: u32,
    /// Slots for connections.
    pub slots: u32,
    /// Features not to use.
    pub disable: Features,
}

impl RingConfig {
    /// A ring with the same features and slots that is as small as possible, to test whether it can be
    /// created.
    #[must_use]
    pub fn probe(&self) -> Self {
        Self { entries: 8, buffers: self.buffers.min(8), ..self.clone() }
    }
}

impl Default for RingConfig {
    fn default() -> Self {
        Self { entries: 4096, buffers: 1024, buffer_bytes: 4096, slots: 16_384, disable: Features::NONE }
    }
}

/// What the kernel has done.
#[derive(Debug)]
pub enum Completion {
    /// A listener has a new connection.
    Accepted {
        /// From [`Ring::listen`].
        listener: u32,
        /// The connection.
        socket: OwnedFd,
    },
    /// A connection was reset before it was accepted. Accepting continues.
    AcceptAborted {
        /// From [`Ring::listen`].
        listener: u32,
    },
    /// Accepting ended. Call [`Ring::resume_accept`] when it is likely to work again.
    AcceptFailed {
        /// From [`Ring::listen`].
        listener: u32,
        /// The reason: EMFILE, ENFILE, ENOBUFS, ENOMEM, or a bug.
        error: io::Error,
    },
    /// Bytes arrived. Return the buffer with [`Ring::recycle`].
    Received {
        /// The slot.
        slot: u32,
        /// The bytes.
        data: Filled,
    },
    /// Nothing more will be received on this slot until [`Ring::receive`] is called again.
    ReceiveEnded {
        /// The slot.
        slot: u32,
        /// The reason.
        how: ReceiveEnd,
    },
    /// The kernel's TCP has taken the whole payload, or the send failed.
    Sent {
        /// The slot.
        slot: u32,
        /// The payload, so that its memory can be reused.
        payload: Payload,
        /// Whether the kernel took all of it.
        result: io::Result<()>,
    },
    /// A connection attempt has ended.
    Connected {
        /// The slot.
        slot: u32,
        /// Whether the connection is established.
        result: io::Result<()>,
    },
    /// The time from [`Ring::alarm`] has come.
    Alarm,
    /// A sync has ended.
    Synced {
        /// From [`Ring::sync`].
        number: u32,
        /// Whether everything that was written before it began is on the disk.
        result: io::Result<()>,
    },
}

/// What a sync writes to the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyncOf {
    /// The data of a file, and what is needed to read it (`fdatasync`). That includes what was written to a mapping of the
    /// file: such pages are as dirty as others, and `msync` does the same (mm/msync.c: `vfs_fsync_range`).
    Data,
    /// Everything of a file, or the names in a folder (`fsync`).
    All,
}

/// Why receiving ended.
#[derive(Debug)]
pub enum ReceiveEnd {
    /// The peer has ended its stream.
    EndOfStream,
    /// [`Ring::stop_receiving`] took effect.
    Stopped,
    /// The connection failed.
    Failed(io::Error),
}

/// Wakes the shard that sleeps on a ring's eventfd. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct RingWaker(Arc<OwnedFd>);

impl RingWaker {
    /// Makes the eventfd readable.
    pub fn wake(&self) {
        // The only possible error is a full counter, and a full counter is readable.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// An io_uring with its buffers and slots. It stays on the thread that created it.
pub struct Ring {
    slots: Vec<Slot>,
    listeners: Vec<Option<Listener>>,
    /// In the order of [`Group::ALL`].
    buffers: [Buffers; 2],
    /// A slot whose last bytes came after a request to stop: the bytes are reported first, then the stop.
    stopped: Option<u32>,
    /// Slots whose receive has taken everything for the first time since it began: see `recheck`.
    unsure: Vec<u32>,
    /// The last receive left bytes in its socket.
    leaves_bytes: bool,
    /// The payloads in flight.
    flights: Flights,
    direct: Direct,
    /// The files that are synced.
    syncs: Syncs,
    alarm: Box<types::Timespec>,
    /// A read of the eventfd is with the kernel, into `wake_count`.
    awaiting_wake: bool,
    wake_count: Box<[u8; WAKE_BYTES as usize]>,
    eventfd: Arc<OwnedFd>,
    features: Features,
    counters: RingCounters,
    /// Last, so that everything above is dropped after the kernel has stopped using it: see `Drop`.
    io: IoUring,
    /// SINGLE_ISSUER rings belong to one thread.
    _not_send: std::marker::PhantomData<Rc<()>>,
}

/// Counters of a ring since its creation.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingCounters {
    /// io_uring_enter calls.
    pub enters: u64,
    /// Completions seen.
    pub completions: u64,
    /// Receives that found no free buffer.
    pub starvations: u64,
}

#[derive(Debug)]
struct Slot {
    attached: bool,
    receiving: bool,
    stopping: bool,
    turns: Turns,
    /// The group of the receive in flight.
    group: Group,
    /// The receive has not taken everything yet since it began.
    began: bool,
    /// The receive was cancelled, to begin again.
    restarting: bool,
    /// The descriptor of its socket, or -1.
    socket: i32,
    /// The number of its send in `Ring::flights`, or [`Flights::NONE`].
    in_flight: u32,
    connecting: Option<Box<payload::Address>>,
}

#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    armed: bool,
}

impl Ring {
    /// Creates a ring with the best features of this kernel.
    ///
    /// # Errors
    /// io_uring is forbidden, too old, or lacks a resource; the error names the setting and how to change it.
    pub fn new(config: &RingConfig) -> Result<Self, RingError> {
        let (io, features) = features::build(config)?;
        io.submitter()
            .register_files_sparse(config.slots)
            .map_err(|error| RingError::Slots { slots: config.slots, error })?;
        let [small, large] = Group::ALL.map(|group| Buffers::register(&io, group, config));
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| RingError::Io(error.into()))?;
        io.submitter().register_eventfd(eventfd.as_raw_fd()).map_err(RingError::Io)?;
        let mut ring = Self {
            slots: Vec::new(),
            listeners: Vec::new(),
            buffers: [small?, large?],
            stopped: None,
            unsure: Vec::new(),
            leaves_bytes: false,
            flights: Flights::default(),
            direct: Direct::default(),
            syncs: Syncs::default(),
            alarm: Box::default(),
            awaiting_wake: false,
            wake_count: Box::default(),
            eventfd: Arc::new(eventfd),
            features,
            counters: RingCounters::default(),
            io,
            _not_send: std::marker::PhantomData,
        };
        ring.disable_notifications();
        Ok(ring)
    }

    /// Like [`new`](Self::new), for a ring that may be smaller. If the limit would allow the ring but locked
    /// memory is short, other processes of the user hold it. This function waits a moment for the memory of a
    /// process that has just ended. Then it halves the entries, down to [`ENTRIES_MIN`]. It blocks the thread
    /// for at most half a second.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn new_or_smaller(config: &RingConfig) -> Result<Self, RingError> {
        let mut config = config.clone();
        for attempt in 0.. {
            match Self::new(&config) {
                Err(RingError::LockedMemory) if attempt < SHORT_TRIES => {}
                Err(RingError::LockedMemory) if config.entries > ENTRIES_MIN => {
                    config.entries = (config.entries / 2).max(ENTRIES_MIN);
                }
                result => return result,
            }
            std::thread::sleep(SHORT_PAUSE);
        }
        Err(RingError::LockedMemory)
    }

    /// Operations that can wait for one [`enter`](Self::enter).
    pub fn entries(&self) -> u32 {
        self.io.params().sq_entries()
    }

    /// The features in use.
    pub const fn features(&self) -> Features {
        self.features
    }

    /// The counters so far.
    pub const fn counters(&self) -> RingCounters {
        self.counters
    }

    /// A handle that wakes the thread that sleeps on [`eventfd`](Self::eventfd).
    pub fn waker(&self) -> RingWaker {
        RingWaker(Arc::clone(&self.eventfd))
    }

    /// Readable after a wake-up, and after a completion while [notifications](Self::enable_notifications) are
    /// on.
    pub fn eventfd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    /// Completions do not raise the eventfd: for a shard that polls the ring.
    pub fn disable_notifications(&mut self) {
        self.io.completion().disable_eventfd();
    }

    /// Completions raise the eventfd. Check [`has_work`](Self::has_work) once more before sleeping:
    /// completions before this call did not raise it.
    pub fn enable_notifications(&mut self) {
        self.io.completion().enable_eventfd();
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Starts to accept on a listening socket; completions carry the returned number.
    pub fn listen(&mut self, socket: OwnedFd) -> u32 {
        self.listeners.push(Some(Listener { socket, armed: false }));
        let listener = self.listeners.len() as u32 - 1;
        self.resume_accept(listener);
        listener
    }

    /// Accepts again after [`Completion::AcceptFailed`].
    pub fn resume_accept(&mut self, listener: u32) {
        let Some(Some(it)) = self.listeners.get_mut(listener as usize) else { return };
        if it.armed {
            return;
        }
        it.armed = true;
        let fd = types::Fd(it.socket.as_raw_fd());
        let entry = if self.features.has(Feature::MultishotAccept) {
            opcode::AcceptMulti::new(fd).flags(libc::SOCK_CLOEXEC).build()
        } else {
            opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut())
                .flags(libc::SOCK_CLOEXEC)
                .build()
        };
        self.push(entry, Kind::Accept, listener);
    }

    /// Stops accepting and closes the listening socket.
    pub fn unlisten(&mut self, listener: u32) {
        let Some(it) = self.listeners.get_mut(listener as usize).and_then(Option::take) else { return };
        if it.armed {
            self.cancel(Kind::Accept, listener);
            // The cancellation must reach the kernel before the descriptor number can be reused.
            let _ = self.enter();
        }
    }

    /// Puts a socket into `slot`, which must be free. The ring uses the socket; the caller keeps it open.
    ///
    /// # Errors
    /// `slot` is in use or out of range, or the kernel refused.
    pub fn attach(&mut self, slot: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        if self.slots.len() <= slot as usize {
            self.slots.resize_with(slot as usize + 1, Slot::default);
        }
        let it = &mut self.slots[slot as usize];
        if it.attached || it.is_busy() {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        self.io.submitter().register_files_update(slot, &[socket.as_raw_fd()])?;
        self.direct.forget(slot);
        (it.attached, it.turns, it.socket) = (true, Turns::default(), socket.as_raw_fd());
        Ok(())
    }

    /// Frees `slot`. It must be [idle](Self::is_idle): shut the socket down and wait for the completions.
    ///
    /// # Errors
    /// The slot is not idle.
    pub fn detach(&mut self, slot: u32) -> io::Result<()> {
        if !self.is_idle(slot) {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        let Some(it) = self.slots.get_mut(slot as usize).filter(|it| it.attached) else { return Ok(()) };
        it.attached = false;
        it.socket = -1;
        self.io.submitter().register_files_update(slot, &[-1]).map(drop)
    }

    /// Whether the kernel has no operation on `slot`.
    pub fn is_idle(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_none_or(|it| !it.is_busy())
    }

    /// Starts to receive on `slot`, unless it receives already.
    pub fn receive(&mut self, slot: u32) {
        let Some(it) = self.slots.get_mut(slot as usize).filter(|it| it.attached && !it.receiving) else {
            return;
        };
        it.receiving = true;
        it.stopping = false;
        self.arm_receive(slot);
    }

    /// Asks the kernel to stop receiving on `slot`. Bytes already received are still reported first.
    pub fn stop_receiving(&mut self, slot: u32) {
        let Some(it) = self.slots.get_mut(slot as usize).filter(|it| it.receiving && !it.stopping) else {
            return;
        };
        it.stopping = true;
        self.cancel(Kind::Receive, slot);
    }

    /// Sends `payload` on `slot`; its memory comes back with [`Completion::Sent`].
    ///
    /// # Panics
    /// A send is in flight on this slot: the order of two sends would be undefined.
    pub fn send(&mut self, slot: u32, payload: Payload) {
        let it = &mut self.slots[slot as usize];
        assert!(it.attached && it.in_flight == Flights::NONE, "one send at a time, on an attached slot");
        it.in_flight = self.flights.insert(InFlight::new(payload));
        if !self.waits_alone(slot) {
            self.arm_send(slot);
        }
    }

    /// Connects the socket in `slot`.
    ///
    /// # Panics
    /// A connection attempt is in progress on this slot.
    pub fn connect(&mut self, slot: u32, to: SocketAddr) {
        let it = &mut self.slots[slot as usize];
        assert!(it.attached && it.connecting.is_none(), "one connection attempt at a time");
        let address = it.connecting.insert(Box::new(payload::Address::from(to)));
        let (pointer, len) = address.as_raw();
        let entry = opcode::Connect::new(types::Fixed(slot), pointer, len).build();
        self.push(entry, Kind::Connect, slot);
    }

    /// Produces [`Completion::Alarm`] after `delay`. Several alarms may be set.
    pub fn alarm(&mut self, delay: Duration) {
        *self.alarm = types::Timespec::new().sec(delay.as_secs()).nsec(delay.subsec_nanos());
        let entry = opcode::Timeout::new(&*self.alarm).build();
        self.push(entry, Kind::Alarm, 0);
        // The kernel copies the time when it takes the entry, which must be before the next alarm.
        let _ = self.enter();
    }

    /// Writes what was written to a file to its disk; [`Completion::Synced`] has the number that is returned. What is written
    /// after this call may be written too.
    ///
    /// A worker thread of the kernel waits for the disk, never the shard: `io_fsync_prep` in io_uring/sync.c sets
    /// `REQ_F_FORCE_ASYNC`. Each kernel that has buffer rings has this operation.
    pub fn sync(&mut self, file: OwnedFd, what: SyncOf) -> u32 {
        let fd = types::Fd(file.as_raw_fd());
        let number = self.syncs.insert(file);
        let flags = match what {
            SyncOf::Data => types::FsyncFlags::DATASYNC,
            SyncOf::All => types::FsyncFlags::empty(),
        };
        self.push(opcode::Fsync::new(fd).flags(flags).build(), Kind::Sync, number);
        number
    }

    /// Returns a receive buffer to the kernel.
    pub fn recycle(&mut self, data: Filled) {
        let Self { buffers: [small, large], direct, .. } = self;
        let foreign =
            direct.recycle(data).or_else(|data| small.recycle(data)).or_else(|data| large.recycle(data));
        assert!(foreign.is_ok(), "a buffer goes back to the ring it came from");
    }

    /// Whether [`enter`](Self::enter) would do anything. Reads memory shared with the kernel only.
    pub fn has_work(&mut self) -> bool {
        if self.direct.has_work() {
            return true;
        }
        let queue = self.io.submission();
        if !queue.is_empty() || queue.taskrun() || queue.cq_overflow() {
            return true;
        }
        drop(queue);
        !self.io.completion().is_empty()
            || self.stopped.is_some()
            || self.buffers.iter().any(|it| it.resumable() > 0)
    }

    /// Submits the queued operations and lets the kernel run its deferred work; never waits. It makes no system call if
    /// the kernel has nothing to do.
    ///
    /// # Errors
    /// The ring is broken: the shard cannot continue.
    pub fn enter(&mut self) -> io::Result<()> {
        self.submit(0)
    }

    /// Like [`enter`](Self::enter), for a shard that had nothing to do. If the connection that was alone in receiving seems to
    /// have received more, its bytes come first, and what else the kernel has to do is left to the next call.
    ///
    /// # Errors
    /// As for [`enter`](Self::enter).
    pub fn enter_after_idling(&mut self) -> io::Result<()> {
        if self.receive_directly() { Ok(()) } else { self.submit(0) }
    }

    /// Like [`enter`](Self::enter), but blocks the thread until there is a completion or a wake-up. Requires
    /// that [notifications are off](Self::disable_notifications); otherwise each completion would be a
    /// wake-up as well.
    ///
    /// # Errors
    /// As for [`enter`](Self::enter).
    ///
    /// Where the kernel supports it ([`Feature::NoIowait`]), the thread counts as idle during this call, not
    /// as waiting for I/O.
    pub fn wait(&mut self) -> io::Result<()> {
        if !self.awaiting_wake {
            self.awaiting_wake = true;
            let fd = types::Fd(self.eventfd.as_raw_fd());
            let buffer = self.wake_count.as_mut_ptr();
            self.push(opcode::Read::new(fd, buffer, WAKE_BYTES).build(), Kind::Wake, 0);
        }
        self.submit(1)
    }

    fn submit(&mut self, want: u32) -> io::Result<()> {
        self.send_directly();
        // A completion is there already.
        let want = if self.direct.has_work() { 0 } else { want };
        self.recheck();
        for group in Group::ALL {
            self.resume_receives(group);
            self.buffers[group.index()].publish();
        }
        let queue = self.io.submission();
        let queued = queue.len() as u32;
        // After a wait that brought completions, there is often nothing else: that saves a system call.
        if want == 0 && queued == 0 && !queue.taskrun() && !queue.cq_overflow() {
            return Ok(());
        }
        drop(queue);
        let mut flags = EnterFlags::GETEVENTS;
        flags.set(EnterFlags::NO_IOWAIT, want > 0 && self.features.has(Feature::NoIowait));
        self.counters.enters += 1;
        // SAFETY: all entries in the queue point to memory that this ring keeps until their completion
        // (slots, listeners, buffers, wake count), or that the kernel copies during this call (alarm).
        let entered =
            unsafe { self.io.submitter().enter::<libc::sigset_t>(queued, want, flags.bits(), None) };
        match entered {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the kernel stopped in the middle of receiving and continues when [`enter`](Self::enter) is
    /// called again. The kernel limits the time of its deferred work, so data that a peer sent at once could
    /// otherwise arrive in two turns.
    pub fn is_cut_short(&mut self) -> bool {
        std::mem::take(&mut self.leaves_bytes) && self.has_work()
    }

    /// The next completion, if any.
    pub fn next_completion(&mut self) -> Option<Completion> {
        if let Some(slot) = self.stopped.take() {
            return Some(Completion::ReceiveEnded { slot, how: ReceiveEnd::Stopped });
        }
        if let Some(completion) = self.next_direct() {
            return Some(completion);
        }
        loop {
            let Some(entry) = self.io.completion().next() else {
                self.recheck();
                return None;
            };
            self.counters.completions += 1;
            if let Some(completion) = self.complete(&entry) {
                return Some(completion);
            }
        }
    }

    fn arm_receive(&mut self, slot: u32) {
        let it = &mut self.slots[slot as usize];
        (it.began, it.restarting) = (true, false);
        it.group = it.turns.group();
        let entry = if self.features.has(Feature::MultishotReceive) && it.group == Group::Small {
            opcode::RecvMulti::new(types::Fixed(slot), it.group.id()).build()
        } else {
            let bytes = self.buffers[it.group.index()].buffer_bytes();
            opcode::Recv::new(types::Fixed(slot), std::ptr::null_mut(), bytes)
                .buf_group(it.group.id())
                .build()
                .flags(squeue::Flags::BUFFER_SELECT)
        };
        self.push(entry, Kind::Receive, slot);
    }

    fn arm_send(&mut self, slot: u32) {
        let in_flight = self.flights.get(self.slots[slot as usize].in_flight);
        let entry = in_flight.entry(types::Fixed(slot));
        self.push(entry, Kind::Send, slot);
    }

    /// Slots that wait for a buffer of this group receive again, as far as some are free.
    fn resume_receives(&mut self, group: Group) {
        let index = group.index();
        for _ in 0..self.buffers[index].resumable() {
            if let Some(slot) = self.buffers[index].next_waiting()
                && self.slots[slot as usize].receiving
            {
                self.arm_receive(slot);
            }
        }
    }

    fn cancel(&mut self, kind: Kind, index: u32) {
        let entry = opcode::AsyncCancel::new(encode(kind, index)).build().flags(squeue::Flags::SKIP_SUCCESS);
        // A receive that waits for a buffer is not with the kernel: it goes there first, so that it is completed.
        if kind == Kind::Receive && self.buffers.iter_mut().any(|it| it.stop_waiting(index)) {
            self.arm_receive(index);
        }
        self.push(entry, Kind::Cancel, index);
    }

    fn push(&mut self, entry: squeue::Entry, kind: Kind, index: u32) {
        self.queue_waiting();
        let entry = entry.user_data(encode(kind, index));
        // SAFETY: the entry points to memory owned by `self.slots`, `self.listeners`, `self.buffers`,
        // `self.wake_count` or `self.alarm`, all of which stay until the completion has been seen (`Drop` waits or leaks).
        // A sync points to no memory.
        while unsafe { self.io.submission().push(&entry) }.is_err() {
            // The queue is full: submit it early. If this fails, the next turn's enter reports the error
            // again.
            let _ = self.enter();
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            attached: false,
            receiving: false,
            stopping: false,
            turns: Turns::default(),
            group: Group::default(),
            began: false,
            restarting: false,
            socket: -1,
            in_flight: Flights::NONE,
            connecting: None,
        }
    }
}

impl Slot {
    const fn is_busy(&self) -> bool {
        self.receiving || self.in_flight != Flights::NONE || self.connecting.is_some()
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("features", &self.features).field("counters", &self.counters).finish()
    }
}

impl Drop for Ring {
    /// Cancels everything and waits until the kernel has released our memory; leaks what it has not.
    fn drop(&mut self) {
        self.listeners.clear();
        // Its descriptor may be another file by now; the ring has the socket.
        self.queue_waiting();
        let _ = self.io.submitter().register_sync_cancel(None, types::CancelBuilder::any());
        for _ in 0..DROP_TURNS {
            let idle = self.flights.len() == 0 && self.slots.iter().all(|it| it.connecting.is_none());
            if idle && !self.awaiting_wake {
                break;
            }
            let _ = self.enter();
            while self.next_completion().is_some() {}
        }
        if self.flights.len() > 0 {
            std::mem::forget(std::mem::take(&mut self.flights));
        }
        for it in &mut self.slots {
            std::mem::forget(it.connecting.take());
        }
        if self.awaiting_wake {
            std::mem::forget(std::mem::take(&mut self.wake_count));
        }
        self.buffers.iter().for_each(|it| it.unregister(&self.io));
    }
}

/// Locked memory of one ring, in bytes, where the kernel charges rings to RLIMIT_MEMLOCK.
pub fn locked_bytes(config: &RingConfig, features: Features) -> u64 {
    let has_array = !features.has(Feature::NoSqArray);
    region_bytes(config.entries, config.entries.saturating_mul(CQ_FACTOR), has_array)
        + Group::ALL.map(|it| pages(u64::from(it.sizes(config).0) * ENTRY_BYTES)).iter().sum::<u64>()
}

/// The memory of the receive buffers of one ring, in bytes.
pub fn buffer_bytes(config: &RingConfig) -> u64 {
    let sizes = Group::ALL.map(|it| it.sizes(config));
    sizes.iter().map(|(count, bytes)| u64::from(*count) * u64::from(*bytes)).sum()
}

/// Like [`locked_bytes`], for a ring of the kernel with queues of these lengths, without buffers.
pub(crate) fn region_bytes(submissions: u32, completions: u32, has_array: bool) -> u64 {
    let submissions = u64::from(submissions.min(SQ_MAX).next_power_of_two());
    let completions = u64::from(completions.min(CQ_MAX).next_power_of_two());
    // struct io_rings: heads, tails and counters, then the completions, then the index array of submissions.
    let rings = HEADER_BYTES + completions * CQE_BYTES + if has_array { submissions * 4 } else { 0 };
    pages(rings) + pages(submissions * SQE_BYTES)
}

/// Rounded up to whole pages, as the kernel charges.
fn pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(rustix::param::page_size() as u64)
}

/// The fewest entries that rings are shrunk to where locked memory is short. 4 times as many completions fit,
/// and the kernel keeps more.
pub const ENTRIES_MIN: u32 = 128;

/// Descriptors of one ring: its own, and its eventfd.
pub const DESCRIPTORS: usize = 2;

/// Completions that fit into a ring, per entry.
pub(crate) const CQ_FACTOR: u32 = 4;

/// The kernel's bounds (IORING_MAX_ENTRIES), and the sizes of the shared structures.
const SQ_MAX: u32 = 1 << 15;
const CQ_MAX: u32 = 1 << 16;
const HEADER_BYTES: u64 = 64;
const CQE_BYTES: u64 = 16;
const SQE_BYTES: u64 = 64;
const ENTRY_BYTES: u64 = size_of::<types::BufRingEntry>() as u64;

/// The size of a read from an eventfd.
const WAKE_BYTES: u32 = 8;

/// Turns in which `Drop` waits for the kernel to end cancelled operations.
const DROP_TURNS: usize = 1000;
