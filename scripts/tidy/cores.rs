//! Rules for the protocol cores, the folders of `src/proto`.

use super::{File, Finding, Tree};

/// A core does not import another core, and modules that cores share import none.
pub(super) fn know_no_sibling(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust() {
        let Some(core) = core_of(file) else { continue };
        let here = module_of(file);
        for path in code.paths(&["crate", "super", "self"]) {
            let Some(target) = resolve(&here, &path.segments) else { continue };
            let first = target.first().map_or("", String::as_str);
            if CORES.contains(&first) && first != core {
                let (what, todo) = match SHARED.contains(&core) {
                    true => (
                        format!("`{core}`, which cores share, imports the core `{first}`"),
                        "take it as an argument or behind a trait",
                    ),
                    false => (
                        format!("`{core}` imports its sibling `{first}`"),
                        "put what both need into src/proto itself, or leave it to the runtime",
                    ),
                };
                findings.push(file.finding(path.line, what, todo));
            }
        }
    }
    findings.dedup(); // A group names its sibling once per item.
    findings
}

/// Cores get time and bytes as arguments. Test code is free.
pub(super) fn read_no_clock_and_do_no_io(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, code) in tree.rust().filter(|(file, _)| file.path.starts_with(PROTO) && !file.is_test()) {
        for path in code.paths(&["std", "core"]).iter().filter(|path| !path.in_test) {
            let name = path.segments[1..].join("::");
            // Addresses are plain data; that is all of the network that `core` has.
            if path.segments[0] == "core" && name.starts_with("net") {
                continue;
            }
            let is_within = |outer: &&&str| name == **outer || name.starts_with(&format!("{outer}::"));
            if let Some(outside) = OUTSIDE.iter().find(is_within) {
                findings.push(file.finding(path.line, format!("`std::{outside}` in a core"), CORE_TODO));
            }
        }
        for (index, token) in code.tokens.iter().enumerate().filter(|(_, token)| !token.in_test) {
            if OUTSIDE_MACROS.contains(&token.text.as_str()) && code.text(index + 1) == "!" {
                findings.push(file.finding(token.line, format!("`{}!` in a core", token.text), CORE_TODO));
            }
        }
    }
    findings
}

/// The core, or the shared module, that a file belongs to.
fn core_of(file: &File) -> Option<&str> {
    let first = file.path.strip_prefix(PROTO)?.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (CORES.contains(&name) || SHARED.contains(&name)).then_some(name)
}

/// The module path of a file within its crate: `src/proto/tars/mod.rs` is `["tars"]`.
fn module_of(file: &File) -> Vec<String> {
    let path = file.path.strip_prefix(PROTO).unwrap_or(&file.path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// The path relative to the top of the crate; `None` when it leaves the crate.
fn resolve(here: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut target = here.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => target.clear(),
            "self" => {}
            "super" => {
                target.pop()?;
            }
            _ => target.push(segment.clone()),
        }
    }
    Some(target)
}

const PROTO: &str = "src/proto/";
const CORES: &[&str] = &["tars", "tcpshm", "seastar", "push"];
/// Modules that cores may use, and that do not use a core.
const SHARED: &[&str] = &["rpc", "topics"];
const CORE_TODO: &str = "take it as an argument, or do it in src/runtime";
const OUTSIDE: &[&str] =
    &["time::Instant", "time::SystemTime", "net", "fs", "thread", "env", "process", "os"];
const OUTSIDE_MACROS: &[&str] = &["thread_local", "print", "println", "eprint", "eprintln"];
