//! How `serve` starts with low limits or a port in use, and what it costs while it is idle: the built
//! binary, from outside.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::getuid;
use shardcast_os::{
    needs::{self, Charge},
    ring::{ENTRIES_MIN, Features, Ring, RingConfig},
};

#[test]
fn too_few_descriptors_are_reported_and_end_the_start() {
    let mut refused = 0;
    for files in (6..40).chain([17; 8]) {
        match start(&mut serve(&format!("ulimit -n {files}"), 2)) {
            Started::Ready(_) => assert!(files > 20, "{files} descriptors cannot be enough"),
            Started::Ended(Some(1), stderr) => {
                let names_it = stderr.contains("Too many open files") || stderr.contains("RLIMIT_NOFILE");
                assert!(names_it, "{files}: {stderr}");
                refused += 1;
            }
            // So few that not even libraries can be loaded.
            Started::Ended(Some(127), _) => {}
            Started::Ended(code, stderr) => panic!("{files}: {code:?} {stderr}"),
        }
    }
    assert!(refused > 15, "{refused} starts were refused");
}

#[test]
fn serve_and_doctor_agree_on_locked_memory() {
    let features = Ring::new(&RingConfig::default().probe()).expect("io_uring works here").features();
    let need = |entries, charge| {
        let ring = RingConfig { entries, ..RingConfig::default() };
        needs::locked_bytes(2, &ring, features, charge) / 1024
    };
    // The user of this test may be exempt; if it is root, the servers run as another user, which is not.
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let charge =
        if getuid().is_root() { Charge::of(&release, "CapEff: 0", "0 0 4294967295") } else { Charge::here() };
    let (usual, least) = (need(RingConfig::default().entries, charge), need(ENTRIES_MIN, charge));
    for (kib, serves, shrinks, verdict) in [
        (usual, true, false, "ok"),
        (usual - 1, true, true, "warning"),
        (least, true, true, "warning"),
        (least - 1, false, false, "failure"),
    ] {
        if charge == Charge::Nothing && (shrinks || kib >= usual) {
            continue;
        }
        let limit = format!("ulimit -l {kib}");
        match start(&mut alone(serve(&limit, 2))) {
            Started::Ready(mut server) => {
                assert!(serves, "{kib} KiB are enough");
                let log = server.end();
                assert_eq!(log.contains("rings are smaller than usual"), shrinks, "{kib} KiB: {log}");
            }
            Started::Ended(code, stderr) => {
                assert!(!serves, "{kib} KiB: {code:?} {stderr}");
                assert!(stderr.contains(&format!("{least} KiB are needed")), "{kib} KiB: {stderr}");
            }
        }
        let mut doctor = alone(shell(&limit, "doctor --json --shards 2 --cpus none"));
        let found: serde_json::Value =
            serde_json::from_slice(&doctor.output().expect("it runs").stdout).expect("JSON");
        let finding = found.as_array().and_then(|all| all.iter().find(|it| it["condition"] == "memlock"));
        assert_eq!(finding.expect("it was looked at")["severity"], verdict, "{kib} KiB: {found}");
    }
    assert_eq!(features.minus(Features::ALL), Features::NONE);
}

#[test]
fn serve_and_doctor_agree_on_the_bound_of_memory() {
    let doctor = |limit: &str, max: &str| {
        let mut command = shell(limit, "doctor --json --shards 2 --cpus none");
        let output = command.env("SHARDCAST_LIMITS__MEMORY_MAX", max).output().expect("it runs");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let finding = found.as_array().and_then(|all| all.iter().find(|it| it["condition"] == "memory"));
        finding.expect("it was looked at").clone()
    };
    let small = doctor("true", "16MiB");
    assert_eq!(
        (&small["severity"], &small["current"]),
        (&"failure".into(), &"16 MiB: limits.memory_max".into())
    );
    let mut server = serve("true", 2);
    let Started::Ended(Some(2), stderr) = start(server.env("SHARDCAST_LIMITS__MEMORY_MAX", "16MiB")) else {
        panic!("16 MiB are enough")
    };
    assert!(stderr.contains("limits.memory_max is 16 MiB, and at least"), "{stderr}");
    let limited = doctor("ulimit -v 400000", "auto");
    let current = limited["current"].as_str().expect("text");
    assert!(current.contains("ulimit -v") && limited["severity"] == "ok", "{limited}");
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let Started::Ready(mut first) = start(&mut serve("true", 1)) else { panic!("it does not start") };
    let address = first.ready["listeners"][0]["addr"].as_str().expect("an address").to_owned();
    let refused = |shards, variable: (&str, &str)| {
        let mut second = serve("true", shards);
        second.env("SHARDCAST_LISTENER__0__LISTEN", &address).env(variable.0, variable.1);
        start(&mut second)
    };
    let Started::Ended(Some(1), stderr) = refused(2, ("HOME", "/")) else { panic!("{address} was free") };
    assert!(stderr.contains("address in use") && stderr.contains(&address), "{stderr}");
    let Started::Ready(mut second) = refused(2, ("SHARDCAST_LISTENER__0__REUSE_PORT", "true")) else {
        panic!("it was allowed to share {address}")
    };
    second.end();
    first.end();
    // It was killed: the kernel closes what its rings held a little later.
    let mut third = serve("true", 2);
    let Started::Ready(mut third) = start(third.env("SHARDCAST_LISTENER__0__LISTEN", &address)) else {
        panic!("{address} is not free when its servers have ended")
    };
    third.end();
    let foreign = listen_on(&address);
    let Started::Ended(Some(1), stderr) = refused(1, ("HOME", "/")) else { panic!("{address} was free") };
    assert!(stderr.contains("address in use"), "{stderr}");
    drop(foreign);
}

