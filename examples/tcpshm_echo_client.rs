//! Sends numbered messages, and checks that each comes back once and in order.
//!
//! Watch: kill the server while this runs, and start it again: nothing is lost. Kill this, and start it again: it goes on
//! with the next number.
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use shardcast::tcpshm::{Client, ClientError, ClientEvent, ClientOptions, LoginError};
use shardcast_examples::{
    Failure, note, say,
    tcpshm::{GeometryArgs, Mode},
};

#[derive(Parser)]
struct Args {
    /// Address of the server.
    #[arg(long, default_value = "127.0.0.1:12345")]
    connect: String,
    /// Name of the client.
    #[arg(long, default_value = "client")]
    name: String,
    /// Folder of its files.
    #[arg(long, default_value = "client")]
    dir: PathBuf,
    /// Messages to send.
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// Send the next message when the last echo has come.
    #[arg(long)]
    slow: bool,
    /// What kept messages survive.
    #[arg(long, value_enum, default_value_t = Mode::Process)]
    durability: Mode,
    #[command(flatten)]
    geometry: GeometryArgs,
}

/// Message `index` has this type, and as many consecutive numbers.
const fn type_of(index: u64) -> u16 {
    (index % 4) as u16 + 1
}

/// The first number of a message: types 1 to 4 have 10 numbers together.
const fn number_of(index: u64) -> u64 {
    index / 4 * 10 + [0, 1, 3, 6][(index % 4) as usize]
}

fn encode(index: u64, body: &mut Vec<u8>) {
    body.clear();
    for number in 0..u64::from(type_of(index)) {
        // The counter is one of 32 bits.
        body.extend_from_slice(&((number_of(index) + number) as u32).to_le_bytes());
    }
}

/// What has come back.
struct Checked {
    /// The message that is expected next: also in a file, before it is consumed.
    expected: u64,
    file: File,
    received: u64,
    missing: BTreeSet<u64>,
    duplicated: u64,
    reordered: u64,
    sent_at: VecDeque<(u64, Instant)>,
    rtt: Duration,
    timed: u32,
}

impl Checked {
    fn load(folder: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{name}.expected"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut expected = [0; 8];
        // There is nothing in a new file.
        let _ = file.read_exact_at(&mut expected, 0);
        Ok(Self {
            expected: u64::from_le_bytes(expected),
            file,
            received: 0,
            missing: BTreeSet::new(),
            duplicated: 0,
            reordered: 0,
            sent_at: VecDeque::new(),
            rtt: Duration::ZERO,
            timed: 0,
        })
    }

    fn save(&self) {
        if let Err(error) = self.file.write_all_at(&self.expected.to_le_bytes(), 0) {
            note(error);
        }
    }

    fn take(&mut self, message_type: u16, body: &[u8]) {
        let mut expected = Vec::new();
        encode(self.expected, &mut expected);
        if (message_type, body) == (type_of(self.expected), &*expected) {
            self.expected += 1;
            self.received += 1;
            return self.time();
        }
        let Some(index) = index_of(message_type, body, self.expected) else {
            self.reordered += 1;
            return note("a message has a wrong body");
        };
        if self.missing.remove(&index) {
            (self.reordered, self.received) = (self.reordered + 1, self.received + 1);
        } else if index < self.expected {
            self.duplicated += 1;
            note(format_args!("message {index} came again"));
        } else {
            note(format_args!("messages {} to {} are missing", self.expected, index - 1));
            self.missing.extend(self.expected..index);
            (self.expected, self.received) = (index + 1, self.received + 1);
        }
    }

    fn time(&mut self) {
        while let Some((index, sent)) = self.sent_at.front().copied()
            && index < self.expected
        {
            if index + 1 == self.expected {
                (self.rtt, self.timed) = (self.rtt + sent.elapsed(), self.timed + 1);
            }
            self.sent_at.pop_front();
        }
    }
}

/// The message near `near` with this content.
fn index_of(message_type: u16, body: &[u8], near: u64) -> Option<u64> {
    let first = u32::from_le_bytes(*body.first_chunk()?);
    let distance = first.wrapping_sub(number_of(near) as u32) as i32;
    let number = number_of(near).checked_add_signed(distance.into())?;
    let index = number / 10 * 4 + u64::from(message_type.checked_sub(1)?);
    let mut expected = Vec::new();
    encode(index, &mut expected);
    (type_of(index) == message_type && expected == body).then_some(index)
}

fn main() -> Result<ExitCode, Failure> {
    let Args { connect, name, dir, count, slow, durability, geometry } = Args::parse();
    let mut options = ClientOptions::new(dir);
    options.geometry = geometry.geometry()?;
    options.files.durability = durability.into();
    options.unacknowledged_bytes_max = geometry.tcp_queue_bytes.unwrap_or(2000);
    options.reconnect_max = Duration::from_secs(1);
    let mut checked = Checked::load(&options.directory, &name)?;
    let mut client = Client::open(&name, connect, options)?;

    // In a run that goes on where another one has ended, the sequence numbers tell which message is sent next.
    let mut refused = None;
    while !client.is_logged_on() && refused.is_none() {
        poll(&mut client, &mut checked, &mut refused);
        client.wait(Duration::from_secs(1));
    }
    let first = client.handle().next_sequence();
    let mut next = first;
    let (mut body, mut idle) = (Vec::new(), 0);
    while refused.is_none() && checked.expected < first + count {
        while next < first + count && (!slow || next == checked.expected) {
            encode(next, &mut body);
            match client.push_more(type_of(next), &body) {
                Ok(_) => {}
                // It waits for the server.
                Err(ClientError::Send(error)) if error.is_temporary() => break,
                Err(error) => return Err(error.into()),
            }
            checked.sent_at.push_back((next, Instant::now()));
            next += 1;
            if next % BATCH == 0 {
                break;
            }
        }
        client.flush();
        let before = checked.received;
        poll(&mut client, &mut checked, &mut refused);
        idle = if checked.received == before { idle + 1 } else { 0 };
        if idle > POLLS {
            client.wait(Duration::from_millis(10));
        }
    }
    if let Some(text) = refused {
        say(text);
        return Ok(ExitCode::FAILURE);
    }

    let Checked { expected, missing, duplicated, reordered, rtt, timed, .. } = checked;
    let (sent, lost) = (next - first, missing.len() as u64);
    let received = expected.saturating_sub(first + lost);
    let avg_rtt_ns = rtt.checked_div(timed).unwrap_or_default().as_nanos();
    say(format_args!(
        "sent {sent} received {received} lost {lost} duplicated {duplicated} reordered {reordered} avg_rtt_ns {avg_rtt_ns}"
    ));
    Ok(if lost == 0 && reordered == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does the I/O of the client; `refused` is set if the server will never accept it.
fn poll(client: &mut Client, checked: &mut Checked, refused: &mut Option<String>) {
    client.poll(|_, event| match event {
        ClientEvent::Message(message) => {
            checked.take(message.message_type(), message.body());
            checked.save();
            message.pop();
        }
        ClientEvent::LoginFailed(LoginError::Refused { text, .. }) if text.starts_with("Already log") => {
            // The server has not noticed the end of an earlier connection yet.
            note(format_args!("refused: {text}; it tries again"));
        }
        ClientEvent::LoginFailed(error) => *refused = Some(error.to_string()),
        ClientEvent::Disconnected(why) => note(format_args!("disconnected: {why}")),
        _ => {}
    });
}

/// Messages that are sent together.
const BATCH: u64 = 64;

/// It polls so often, which takes less than waking up, before it sleeps.
const POLLS: u32 = 200;
