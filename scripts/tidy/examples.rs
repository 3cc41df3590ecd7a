//! Examples of the libraries.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::{
    File, Finding, Tree,
    rust::{Code, attribute_end, group_end, item_end},
};

/// Every public item of a library has an example, or is shown in one. The lint `unreachable_pub` ensures that an item
/// that is `pub` can be used from outside.
///
/// Methods, fields and variants are not checked: their type is. A name that several items have must be shown near each
/// of them: in its own example, or in its folder.
pub(super) fn public_items_are_shown(tree: &Tree) -> Vec<Finding> {
    let items: Vec<Item<'_>> = libraries(tree).flat_map(|(file, code)| items(file, code)).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    items.iter().for_each(|item| *uses.entry(item.name).or_default() += 1);
    let examples = examples(tree);
    let is_hidden = |item: &&Item<'_>| {
        let is_unique = uses.get(item.name) == Some(&1);
        !examples.iter().any(|example| example.is_of(item) || example.shows(item, is_unique))
    };
    let findings = items.iter().filter(is_hidden).map(|Item { file, name, line, .. }| {
        file.finding(*line, format!("no example shows `{name}`"), "show it in an example, with related items")
    });
    findings.collect()
}

/// A public item at the top of a file.
struct Item<'a> {
    file: &'a File,
    name: &'a str,
    line: usize,
    /// The lines of its documentation and attributes.
    docs: RangeInclusive<usize>,
}

/// A block of Rust that a test compiles, or a program.
struct Example<'a> {
    path: &'a str,
    line: usize,
    words: BTreeSet<String>,
}

impl<'a> Example<'a> {
    fn new(path: &'a str, line: usize, text: &str) -> Self {
        let words = Code::new(text).tokens.into_iter().map(|token| token.text).collect();
        Self { path, line, words }
    }

    /// Whether it is part of the documentation of `item`.
    fn is_of(&self, item: &Item<'_>) -> bool {
        self.path == item.file.path && item.docs.contains(&self.line)
    }

    /// Whether it shows `item`; if other items have the same name, only near it.
    fn shows(&self, item: &Item<'_>, is_unique: bool) -> bool {
        let folder = item.file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_near = self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        (is_unique || is_near) && self.words.contains(item.name)
    }
}

/// The files of the libraries, except tests and what only crates of this repository use.
fn libraries(tree: &Tree) -> impl Iterator<Item = (&File, &Code)> {
    let is_covered = |path: &str| {
        LIBRARIES.iter().any(|it| path.starts_with(it)) && !INTERNAL.iter().any(|it| path.starts_with(it))
    };
    tree.rust().filter(move |(file, _)| is_covered(&file.path) && !file.is_test())
}

fn items<'a>(file: &'a File, code: &'a Code) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    let (tokens, mut at) = (&code.tokens, 0);
    while at < tokens.len() {
        let docs_begin = at.checked_sub(1).map_or(1, |before| tokens[before].line + 1);
        let attributes = at;
        while attribute_end(tokens, at) > at {
            at = attribute_end(tokens, at);
        }
        let has = |word| tokens[attributes..at].iter().any(|token| token.text == word);
        let is_left_out = has("hidden") || tokens.get(at).is_some_and(|token| token.in_test);
        let name = match code.text(at) {
            "macro_rules" if has("macro_export") => tokens.get(at + 2),
            "pub" => name_after(code, at + 1).and_then(|name| tokens.get(name)),
            _ => None,
        };
        if let Some(name) = name.filter(|_| !is_left_out) {
            items.push(Item { file, name: &name.text, line: name.line, docs: docs_begin..=name.line });
        }
        // An inner attribute is not part of the item after it.
        at = match (code.text(at), code.text(at + 1)) {
            ("#", "!") => group_end(tokens, at + 2),
            _ => item_end(tokens, at).max(at + 1),
        };
    }
    items
}

/// Index of the name of the item whose keywords begin at `at`. Re-exports and the modules of files have none.
fn name_after(code: &Code, at: usize) -> Option<usize> {
    match code.text(at) {
        "struct" | "enum" | "union" | "trait" | "type" | "fn" | "static" => Some(at + 1),
        "const" | "async" | "unsafe" => {
            name_after(code, at + 1).or_else(|| (code.text(at + 2) == ":").then_some(at + 1))
        }
        "mod" => (code.text(at + 2) == "{").then_some(at + 1),
        _ => None,
    }
}

fn examples(tree: &Tree) -> Vec<Example<'_>> {
    let programs = tree.rust().filter(|(file, _)| file.path.starts_with("examples/") && !file.is_test());
    let mut examples: Vec<_> = programs.map(|(file, _)| Example::new(&file.path, 1, &file.text)).collect();
    examples.extend(libraries(tree).flat_map(|(file, _)| blocks(file)));
    let documents = tree.files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str()));
    examples.extend(documents.flat_map(blocks));
    examples
}

/// The blocks of Rust in the doc comments of a Rust file, or in a document.
fn blocks(file: &File) -> Vec<Example<'_>> {
    let mut blocks = Vec::new();
    // Its first line, whether it is compiled, and its text.
    let mut open: Option<(usize, bool, String)> = None;
    for (number, line) in file.text.lines().enumerate() {
        let line = if file.code.is_some() { doc_text(line) } else { Some(line) };
        let Some(line) = line else {
            open = None;
            continue;
        };
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((number + 1, is_compiled(info), String::new())),
            (Some(_), Some((line, is_compiled, text))) => {
                if *is_compiled {
                    blocks.push(Example::new(&file.path, *line, text));
                }
                open = None;
            }
            (None, Some((_, _, text))) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

/// The text of a line of documentation.
fn doc_text(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
}

/// Whether rustdoc compiles a block that begins with this info string.
fn is_compiled(info: &str) -> bool {
    info.split(',').map(str::trim).all(|word| ["", "rust", "no_run", "should_panic"].contains(&word))
}

const LIBRARIES: &[&str] = &["src/codegen/", "src/proto/", "src/runtime/"];

/// What tests, fuzz targets and generated code use.
const INTERNAL: &[&str] = &[
    "src/codegen/testing.rs",
    "src/codegen/fuzz/",
    "src/proto/fuzz/",
    "src/proto/testing/",
    "src/proto/tars/codegen.rs",
    "src/runtime/codegen.rs",
];

/// The documents whose blocks are doc tests, by `include_str!` in `src/runtime/lib.rs`.
const DOCUMENTS: &[&str] = &["README.md", "docs/library.md"];
