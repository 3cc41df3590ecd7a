//! Rules of the project that the compiler cannot check. Each is a function over the tree of files, with a
//! test that shows it rejecting a bad sample.

mod cores;
mod examples;
mod layers;
mod modules;
mod rust;
mod sources;
mod texts;
mod words;

use std::{collections::BTreeSet, fmt, fs, path::Path};

use anyhow::{Context, Result, bail};

use rust::Code;

/// Checks all rules; prints each finding as `path:line: what: what to do`.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    println!("tidy: {} rules, {} files, nothing found", RULES.len(), tree.paths.len());
    Ok(())
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    layers::imports_go_down,
    layers::src_depends_on_nothing_beside_it,
    layers::unsafe_is_forbidden_in_crate_roots,
    cores::know_no_sibling,
    cores::read_no_clock_and_do_no_io,
    examples::public_items_are_shown,
    modules::modules_have_no_cycle,
    modules::commands_use_no_other,
    sources::unsafe_stays_in_os,
    sources::shared_code_names_no_protocol,
    sources::nothing_is_left_over,
    sources::ignored_tests_say_why,
    sources::files_are_short,
    texts::name_no_path_of_a_machine,
    texts::links_lead_somewhere,
    texts::changelog_has_an_unreleased_section,
    texts::error_codes_are_documented,
    words::words_are_standard,
];

/// What violates a rule, where, and what to do.
#[derive(Debug, Eq, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
    todo: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.what, self.todo)
    }
}

/// The files of the repository, read once.
struct Tree {
    /// The text files.
    files: Vec<File>,
    /// The paths of all files, relative to the root, with `/`.
    paths: BTreeSet<String>,
}

struct File {
    path: String,
    text: String,
    /// Of a Rust file.
    code: Option<Code>,
}

impl Tree {
    fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { files: Vec::new(), paths: BTreeSet::new() };
        tree.read_directory(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_directory(&mut self, directory: &Path, prefix: &str) -> Result<()> {
        let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().context("a file name is not UTF-8")?;
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read_directory(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.add(&path, fs::read(entry.path()).with_context(|| path.clone())?);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        self.paths.insert(path.to_owned());
        if let Ok(text) = String::from_utf8(bytes) {
            let code = path.ends_with(".rs").then(|| Code::new(&text));
            self.files.push(File { path: path.to_owned(), text, code });
        }
    }

    fn rust(&self) -> impl Iterator<Item = (&File, &Code)> {
        self.files.iter().filter_map(|file| Some((file, file.code.as_ref()?)))
    }

    fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with("Cargo.toml"))
    }
}

impl File {
    fn finding(&self, line: usize, what: impl Into<String>, todo: &'static str) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into(), todo }
    }

    /// Whether all of the file is test code.
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

/// Build output, and folders of git and editors.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", ".idea", ".vscode"];

#[cfg(test)]
mod tests;
