//! Rules for Rust files.

use super::{Finding, Tree, rust::attribute_end};

/// Only `os` contains `unsafe`.
pub(super) fn unsafe_stays_in_os(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust().filter(|(file, _)| !file.path.starts_with("src/os/")) {
        for token in code.tokens.iter().filter(|token| token.text == "unsafe") {
            let todo = "move it to src/os, and give it a safe interface";
            findings.push(file.finding(token.line, "`unsafe` outside src/os", todo));
        }
    }
    findings
}

/// The modules that move bytes and messages serve every protocol alike, and the command knows protocols by its
/// registry.
pub(super) fn shared_code_names_no_protocol(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust().filter(|(file, _)| !file.is_test()) {
        let todo = match &file.path {
            path if is_protocol_free(path) => "write it in terms of Session and Protocol",
            path if is_protocol_free_in_cli(path) => "move it to an entry in src/cli/protocols",
            _ => continue,
        };
        for (number, line) in file.text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            let named = words(line).into_iter().find(|word| PROTOCOLS.contains(&word.as_str()));
            if let Some(word) = named.filter(|_| !code.is_test_line(number)) {
                findings.push(file.finding(number, format!("names the protocol `{word}`"), todo));
            }
        }
    }
    findings
}

/// No unfinished work, and no debug output, is left in the code.
pub(super) fn nothing_is_left_over(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust() {
        for (index, token) in code.tokens.iter().enumerate() {
            if LEFTOVERS.contains(&token.text.as_str()) && code.text(index + 1) == "!" {
                let todo = "finish it, or leave it out and document that";
                findings.push(file.finding(token.line, format!("`{}!` is left over", token.text), todo));
            }
        }
    }
    findings
}

/// A test that does not run has a reason; one that never runs by itself, also the command that runs it.
pub(super) fn ignored_tests_say_why(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust() {
        for start in 0..code.tokens.len() {
            let attribute = start..attribute_end(&code.tokens, start);
            if !matches!(code.text(start + 2), "ignore" | "cfg_attr") {
                continue;
            }
            let is_conditional = code.text(start + 2) == "cfg_attr";
            for index in attribute.filter(|&index| code.text(index) == "ignore") {
                let line = code.tokens[index].line;
                let has_command =
                    || file.text.lines().nth(line - 1).is_some_and(|it| it.contains("run with `"));
                if code.text(index + 1) != "=" || !is_conditional && !has_command() {
                    let todo = "write `#[ignore = \"why; run with `command`\"]`";
                    findings.push(file.finding(line, "ignored without a reason or a command", todo));
                }
            }
        }
    }
    findings
}

/// A file that is too long holds more than one thing.
pub(super) fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _) in tree.rust().filter(|(file, _)| file.path.starts_with("src/") && !file.is_test()) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            let what = format!("{lines} lines, more than {LINES_MAX}");
            findings.push(file.finding(LINES_MAX + 1, what, "split it by subject"));
        }
    }
    findings
}

fn is_protocol_free(path: &str) -> bool {
    let first = path.strip_prefix("src/runtime/").and_then(|path| path.split(['/', '.']).next());
    first.is_some_and(|first| {
        ["shard", "conns", "mesh", "push", "reactor", "transport", "service"].contains(&first)
    })
}

/// Commands about files, calls and bytes of one encoding, and the texts of the command line, may name their protocol.
fn is_protocol_free_in_cli(path: &str) -> bool {
    let first = path.strip_prefix("src/cli/").and_then(|path| path.split(['/', '.']).next());
    first.is_some_and(|first| !["protocols", "call", "idl", "decode", "args", "flags"].contains(&first))
}

/// The words of a line in lower case: those between other characters, and their parts in `CamelCase`.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in line.split(|c: char| !c.is_ascii_alphabetic()).filter(|run| !run.is_empty()) {
        words.push(run.to_ascii_lowercase());
        let mut start = 0;
        for (at, pair) in run.as_bytes().windows(2).enumerate() {
            if pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase() {
                words.push(run[start..=at].to_ascii_lowercase());
                start = at + 1;
            }
        }
        words.push(run[start..].to_ascii_lowercase());
    }
    words
}

const PROTOCOLS: &[&str] = &["tars", "tcpshm", "seastar"];
const LEFTOVERS: &[&str] = &["todo", "unimplemented", "dbg"];
const LINES_MAX: usize = 800;
