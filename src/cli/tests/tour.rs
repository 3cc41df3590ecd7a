//! Executes the README's five-minute tour, and compares the output.
//!
//! A `console` block has commands (`$ …`) and what they print; `...` stands for anything, on a line or as one.
//! A command that ends in `&` runs in the background until the tour is over, and must then exit with 0.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

#[test]
fn the_readme_tour_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let mut tour = Tour::new(&root, &readme);
    for (command, expected) in commands(&readme) {
        tour.step(&command, &expected);
    }
    tour.end();
}

/// The commands of all `console` blocks, each with the lines that it prints.
fn commands(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => commands.push((command.to_owned(), Vec::new())),
                None => commands.last_mut().expect("output follows a command").1.push(line.to_owned()),
            },
            (false, _) => {}
        }
    }
    assert!(commands.len() > 5, "the tour has commands");
    commands
}

struct Tour {
    folder: PathBuf,
    /// Where the binaries are.
    built: PathBuf,
    /// Texts of the README, and what replaces each of them here.
    replaced: Vec<(String, String)>,
    background: Vec<Child>,
}

impl Tour {
    fn new(root: &Path, readme: &str) -> Self {
        let shardcast = PathBuf::from(env!("CARGO_BIN_EXE_shardcast"));
        let built = shardcast.parent().expect("binaries are in a folder").to_owned();
        let client = built.join("examples/tars_push_client");
        if !client.exists() {
            build(root, readme);
        }
        assert!(client.exists(), "the README builds what the tour runs");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tour-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of our own");
        let replaced = [
            // The shell inserts the paths, so they may have any characters.
            ("target/release/examples/".to_owned(), "\"$BUILT\"/examples/".to_owned()),
            ("target/release/shardcast".to_owned(), "\"$BUILT\"/shardcast".to_owned()),
            ("10099".to_owned(), free_port().to_string()),
            ("9180".to_owned(), free_port().to_string()),
        ];
        Self { folder, built, replaced: replaced.into(), background: Vec::new() }
    }

    fn here(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
    }

    fn step(&mut self, command: &str, expected: &[String]) {
        let expected: Vec<_> = expected.iter().map(|line| self.here(line)).collect();
        let printed = match (command.strip_suffix(" &"), quoted_url(command)) {
            (Some(command), _) => self.start(&self.here(command), &expected),
            (None, Some(url)) => get_until(&self.here(url), |lines| lines_match(&expected, lines)),
            (None, None) => self.run(&self.here(command)),
        };
        let lines: Vec<_> = printed.lines().collect();
        assert!(
            lines_match(&expected, &lines),
            "$ {command}\nshould print\n{}\nbut printed\n{printed}",
            expected.join("\n")
        );
    }

    fn run(&self, command: &str) -> String {
        let output = self.shell(command).output().expect("sh is there");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Starts `command` on free ports, and waits until it has printed as many lines as expected.
    fn start(&mut self, command: &str, expected: &[String]) -> String {
        let log = self.folder.join(format!("background-{}", self.background.len()));
        let file = fs::File::create(&log).expect("a file of our own");
        let mut shell = self.shell(&format!("exec env {command}"));
        let [listen, admin] = [2, 3].map(|index| format!("127.0.0.1:{}", self.replaced[index].1));
        shell.env("SHARDCAST_LISTENER__0__LISTEN", listen).env("SHARDCAST_ADMIN__LISTEN", admin);
        let child = shell.stdout(file).stderr(Stdio::null()).spawn().expect("sh is there");
        self.background.push(child);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let printed = fs::read_to_string(&log).unwrap_or_default();
            if printed.ends_with('\n') && printed.lines().count() >= expected.len()
                || Instant::now() > deadline
            {
                return printed;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn shell(&self, command: &str) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).env("BUILT", &self.built).env("XDG_STATE_HOME", &self.folder);
        shell.current_dir(&self.folder).process_group(0).stdin(Stdio::null());
        shell
    }

    fn end(mut self) {
        for mut child in self.background.drain(..) {
            signal(&child, Signal::TERM);
            let status = child.wait().expect("it was started");
            assert!(status.success(), "SIGTERM ends a server with 0, not {status}");
        }
        assert!(self.folder.join("shardcast/epoch").is_file(), "a server keeps the epoch of its next run");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        for mut child in self.background.drain(..) {
            signal(&child, Signal::KILL);
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

/// Builds what the README builds, in the profile of this test.
fn build(root: &Path, readme: &str) {
    let line = readme.lines().find_map(|line| line.strip_prefix("cargo build "));
    let arguments = line.expect("the README builds").split_whitespace().filter(|it| *it != "--release");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-q"]).args(arguments).current_dir(root);
    assert!(cargo.status().expect("cargo is there").success(), "it builds");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port is free").port()
}

/// The content of a page once it is as expected: pages follow events with a short delay.
fn get_until(url: &str, is_expected: impl Fn(&[&str]) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = get(url);
        if is_expected(&page.lines().collect::<Vec<_>>()) || Instant::now() > deadline {
            return page;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The address and path of `curl -s 'http://…'`.
fn quoted_url(command: &str) -> Option<&str> {
    command.strip_prefix("curl -s 'http://")?.strip_suffix('\'')
}

/// What `curl -s` prints.
fn get(url: &str) -> String {
    let (address, path) = url.split_once('/').expect("an address and a path");
    let mut stream = TcpStream::connect(address).expect("the admin pages are there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("it is read");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it responds");
    response.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

/// Whether the lines are as expected; a line `...` means any number of lines.
fn lines_match(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((any, rest)) if any == "..." => (0..=lines.len()).any(|skip| lines_match(rest, &lines[skip..])),
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, lines)| line_matches(first, line) && lines_match(rest, lines)),
    }
}

/// Whether a line is as expected; `...` means any text.
fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else { return false };
    let parts: Vec<_> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// How long a server may take to be ready, and a page to show an event.
const PATIENCE: Duration = Duration::from_secs(20);
