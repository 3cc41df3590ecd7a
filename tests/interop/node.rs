//! Programs that Node runs, with lines on their standard input and output.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// One of the programs of this directory. It ends with its input; at the latest, when this is dropped.
pub(crate) struct Node {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Node {
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let mut node = Command::new("node");
        // The modules of `@tars/rpc` require each other, of which Node warns.
        node.args(["--no-warnings", program]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        // Ends with the output, so with the program.
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { input: child.stdin.take(), child, lines }
    }

    pub(crate) fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is closed at the end");
        input.write_all(format!("{line}\n").as_bytes()).expect("it reads");
    }

    /// The next line of its output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it prints a line in time")
    }

    /// Closes its input; what it printed and was not taken.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.input = None;
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        // Its output has ended, so it has, too.
        assert!(self.child.wait().expect("it was started").success());
        rest
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Only a hang takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
