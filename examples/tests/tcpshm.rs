//! The echo examples of tcpshm, also while either of them is killed at any time.
#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    env, fmt,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn each_message_comes_back_once() {
    for flags in [
        &[][..],
        &["--name-size", "32", "--login-user-bytes", "8", "--login-rsp-user-bytes", "32", "--big-endian"],
        &["--login-user-bytes", "4", "--login-user-align", "1", "--tcp-queue-bytes", "500"],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), "127.0.0.1:0", flags);
        for more in [&["--count", "2000"][..], &["--count", "200", "--slow"]] {
            let output = client(folder.path(), &server.address, &[flags, more].concat()).output();
            let result = result(&output.expect("it was built"));
            assert_eq!(result["sent"], more[1].parse::<u64>().expect("a number"), "{flags:?}");
            assert_eq!((result["received"], result["lost"], result["duplicated"]), (result["sent"], 0, 0));
            assert!(result["avg_rtt_ns"] > 0);
        }
        server.end();
    }
}

#[test]
fn a_client_with_another_geometry_is_not_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), "127.0.0.1:0", &[]);
    let mut child = client(folder.path(), &server.address, &["--name-size", "32", "--count", "1"]);
    let mut child = child.stdout(Stdio::null()).spawn().expect("it was built");
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("a child").is_none(), "it tries again");
    kill(&mut child);
    server.end();
}

/// 60 kills; `cargo xtask storm` asks for more.
#[test]
fn kills_at_any_time_lose_nothing_and_change_no_order() {
    let number = |name| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let kills = number("SHARDCAST_STORM_KILLS").unwrap_or(60);
    let seed = number("SHARDCAST_STORM_SEED").unwrap_or(0x5eed);
    let storm = Storm::run(kills, seed, &[]);
    // Shown by the long form.
    let shown = writeln!(io::stdout(), "{storm}");
    shown.expect("there is an output");
    storm.check();
}

#[test]
fn kills_lose_nothing_in_the_modes_that_survive_a_power_loss() {
    for mode in ["batch", "fsync"] {
        // With more on the way than by default, since each message waits for two syncs.
        Storm::run(18, 0x5eed, &["--durability", mode, "--tcp-queue-bytes", "200000"]).check();
    }
}

/// What a client has seen while it and its server were killed.
#[derive(Debug, Default)]
struct Storm {
    seed: u64,
    kills: u64,
    /// Messages that have come back.
    messages: u64,
    lost: u64,
    reordered: u64,
    duplicated: u64,
    disconnected: u64,
}

impl Storm {
    /// Kills the server, or the client, or both, after random times.
    fn run(kills: u64, seed: u64, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut random = Random(seed.max(1));
        let mut server = Server::start(folder.path(), &address, flags);
        let log = folder.path().join("log");
        let endless = || {
            let log = File::options().create(true).append(true).open(&log).expect("a file");
            let mut client = client(folder.path(), &address, &[flags, &["--count", "1000000000"]].concat());
            client.stdout(Stdio::null()).stderr(log).spawn().expect("it was built")
        };
        let mut running = endless();
        let mut storm = Self { seed, ..Self::default() };
        while storm.kills < kills {
            thread::sleep(Duration::from_millis(20 + random.next() % 150));
            let ended = running.try_wait().expect("a child");
            assert!(ended.is_none(), "seed {seed}: the client found a fault before kill {}", storm.kills);
            let victims = random.next() % 8;
            let [kill_server, kill_client] = [victims < 4, victims >= 3];
            if kill_server {
                kill(&mut server.child);
            }
            if kill_client {
                kill(&mut running);
            }
            storm.kills += u64::from(kill_server) + u64::from(kill_client);
            if kill_server {
                server = Server::start(folder.path(), &address, flags);
            }
            if kill_client {
                running = endless();
            }
        }
        kill(&mut running);
        let last = &[flags, &["--count", "100"]].concat();
        let output = client(folder.path(), &address, last).output().expect("it was built");
        let result = result(&output);
        assert_eq!((result["sent"], result["lost"], result["reordered"]), (100, 0, 0), "seed {seed}");
        server.end();
        let expected = fs::read(folder.path().join("client/client.expected")).expect("the client counts");
        storm.messages = u64::from_le_bytes(expected.try_into().expect("a number"));
        storm.read(&fs::read_to_string(log).expect("a text"));
        storm
    }

    fn check(&self) {
        assert_eq!((self.lost, self.reordered), (0, 0), "{self}");
        // Each kill may repeat the message that was being handled.
        assert!(self.duplicated <= self.kills, "{self}");
        assert!(
            self.disconnected >= self.kills / 10,
            "the server was killed while the client was connected: {self}"
        );
    }

    /// Counts the notes of the client.
    fn read(&mut self, log: &str) {
        let count = |what| log.lines().filter(|line| line.contains(what)).count() as u64;
        self.reordered = count("wrong body");
        self.duplicated = count("came again");
        self.disconnected = count("disconnected");
        for line in log.lines().filter(|line| line.ends_with("are missing")) {
            let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [first, last] = numbers[..] else { panic!("{line}") };
            self.lost += last - first + 1;
        }
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, kills, messages, lost, reordered, duplicated, disconnected } = self;
        write!(
            f,
            "storm: seed {seed} kills {kills} messages {messages} lost {lost} reordered {reordered} \
             duplicated {duplicated} disconnected {disconnected}"
        )
    }
}

#[test]
fn the_notes_of_a_client_are_counted() {
    let mut storm = Storm::default();
    storm.read(
        "disconnected: reset\nmessages 5 to 7 are missing\nmessage 3 came again\na message has a wrong body\n\
         messages 9 to 9 are missing\nmessage 4 came again\n",
    );
    assert_eq!((storm.lost, storm.reordered, storm.duplicated, storm.disconnected), (4, 1, 2, 1));
}

/// The numbers of the line with which a client ends.
fn result(output: &Output) -> HashMap<String, u64> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().last().expect("a line").to_owned();
    let words: Vec<_> = line.split(' ').collect();
    words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().expect("a number"))).collect()
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts, until it is ready. The folder may be in use by one that was just killed.
    fn start(folder: &Path, address: &str, flags: &[&str]) -> Self {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut command = example("tcpshm_echo_server");
            command
                .args(["--listen", address, "--shards", "1", "--dir"])
                .arg(folder.join("server"))
                .args(flags);
            let mut child =
                command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it was built");
            let mut line = String::new();
            let stdout = child.stdout.take().expect("it is piped");
            BufReader::new(stdout).read_line(&mut line).expect("a line");
            if let Some(address) = line.trim().strip_prefix("ready ") {
                return Self { child, address: address.to_owned() };
            }
            assert!(Instant::now() < until, "it does not start");
            kill(&mut child);
        }
    }

    fn end(mut self) {
        kill_process(pid(&self.child), Signal::TERM).expect("it runs");
        assert_eq!(self.child.wait().expect("a child").code(), Some(0));
    }
}

fn client(folder: &Path, address: &str, flags: &[&str]) -> Command {
    let mut command = example("tcpshm_echo_client");
    command.args(["--connect", address, "--dir"]).arg(folder.join("client")).args(flags);
    command.stderr(Stdio::null());
    command
}

fn kill(child: &mut Child) {
    // It may have ended.
    let _ = child.kill();
    child.wait().expect("a child");
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").to_string()
}

/// An example, which was built with this test.
fn example(name: &str) -> Command {
    let mut path = env::current_exe().expect("a path");
    path.pop();
    path.pop();
    Command::new(path.join("examples").join(name))
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
