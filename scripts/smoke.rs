//! Starts the release binary, uses it as a client and an operator would, and stops it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{command, succeed};

/// Builds and runs `shardcast serve` on ports that the system chooses. Every wait has a time-out.
pub(crate) fn run(root: &Path) -> Result<()> {
    succeed(&mut command(root, "cargo build --release -p shardcast-cli"))?;
    exercise(&target_directory(root)?.join("release/shardcast"))
}

fn exercise(binary: &Path) -> Result<()> {
    let mut server = Server::start(binary)?;
    let ready = server.ready()?;
    let listener = address(&ready["listeners"][0]["addr"]).context("in `ready`: listeners[0].addr")?;
    let admin = address(&ready["admin"]).context("in `ready`: admin")?;

    heartbeat(listener).context("heartbeat")?;
    ensure!(get(admin, "/livez")?.0 == 200, "GET /livez did not return 200");
    ensure!(get(admin, "/readyz")?.0 == 200, "GET /readyz did not return 200");
    let (status, metrics) = get(admin, "/metrics")?;
    ensure!(status == 200, "GET /metrics returned {status}");
    ensure!(metrics.contains(METRIC), "GET /metrics has no {METRIC}:\n{metrics}");

    let status = server.stop()?;
    ensure!(status.success(), "after SIGTERM it ended with {status}");
    println!("smoke: heartbeat, admin and stop work on {listener}");
    Ok(())
}

/// The running binary; killed when dropped, so that it does not keep running after a failure.
struct Server {
    process: Child,
    lines: Receiver<String>,
}

impl Server {
    fn start(binary: &Path) -> Result<Self> {
        let mut serve = Command::new(binary);
        serve.args(["serve", "--shards", "1"]).stdout(Stdio::piped());
        serve.env("SHARDCAST_LISTENER__0__LISTEN", ANY_PORT).env("SHARDCAST_ADMIN__LISTEN", ANY_PORT);
        serve.env("SHARDCAST_SERVER__EPOCH_FILE", "");
        let mut process = serve.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let stdout = process.stdout.take().expect("stdout is piped");
        Ok(Self { process, lines: read_lines(stdout) })
    }

    /// The object after `ready `, in the first line that the server prints.
    fn ready(&mut self) -> Result<Value> {
        let line =
            self.lines.recv_timeout(START_MAX).context("it ended, or waited, without printing `ready`")?;
        let object = line.strip_prefix("ready ").with_context(|| format!("first line is {line:?}"))?;
        serde_json::from_str(object).with_context(|| format!("not JSON: {object}"))
    }

    /// Stops it, waits, and checks that it printed nothing but the one line.
    fn stop(mut self) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("SIGTERM")?;
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                if let Ok(line) = self.lines.recv_timeout(ANSWER_MAX) {
                    bail!("it printed more than one line: {line:?}");
                }
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("it still ran {STOP_MAX:?} after SIGTERM")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads on a thread, because a pipe has no time-out.
fn read_lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends the heartbeat of a Tars push client; the server of the guide sends it back.
fn heartbeat(listener: SocketAddr) -> Result<()> {
    let mut stream = connect(listener)?;
    stream.write_all(HEARTBEAT)?;
    let mut answer = [0; HEARTBEAT.len()];
    stream.read_exact(&mut answer)?;
    ensure!(answer == *HEARTBEAT, "sent {HEARTBEAT:02x?}, got {answer:02x?}");
    Ok(())
}

/// The status and body of a page.
fn get(admin: SocketAddr, page: &str) -> Result<(u16, String)> {
    let fetch = || -> Result<(u16, String)> {
        let mut stream = connect(admin)?;
        let request = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of the head")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, body.to_owned()))
    };
    fetch().with_context(|| format!("GET {page}"))
}

fn connect(peer: SocketAddr) -> Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&peer, ANSWER_MAX).with_context(|| format!("connect to {peer}"))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    Ok(stream)
}

fn address(value: &Value) -> Result<SocketAddr> {
    let text = value.as_str().context("not a string")?;
    text.parse().with_context(|| format!("not an address: {text}"))
}

fn target_directory(root: &Path) -> Result<PathBuf> {
    let output = command(root, "cargo metadata --no-deps --format-version 1").output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target directory")?.into())
}

const ANY_PORT: &str = "127.0.0.1:0";
const METRIC: &str = "shardcast_connections";
const START_MAX: Duration = Duration::from_secs(20);
const ANSWER_MAX: Duration = Duration::from_secs(5);
const STOP_MAX: Duration = Duration::from_secs(10);

/// Length 17, request id 1, `heartbeat`: recorded from the client of the Tars push guide.
const HEARTBEAT: &[u8; 17] = b"\x00\x00\x00\x11\x00\x00\x00\x01heartbeat";
