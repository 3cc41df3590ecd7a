//! A log that cannot be written or is not read, at every level, while peers cause lines: the server serves, responds to
//! its operators, counts dropped lines, reports them when it can write again, and ends on request.

use std::{
    fs::File,
    io::{PipeReader, Read as _, Write as _, pipe},
    net::TcpStream,
    os::fd::OwnedFd,
    process::Stdio,
    thread,
};

use rustix::{
    fs::{Mode, OFlags},
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use super::{Failure, Outcome, Trial, same};
use crate::{
    control::Control,
    peer::Peer,
    server::{PATIENCE, Server, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let mut notes = Vec::new();
    for (name, destination) in DESTINATIONS {
        for level in ["info", "trace"] {
            let lost = one(trial, destination, level)
                .map_err(|failure| Failure(format!("{name}, level {level}: {failure}")))?;
            notes.push(format!("{name} {lost}"));
        }
    }
    Ok(format!("lines lost at info and at trace: {}", notes.join(", ")))
}

/// Where the log goes, and the end of it that can be read.
type Destination = fn() -> Outcome<(Stdio, Option<PipeReader>)>;

const DESTINATIONS: [(&str, Destination); 4] = [
    ("full disk", || Ok((File::options().write(true).open("/dev/full")?.into(), None))),
    ("no reader", || Ok((pipe()?.1.into(), None))),
    ("stuck reader", || pipe().map(|(reader, writer)| (writer.into(), Some(reader))).map_err(Into::into)),
    ("no terminal", || Ok((terminal_that_is_gone()?.into(), None))),
];

fn one(trial: &mut Trial, destination: Destination, level: &str) -> Outcome<u64> {
    let (log, reader) = destination()?;
    let setup = Setup { log_level: Some(level.to_owned()), ..Setup::default() };
    let mut server = Server::start_logging(&setup, log)?;
    let control = Control::start(server.address)?;
    // More than the capacity of a pipe and of the log's queue, in the long form.
    for _ in 0..trial.size(LINES) {
        let mut peer = Peer::connect(server.address)?;
        // A frame that is shorter than its header.
        peer.write(&[0; 8])?;
        same("the peer is cut off", true, peer.ends_within(PATIENCE)?)?;
        peer.reset();
    }
    for _ in 0..ACTIONS {
        same("an action without the right", true, forbidden(&server)?)?;
    }
    for _ in 0..ACTIONS {
        // The configuration has not changed, which causes a line.
        server.signal(Signal::HUP);
        thread::sleep(std::time::Duration::from_millis(1));
    }
    control.end()?;
    let lost = server.metric("shardcast_log_lines_dropped_total", &[])?;
    match reader {
        None => same("lines that could not be written are counted", true, lost > 0)?,
        Some(reader) => {
            let read = thread::spawn(move || read_all(reader));
            server.signal(Signal::TERM);
            same("exit code", Some(0), server.wait(PATIENCE)?.code())?;
            let text = read.join().map_err(|_| Failure("the reader panicked".into()))??;
            same(
                "the count is reported when the log is read again",
                lost > 0,
                text.contains("log lines were dropped"),
            )?;
            let last = text.lines().last().unwrap_or_default();
            same("the last line has the reason", true, last.contains("stopped") && last.contains("SIGTERM"))?;
            return Ok(lost);
        }
    }
    server.signal(Signal::TERM);
    same("exit code", Some(0), server.wait(PATIENCE)?.code())?;
    Ok(lost)
}

/// Sends a request that only operators may send; whether it is refused.
fn forbidden(server: &Server) -> Outcome<bool> {
    let mut stream = TcpStream::connect(server.admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /drain HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        server.admin
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 403"))
}

fn read_all(mut reader: PipeReader) -> Outcome<String> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The program's end of a terminal whose window was closed: writing there fails.
fn terminal_that_is_gone() -> Outcome<OwnedFd> {
    let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&window)?;
    unlockpt(&window)?;
    let name = ptsname(&window, Vec::new())?;
    Ok(rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?)
}

/// Connections that each cause a line at `debug`; the queue of the log holds 16,384.
const LINES: u32 = 20_000;

/// Actions that are refused, and readings of the configuration.
const ACTIONS: u32 = 20;
