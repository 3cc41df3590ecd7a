//! The order of modules within a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding, Tree, rust::Code};

/// What one top-level module of the runtime uses of others does not lead back to it, so that each can be read, and changed,
/// without those that stand on it.
pub(super) fn modules_have_no_cycle(tree: &Tree) -> Vec<Finding> {
    let modules: BTreeSet<&str> =
        tree.rust().filter_map(|(file, _)| module(file)).filter(|module| *module != ROOT).collect();
    let re_exports = re_exports(tree, &modules);
    let mut uses: Vec<Use<'_>> = Vec::new();
    for (file, code) in tree.rust().filter(|(file, _)| !file.is_test()) {
        let Some(from) = module(file).filter(|from| *from != ROOT) else { continue };
        for path in code.paths(&["crate"]).into_iter().filter(|path| !path.in_test) {
            let Some(name) = path.segments.get(1) else { continue };
            let to = modules.get(name.as_str()).or_else(|| re_exports.get(name));
            uses.extend(to.filter(|to| **to != from).map(|to| Use { from, to, file, line: path.line }));
        }
    }
    let mut reaches: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for it in &uses {
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

/// The top-level module of the runtime that a file belongs to; its root is one too.
fn module(file: &File) -> Option<&str> {
    let path = file.path.strip_prefix("src/runtime/")?;
    let module = path.split('/').next().unwrap_or(path);
    Some(module.strip_suffix(".rs").unwrap_or(module)).filter(|module| *module != "tests")
}

/// The names that the root of the crate takes from its modules, and from which.
fn re_exports<'a>(tree: &Tree, modules: &BTreeSet<&'a str>) -> BTreeMap<String, &'a str> {
    let names: Vec<&str> = modules.iter().copied().collect();
    let root = |(file, code)| (module(file) == Some(ROOT)).then_some(code);
    let paths = tree.rust().filter_map(root).flat_map(|code: &Code| code.paths(&names));
    let named = paths.filter_map(|path| {
        let module = modules.get(path.segments.first()?.as_str())?;
        Some((path.segments.last()?.clone(), *module))
    });
    named.filter(|(name, module)| name != module).collect()
}

const ROOT: &str = "lib";
