//! Readiness for threads that are not shards: many sockets of one thread ([`Poller`]), or one socket and a
//! wake-up ([`wait`]).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd},
    io::Errno,
};

/// The events to wait for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Interest {
    /// There is data to receive, or the peer has ended its side.
    pub receive: bool,
    /// There is room to send, or connecting has ended.
    pub send: bool,
}

/// Sockets by token. Each is reported once after it was armed (EPOLLONESHOT), so that the thread that gets it
/// owns it until it arms it again.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    wakeup: Wakeup,
}

impl Poller {
    /// Creates a poller without sockets.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn new() -> io::Result<Self> {
        let (epoll, wakeup) = (epoll::create(epoll::CreateFlags::CLOEXEC)?, Wakeup::new()?);
        epoll::add(&epoll, &wakeup.0, epoll::EventData::new_u64(WAKEUP), epoll::EventFlags::IN)?;
        Ok(Self { epoll, wakeup })
    }

    /// Adds a socket, armed for no event. Closing the socket removes it.
    ///
    /// # Errors
    /// As `epoll_ctl`.
    ///
    /// # Panics
    /// `token` is `u64::MAX`.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        assert_ne!(token, WAKEUP, "it has another meaning");
        let flags = epoll::EventFlags::ONESHOT;
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token), flags)?)
    }

    /// Reports the socket once when it is ready. A socket that is armed for no event may still be reported
    /// after an error.
    ///
    /// # Errors
    /// As `epoll_ctl`.
    pub fn arm(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let mut flags = epoll::EventFlags::ONESHOT;
        flags.set(epoll::EventFlags::IN, interest.receive);
        flags.set(epoll::EventFlags::OUT, interest.send);
        Ok(epoll::modify(&self.epoll, socket, epoll::EventData::new_u64(token), flags)?)
    }

    /// Waits for sockets that are ready, for a wake-up, or for the time to pass; appends the tokens.
    ///
    /// # Errors
    /// As `epoll_wait`.
    pub fn wait(&self, tokens: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.map(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            match event.data.u64() {
                WAKEUP => self.wakeup.clear(),
                token => tokens.push(token),
            }
        }
        Ok(())
    }

    /// Ends a [`wait`](Self::wait), the current one or the next.
    pub fn wake(&self) {
        self.wakeup.wake();
    }
}

/// Ends the wait of one thread (eventfd).
#[derive(Debug)]
pub struct Wakeup(OwnedFd);

impl Wakeup {
    /// Creates one that is not raised.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Ends a [`wait`], the current one or the next.
    pub fn wake(&self) {
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

/// Waits until `socket`, if there is one, is ready, or `wakeup` was used, or the time has passed.
///
/// # Errors
/// As `ppoll`.
pub fn wait(
    socket: Option<(&OwnedFd, Interest)>,
    wakeup: &Wakeup,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let timeout = timeout.map(timespec);
    let woken = PollFd::new(&wakeup.0, PollFlags::IN);
    let is_woken = match socket {
        Some((socket, interest)) => {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, interest.receive);
            flags.set(PollFlags::OUT, interest.send);
            poll([PollFd::new(socket, flags), woken], timeout)?
        }
        None => poll([woken], timeout)?,
    };
    if is_woken {
        wakeup.clear();
    }
    Ok(())
}

/// Whether the last one is ready.
fn poll<const N: usize>(mut sockets: [PollFd<'_>; N], timeout: Option<Timespec>) -> io::Result<bool> {
    match rustix::event::poll(&mut sockets, timeout.as_ref()) {
        Ok(_) => Ok(sockets.last().is_some_and(|it| !it.revents().is_empty())),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn timespec(duration: Duration) -> Timespec {
    // Longer than every wait, and within the type.
    let duration = duration.min(Duration::from_secs(u32::MAX.into()));
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}

/// The token of the wake-up.
const WAKEUP: u64 = u64::MAX;

/// Sockets reported at once; the others follow in the next call.
const EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixStream};

    use super::*;

    const RECEIVE: Interest = Interest { receive: true, send: false };

    fn waits(poller: &Poller) -> Vec<u64> {
        let mut tokens = Vec::new();
        poller.wait(&mut tokens, Some(Duration::ZERO)).expect("it waits");
        tokens
    }

    #[test]
    fn a_socket_is_reported_once_after_it_was_armed() {
        let poller = Poller::new().expect("descriptors");
        let (here, mut there) = UnixStream::pair().expect("descriptors");
        poller.add(&here, 7).expect("a new one");
        there.write_all(b"x").expect("room");
        assert_eq!(waits(&poller), [], "it is armed for nothing");
        for _ in 0..2 {
            poller.arm(&here, 7, RECEIVE).expect("a known one");
            assert_eq!((waits(&poller), waits(&poller)), (vec![7], vec![]));
        }
        poller.arm(&here, 7, RECEIVE).expect("a known one");
        drop(here);
        assert_eq!(waits(&poller), [], "it left");
    }

    #[test]
    fn a_wake_up_ends_one_wait() {
        let poller = Poller::new().expect("descriptors");
        poller.wake();
        poller.wake();
        let mut tokens = Vec::new();
        poller.wait(&mut tokens, None).expect("it waits");
        assert_eq!(tokens, []);
        let wakeup = Wakeup::new().expect("a descriptor");
        wakeup.wake();
        wait(None, &wakeup, None).expect("it waits");
        wait(None, &wakeup, Some(Duration::from_millis(1))).expect("it was cleared");
        let (here, _there) = UnixStream::pair().expect("descriptors");
        wakeup.wake();
        wait(Some((&here.into(), RECEIVE)), &wakeup, None).expect("it waits");
    }
}
