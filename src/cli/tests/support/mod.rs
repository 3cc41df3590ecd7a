//! A server of the built binary, on free ports and in its own folder.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with},
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;

pub(crate) struct Server {
    child: Child,
    listen: SocketAddr,
    admin: Option<SocketAddr>,
    /// Where its Unix socket is, and where its operators look for it.
    runtime: TempDir,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts `serve` with these variables, and waits until it is ready.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(&[], variables)
    }

    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let runtime = folder();
        let mut command = shardcast(&["serve", "--shards", "2", "--cpus", "none"]);
        command.args(arguments);
        command.env("SHARDCAST_SERVER__SPIN", "0").env("XDG_RUNTIME_DIR", runtime.path());
        command.env("SHARDCAST_SERVER__EPOCH_FILE", "");
        if !arguments.contains(&"--config") {
            command.env("SHARDCAST_LISTENER__0__LISTEN", "127.0.0.1:0");
            command.env("SHARDCAST_ADMIN__LISTEN", "127.0.0.1:0");
        }
        command.envs(variables.iter().copied());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = gather(child.stderr.take().expect("piped"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let Some(ready) = line.strip_prefix("ready ") else {
            thread::sleep(Duration::from_millis(100));
            panic!("not ready: {}", log.lock().expect("no panic"));
        };
        let ready: serde_json::Value = serde_json::from_str(ready).expect("JSON");
        let address = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse().ok());
        let listen = address(&ready["listeners"][0]["addr"]).expect("an address");
        Self { child, listen, admin: address(&ready["admin"]), runtime, log }
    }

    /// A client that has received a response.
    pub(crate) fn client(&self) -> TcpStream {
        let mut stream = self.connect();
        echo(&mut stream);
        stream
    }

    /// The output of a command that succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The exit code and the error of a command that fails.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().expect("no signal"), stderr)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it is ours");
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it was started")
    }

    /// Stops it, and returns its log.
    pub(crate) fn stop_and_read_log(self) -> String {
        self.signal(Signal::TERM);
        let is_last = |log: &str| log.lines().last().is_some_and(|line| line.contains("stopped"));
        eventually(|| is_last(&self.log()));
        let log = self.log();
        assert_eq!(self.wait().code(), Some(0), "{log}");
        log
    }

    /// The address of its listener.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.listen).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream
    }

    /// As [`connect`](Self::connect), from a port that is chosen before.
    pub(crate) fn connect_from(&self, is_wanted: impl Fn(u16) -> bool) -> TcpStream {
        let first = 10_000 + std::process::id() % 10_000;
        for port in (first..).map_while(|port| u16::try_from(port).ok()).filter(|port| is_wanted(*port)) {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
            let socket = socket.expect("a descriptor");
            if bind(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
                connect(&socket, &self.listen).expect("it listens");
                let stream = TcpStream::from(socket);
                stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
                return stream;
            }
        }
        panic!("all ports are taken")
    }

    pub(crate) fn admin_address(&self) -> String {
        self.admin.expect("it has an admin address").to_string()
    }

    /// The folder of its socket.
    pub(crate) fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// The value of a sample of `/metrics`.
    pub(crate) fn metric(&self, sample: &str) -> String {
        let page = get(self.admin.expect("it has an admin address"), "/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(sample));
        line.unwrap_or_else(|| panic!("no {sample} in {page}")).trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = shardcast(arguments);
        if let Some(admin) = self.admin {
            command.args(["--admin", &admin.to_string()]);
        }
        command.env("XDG_RUNTIME_DIR", self.runtime.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, in an environment without Shardcast variables.
pub(crate) fn shardcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SHARDCAST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Sends a request and reads the response, which has the same bytes. Pushes that come before it are skipped.
#[track_caller]
pub(crate) fn echo(stream: &mut TcpStream) {
    let request = [0, 0, 0, 13, 0, 0, 0, 1, b'h', b'e', b'l', b'l', b'o'];
    stream.write_all(&request).expect("it is read");
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).expect("a response");
        let mut body = vec![0; usize::from(head[3]) - 8];
        stream.read_exact(&mut body).expect("a response");
        if head[..] == request[..8] {
            return assert_eq!(body, request[8..]);
        }
    }
}

/// The same output as `curl -s`.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it is read");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it responds");
    response.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

/// Waits until `done` returns true, which only a hang prevents.
#[track_caller]
pub(crate) fn eventually(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "still not so");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An empty folder with a short path, so that sockets fit.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder of our own")
}

/// Reads the whole log, so that the writer never waits.
fn gather(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let gathered = Arc::clone(&log);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut gathered = gathered.lock().expect("no panic");
            gathered.push_str(&line);
            gathered.push('\n');
        }
    });
    log
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a place for the test");
    path
}

/// Only a hang takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
