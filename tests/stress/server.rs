//! The server under test: a separate process, observed from outside.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::scenarios::{Failure, Outcome};

/// How to start the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Lines of `[limits]`.
    pub(crate) limits: String,
    /// Lines of `[server]`.
    pub(crate) server: String,
    /// Lines of `[admin]`.
    pub(crate) admin: String,
    /// Additional sections.
    pub(crate) sections: String,
    /// Additional listeners.
    pub(crate) listeners: String,
    /// Environment variables, which take precedence over the file.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// RLIMIT_NOFILE.
    pub(crate) descriptors: Option<u32>,
    /// The log level; `error` by default.
    pub(crate) log_level: Option<String>,
}

/// A running `shardcast serve`; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    config: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// What it printed when it was ready.
    ready: serde_json::Value,
}

/// The resources of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    pub(crate) descriptors: usize,
    pub(crate) resident_bytes: u64,
}

impl Server {
    pub(crate) fn start(setup: &Setup) -> Outcome<Self> {
        Self::start_logging(setup, Stdio::inherit())
    }

    /// As [`start`](Self::start), with the log in another place.
    pub(crate) fn start_logging(setup: &Setup, log: Stdio) -> Outcome<Self> {
        let mut program = std::env::current_exe()?;
        program.set_file_name("shardcast");
        let number = crate::random::seed_of_the_clock();
        let config =
            std::env::temp_dir().join(format!("shardcast-stress-{}-{number}.toml", std::process::id()));
        let text = format!(
            "[server]\nshards = 2\nspin = \"0\"\nepoch_file = \"\"\n{}\n[limits]\n{}\n[admin]\nlisten = \"127.0.0.1:0\"\n{}\n[log]\nlevel = \"{}\"\n{}\n\
             [[listener]]\nname = \"push\"\nlisten = \"127.0.0.1:0\"\n[listener.push]\ninterval = \"0s\"\n{}",
            setup.server,
            setup.limits,
            setup.admin,
            setup.log_level.as_deref().unwrap_or("error"),
            setup.sections,
            setup.listeners
        );
        fs::write(&config, text)?;
        let limit = setup.descriptors.map_or_else(String::new, |count| format!("ulimit -n {count}; "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limit}exec \"$0\" serve --config \"$1\"")]).arg(program).arg(&config);
        shell.envs(setup.environment.iter().map(|(name, value)| (name, value)));
        let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let ready =
            line.strip_prefix("ready ").and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
        let address = |value: &serde_json::Value| value.as_str().and_then(|it| it.parse().ok());
        let found =
            ready.and_then(|it| Some((address(&it["listeners"][0]["addr"])?, address(&it["admin"])?, it)));
        let Some((address, admin, ready)) = found else {
            let _ = child.kill();
            return Err(Failure(format!("the server did not start: `{line}`")));
        };
        Ok(Self { child, config, address, admin, ready })
    }

    /// The address of the listener with this name.
    pub(crate) fn address_of(&self, name: &str) -> Outcome<SocketAddr> {
        let listeners = self.ready["listeners"].as_array().into_iter().flatten();
        let mut named =
            listeners.filter(|it| it["name"] == name).filter_map(|it| it["addr"].as_str()?.parse().ok());
        named.next().ok_or_else(|| Failure(format!("no listener `{name}` in {}", self.ready)))
    }

    pub(crate) fn footprint(&self) -> Footprint {
        let pid = self.child.id();
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Footprint { descriptors, resident_bytes: shardcast_load::process::resident_bytes(pid) }
    }

    /// The most memory that was ever resident.
    pub(crate) fn peak_resident_bytes(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| Failure("the system reports no peak of resident memory".into()))
    }

    /// The file of the configuration, which a scenario may change.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// The sum of all samples of the metric `name` whose labels contain all of `labels`, each written `key="value"`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> Outcome<u64> {
        let page = self.get("/metrics")?;
        let mut sum = None;
        for line in page.lines() {
            let Some((head, value)) = line.rsplit_once(' ') else { continue };
            let (metric, rest) = head.split_once('{').unwrap_or((head, ""));
            if metric == name && labels.iter().all(|label| rest.contains(label)) {
                sum = Some(sum.unwrap_or(0.0) + value.parse::<f64>()?);
            }
        }
        sum.map(|sum| sum as u64).ok_or_else(|| Failure(format!("no metric {name} with {labels:?}")))
    }

    /// The body of an admin page.
    pub(crate) fn get(&self, path: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.ok_or_else(|| Failure(format!("no response from {path}")))
    }

    /// Waits until the metric has this value.
    pub(crate) fn eventually_metric(&self, name: &str, labels: &[&str], expected: u64) -> Outcome<()> {
        self.eventually(|server| {
            let observed = server.metric(name, labels)?;
            Ok((observed != expected).then(|| format!("{name}: expected {expected}, observed {observed}")))
        })
    }

    /// Waits until `holds` returns `None`; fails with its last message at the deadline.
    pub(crate) fn eventually(&self, mut holds: impl FnMut(&Self) -> Outcome<Option<String>>) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match holds(self)? {
                None => return Ok(()),
                Some(what) if Instant::now() > deadline => return Err(Failure(what)),
                Some(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops all its threads in whatever they do, until the next `SIGCONT`.
    pub(crate) fn suspend(&self) -> Outcome<()> {
        self.signal(Signal::STOP);
        let is_stopped = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:\tT"))
        };
        let deadline = Instant::now() + PATIENCE;
        while !fs::read_dir(format!("/proc/{}/task", self.child.id()))?.flatten().all(is_stopped) {
            if Instant::now() > deadline {
                return Err(Failure("the server does not stop at SIGSTOP".into()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits for its end, at most for `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(Failure(format!("the server did not end within {limit:?}")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}

/// The longest time that an expected event may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
