//! Rules for all text files.

use super::{File, Finding, Tree};

/// The repository is the same on every machine.
pub(super) fn name_no_path_of_a_machine(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(place) = MACHINE_PATHS.iter().find(|place| names_path(line, place)) {
                let what = format!("names a path of one machine, `{place}`");
                findings.push(file.finding(number + 1, what, "write it relative to the repository"));
            }
        }
    }
    findings
}

/// A relative link in a document leads to a file of the repository.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, link) in links(file) {
            let target = link.split(['#', '?']).next().unwrap_or_default();
            let is_elsewhere = link.contains("://") || link.starts_with("mailto:") || target.is_empty();
            if !is_elsewhere && !resolve(&file.path, target).is_some_and(|path| exists(tree, &path)) {
                let what = format!("the link `{link}` leads nowhere");
                findings.push(file.finding(line, what, "correct the link, or add the file"));
            }
        }
    }
    findings
}

/// The changelog records each change when it is made.
pub(super) fn changelog_has_an_unreleased_section(tree: &Tree) -> Vec<Finding> {
    let is_unreleased = |line: &str| matches!(line.trim(), "## Unreleased" | "## [Unreleased]");
    let changelog = tree.files.iter().find(|file| file.path == CHANGELOG);
    if changelog.is_some_and(|file| file.text.lines().any(is_unreleased)) {
        return Vec::new();
    }
    let (path, what) = (CHANGELOG.to_owned(), "there is no section `Unreleased`".to_owned());
    vec![Finding { path, line: 1, what, todo: "add `## Unreleased` above the releases" }]
}

/// Every code that an operator may see is documented.
pub(super) fn error_codes_are_documented(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let document = tree.files.iter().find(|file| file.path == CODES_DOCUMENT);
    let documented = document.map_or("", |file| &file.text);
    for file in tree.files.iter().filter(|file| CODES_SOURCES.contains(&file.path.as_str())) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(code) = code(line).filter(|code| !documented.contains(&format!("| `{code}` |"))) {
                let what = format!("the code `{code}` is not in {CODES_DOCUMENT}");
                findings.push(file.finding(number + 1, what, "document there what it means and what to do"));
            }
        }
    }
    findings
}

/// The code in a line like `Self::Slow => "slow",` or `"slow",`.
fn code(line: &str) -> Option<&str> {
    let line = line.trim().strip_suffix("\",")?;
    let (before, code) = line.split_once('"')?;
    let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (is_code && (before.is_empty() || before.ends_with("=> "))).then_some(code)
}

/// Whether `line` has `place` where a path begins.
fn names_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/*}".contains(c))
    })
}

/// Targets of `[text](target)` and `[text]: target`, outside code, with their lines.
fn links(file: &File) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_block = false;
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        let prose: Vec<&str> = line.split('`').step_by(2).collect();
        // A link's text may be code, its target is not: joining keeps `](` together.
        let prose = prose.join("");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let definition = prose.starts_with('[').then(|| prose.split_once("]: ")).flatten();
        let targets = inline.chain(definition.map(|(_, target)| target));
        links.extend(targets.filter_map(|target| {
            let target = target.split_whitespace().next()?.trim_matches(['<', '>']);
            Some((number + 1, target.to_owned()))
        }));
    }
    links
}

/// The path that `target` names in the document `from`; `None` outside the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn exists(tree: &Tree, path: &str) -> bool {
    let inside = format!("{path}/");
    path.is_empty() || tree.paths.iter().any(|file| file == path || file.starts_with(&inside))
}

const CHANGELOG: &str = "CHANGELOG.md";
const CODES_DOCUMENT: &str = "docs/errors.md";
pub(super) const CODES_SOURCES: &[&str] =
    &["src/proto/connection/reason.rs", "src/proto/refusal.rs", "src/proto/session/error.rs"];

/// In two pieces each, so that this file does not violate its own rule.
pub(super) const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tmp", "/wt"),
    concat!("/wo", "rk/"),
    concat!("../", "shared"),
];
