//! Runs `oracle.js`. The input and output are lines with bytes as hexadecimal digits.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
};

/// The answers of `@tars/stream` to the lines, in their order.
pub(crate) fn ask(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.into_iter().collect();
    let mut node = Command::new("node");
    let node = node.arg("oracle.js").current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
    let mut input = child.stdin.take().expect("a pipe");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // It answers while it reads, so neither end waits for the other with a full pipe.
    let writer = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let answers: Vec<String> = output.lines().map(|line| line.expect("a line")).collect();
    assert!(child.wait().expect("an end").success());
    writer.join().expect("the writer").expect("it read everything");
    assert_eq!(answers.len(), lines.len());
    answers
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}
