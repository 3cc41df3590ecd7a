//! The order of modules within a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding, Tree, rust::Code};

/// The uses of a top-level module of the runtime or of the command do not lead back to it. So each module can be read,
/// and changed, without those that use it.
pub(super) fn modules_have_no_cycle(tree: &Tree) -> Vec<Finding> {
    CRATES.iter().flat_map(|folder| cycles(&uses_in(tree, folder))).collect()
}

/// A command of the command line does not use another one: what two of them need is a module that is not a command.
pub(super) fn commands_use_no_other(tree: &Tree) -> Vec<Finding> {
    let uses = uses_in(tree, CLI);
    let between = uses.iter().filter(|it| COMMANDS.contains(&it.from) && COMMANDS.contains(&it.to));
    let findings = between.map(|Use { from, to, file, line }| {
        let what = format!("the command `{from}` uses the command `{to}`");
        file.finding(*line, what, "move what both need into a separate module")
    });
    findings.collect()
}

/// All paths in the crate in `folder` from one of its top-level modules to another.
fn uses_in<'a>(tree: &'a Tree, folder: &'a str) -> Vec<Use<'a>> {
    let module = |file| module(file, folder);
    let modules: BTreeSet<&str> =
        tree.rust().filter_map(|(file, _)| module(file)).filter(|module| !ROOTS.contains(module)).collect();
    let re_exports = re_exports(tree, &modules, folder);
    let mut uses: Vec<Use<'_>> = Vec::new();
    for (file, code) in tree.rust().filter(|(file, _)| !file.is_test()) {
        let Some(from) = module(file).filter(|from| !ROOTS.contains(from)) else { continue };
        for path in code.paths(&["crate"]).into_iter().filter(|path| !path.in_test) {
            let Some(name) = path.segments.get(1) else { continue };
            let to = modules.get(name.as_str()).or_else(|| re_exports.get(name));
            uses.extend(to.filter(|to| **to != from).map(|to| Use { from, to, file, line: path.line }));
        }
    }
    uses
}

/// The uses that are part of a cycle.
fn cycles(uses: &[Use<'_>]) -> Vec<Finding> {
    let modules: BTreeSet<&str> = uses.iter().map(|it| it.from).collect();
    let mut reaches: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for it in uses {
        reaches.entry(it.from).or_default().insert(it.to);
    }
    for _ in 0..modules.len() {
        let before = reaches.clone();
        for targets in reaches.values_mut() {
            let further: Vec<_> = targets.iter().filter_map(|to| before.get(to)).flatten().copied().collect();
            targets.extend(further);
        }
    }
    let leads_back = |it: &&Use<'_>| reaches.get(it.to).is_some_and(|targets| targets.contains(it.from));
    let findings = uses.iter().filter(leads_back).map(|Use { from, to, file, line }| {
        let what = format!("`{from}` uses `{to}`, which leads back to `{from}`");
        file.finding(*line, what, "move what both need below them, or turn one round with a trait")
    });
    findings.collect()
}

/// A path in the module `from` that leads into the module `to`.
struct Use<'a> {
    from: &'a str,
    to: &'a str,
    file: &'a File,
    line: usize,
}

/// The top-level module of the crate in `folder` that a file belongs to; its root is one too.
fn module<'a>(file: &'a File, folder: &str) -> Option<&'a str> {
    let path = file.path.strip_prefix(folder)?;
    let module = path.split('/').next().unwrap_or(path);
    Some(module.strip_suffix(".rs").unwrap_or(module)).filter(|module| *module != "tests")
}

/// The names that the root of the crate re-exports, and the module of each.
fn re_exports<'a>(tree: &Tree, modules: &BTreeSet<&'a str>, folder: &str) -> BTreeMap<String, &'a str> {
    let names: Vec<&str> = modules.iter().copied().collect();
    let root =
        |(file, code)| module(file, folder).is_some_and(|module| ROOTS.contains(&module)).then_some(code);
    let paths = tree.rust().filter_map(root).flat_map(|code: &Code| code.paths(&names));
    let named = paths.filter_map(|path| {
        let module = modules.get(path.segments.first()?.as_str())?;
        Some((path.segments.last()?.clone(), *module))
    });
    named.filter(|(name, module)| name != module).collect()
}

const CRATES: &[&str] = &["src/runtime/", CLI];
const CLI: &str = "src/cli/";
const COMMANDS: &[&str] = &["bench", "call", "decode", "demo", "doctor", "idl", "operate", "serve", "topics"];
const ROOTS: &[&str] = &["lib", "main"];
