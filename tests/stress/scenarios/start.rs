//! Repeated starts with fewer descriptors than a server needs: each one ends within a second, with exit code 1 and a
//! reason, or it serves.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Failure, Outcome, Trial, same};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (mut refused, mut served) = (0, 0);
    for _ in 0..trial.size(10) {
        for files in FILES {
            for shards in [1, 2, 4] {
                match start(files, shards)? {
                    Started::Serves => served += 1,
                    Started::Refused => refused += 1,
                }
            }
        }
    }
    if refused == 0 || served == 0 {
        return Err(Failure(format!("{refused} starts were refused, {served} served: expected both")));
    }
    Ok(format!("{refused} starts refused, {served} served"))
}

enum Started {
    Serves,
    Refused,
}

fn start(files: u32, shards: u16) -> Outcome<Started> {
    let mut program = std::env::current_exe()?;
    program.set_file_name("shardcast");
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {files}; exec \"$0\" serve --cpus none --shards {shards}");
    shell.args(["-c", &script]).arg(program).envs([
        ("SHARDCAST_LISTENER__0__NAME", "push"),
        ("SHARDCAST_LISTENER__0__LISTEN", "127.0.0.1:0"),
        ("SHARDCAST_ADMIN__LISTEN", "127.0.0.1:0"),
        ("SHARDCAST_ADMIN__SOCKET", ""),
    ]);
    let child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut child = Killed(child);
    let (sender, ready) = std::sync::mpsc::channel();
    if let Some(out) = child.0.stdout.take() {
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            // The receiver may have ended: the rest is read so that the server can write.
            lines.for_each(|line| drop(sender.send(line)));
        });
    }
    let began = Instant::now();
    let what = format!("{shards} shards with {files} descriptors");
    loop {
        if let Some(status) = child.0.try_wait()? {
            let mut said = String::new();
            if let Some(mut out) = child.0.stderr.take() {
                out.read_to_string(&mut said)?;
            }
            same(&format!("{what}: exit code ({said})"), Some(1), status.code())?;
            let has_reason = said.lines().any(|line| line.starts_with("error: "));
            same(&format!("{what}: a reason in `{said}`"), true, has_reason)?;
            return Ok(Started::Refused);
        }
        if is_ready(&ready) {
            return Ok(Started::Serves);
        }
        if began.elapsed() > LIMIT {
            return Err(Failure(format!("{what}: neither serves nor has ended after {LIMIT:?}")));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the `ready` line was printed, which is the last step of a start.
fn is_ready(lines: &std::sync::mpsc::Receiver<String>) -> bool {
    lines.try_recv().is_ok_and(|line| line.starts_with("ready "))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From little more than what loads the program to what is enough for the smallest layout.
const FILES: std::ops::Range<u32> = 8..64;

/// As the documentation promises.
const LIMIT: Duration = Duration::from_secs(1);