#[test]
fn an_idle_server_does_not_wake_up() {
    let Started::Ready(mut server) = start(&mut serve("true", 2)) else { panic!("it does not start") };
    // It may still be busy with its start, and other programs with I/O: one window without either is enough.
    let windows: Vec<_> = (0..WINDOWS)
        .map(|_| {
            let (switches, pressure) = (server.switches(), waited_for_io());
            thread::sleep(WINDOW);
            let waited = waited_for_io().zip(pressure).map(|(now, before)| now - before);
            (server.switches() - switches, waited.unwrap_or_default())
        })
        .collect();
    let log = server.end();
    let woken = windows.iter().map(|(woken, _)| *woken).min();
    assert!(woken <= Some(SWITCHES_MAX), "context switches in {WINDOW:?}, with nothing to do: {windows:?}");
    if !log.contains("no-iowait") {
        let waited = windows.iter().map(|(_, waited)| *waited).min();
        assert!(waited < Some(WINDOW / 2), "it counts as waiting for I/O, of {WINDOW:?}: {windows:?}");
    }
}

fn listen_on(address: &str) -> TcpListener {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A server, or the outcome of a failed start.
enum Started {
    Ready(Running),
    /// Exit code, and what was written to standard error.
    Ended(Option<i32>, String),
}

struct Running {
    child: Child,
    ready: serde_json::Value,
}

impl Running {
    /// Stops it, and returns its log.
    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut log = String::new();
        let _ = self.child.stderr.take().expect("piped, taken once").read_to_string(&mut log);
        log
    }

    /// Context switches of all its threads since they began.
    fn switches(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs").flatten();
        let of_thread = threads.map(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
        });
        of_thread.sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `serve` in a shell that has run `before`.
fn serve(before: &str, shards: u16) -> Command {
    let mut command = shell(before, &format!("serve --cpus none --shards {shards}"));
    command.envs([
        ("SHARDCAST_LISTENER__0__NAME", "push"),
        ("SHARDCAST_LISTENER__0__LISTEN", "127.0.0.1:0"),
        ("SHARDCAST_ADMIN__LISTEN", "127.0.0.1:0"),
        ("SHARDCAST_ADMIN__SOCKET", ""),
        ("SHARDCAST_SERVER__EPOCH_FILE", ""),
    ]);
    command
}

fn shell(before: &str, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before}; exec \"$0\" {arguments}"), env!("CARGO_BIN_EXE_shardcast")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SHARDCAST_"))
    {
        command.env_remove(name);
    }
    command
}

/// As a user without other processes and privileges: locked memory is counted for all processes of a user.
fn alone(mut command: Command) -> Command {
    static USERS: AtomicU32 = AtomicU32::new(0);
    if getuid().is_root() {
        let user = 20_000 + (std::process::id() * 16 + USERS.fetch_add(1, Ordering::Relaxed)) % 20_000;
        command.uid(user).gid(user).current_dir("/");
    }
    command
}

/// Waits until it is ready, or has ended.
#[track_caller]
fn start(command: &mut Command) -> Started {
    let mut child = command.spawn().expect("a shell");
    let out = child.stdout.take().expect("piped");
    let (sender, receiver) = flume::bounded(1);
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    let mut running = Running { child, ready: serde_json::Value::Null };
    let line = receiver.recv_timeout(PATIENCE).expect("it neither started nor ended").expect("readable");
    if let Some(ready) = line.strip_prefix("ready ") {
        running.ready = serde_json::from_str(ready).expect("JSON");
        return Started::Ready(running);
    }
    let deadline = Instant::now() + PATIENCE;
    let code = loop {
        if let Some(status) = running.child.try_wait().expect("it was started") {
            break status.code();
        }
        assert!(Instant::now() < deadline, "it said `{line}` and did not end");
        thread::sleep(Duration::from_millis(2));
    };
    Started::Ended(code, running.end())
}

/// How long something on this machine has waited for I/O since it started, if the kernel reports that.
fn waited_for_io() -> Option<Duration> {
    let text = fs::read_to_string("/proc/pressure/io").ok()?;
    let total = text.lines().next()?.split("total=").nth(1)?;
    Some(Duration::from_micros(total.trim().parse().ok()?))
}

/// Only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an idle server is observed, and how often.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: usize = 4;

/// What timers of a server without connections may cost in that time; polling for stalls alone would be 80.
const SWITCHES_MAX: u64 = 12;
