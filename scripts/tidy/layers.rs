//! Rules about the manifests: which package may depend on which, and where `unsafe` is forbidden.

use toml::{Table, Value};

use super::{File, Finding, Tree};

/// Imports go down only. Tests and benchmarks may import anything.
pub(super) fn imports_go_down(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours: Vec<String> = packages(tree).into_iter().map(|(_, _, name)| name).collect();
    for (file, manifest, name) in packages(tree) {
        if !is_member_of_src(file) {
            continue;
        }
        let Some((_, below)) = LAYERS.iter().find(|(package, _)| *package == name) else {
            let what = format!("package `{name}` has no layer");
            findings.push(file.finding(1, what, "name what it may depend on in scripts/tidy/layers.rs"));
            continue;
        };
        for dependency in dependencies(&manifest) {
            if ours.contains(&dependency) && !below.contains(&dependency.as_str()) {
                let what = format!("`{name}` depends on `{dependency}`, which is not below it");
                let line = line_of(file, &dependency);
                findings.push(file.finding(line, what, "turn the dependency round, or move the code down"));
            }
        }
    }
    findings
}

/// The product does not depend on its checks and benchmarks, not even for its tests.
pub(super) fn src_depends_on_nothing_beside_it(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = packages(tree);
    for (file, manifest, name) in all.iter().filter(|(file, ..)| file.path.starts_with("src/")) {
        let wanted: Vec<String> =
            dependencies(manifest).into_iter().chain(dev_dependencies(manifest)).collect();
        for (other, _, dependency) in all.iter().filter(|(_, _, it)| wanted.contains(it)) {
            if BESIDE.iter().any(|folder| other.path.starts_with(folder)) {
                let what = format!("`{name}` depends on `{dependency}` of {}", other.path);
                let line = line_of(file, dependency);
                findings.push(file.finding(line, what, "move the code that it needs below src"));
            }
        }
    }
    findings
}

/// The compiler enforces the absence of `unsafe` in each crate that forbids it.
pub(super) fn unsafe_is_forbidden_in_crate_roots(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, manifest, name) in packages(tree) {
        // A separate workspace is not part of the build: fuzz targets have macros that need unsafe.
        if name == UNSAFE_PACKAGE || manifest.contains_key("workspace") {
            continue;
        }
        let directory = file.path.strip_suffix("Cargo.toml").unwrap_or_default();
        for root in crate_roots(tree, directory, &manifest) {
            let Some((root_file, code)) = tree.rust().find(|(file, _)| file.path == root) else { continue };
            let forbids = code
                .tokens
                .windows(FORBID.len())
                .any(|window| window.iter().zip(FORBID).all(|(token, expected)| token.text == *expected));
            if !forbids {
                let todo = "write `#![forbid(unsafe_code)]` below its documentation";
                findings.push(root_file.finding(1, "this crate does not forbid unsafe code", todo));
            }
        }
    }
    findings
}

/// Every package: manifest file, manifest, name.
fn packages(tree: &Tree) -> Vec<(&File, Table, String)> {
    tree.manifests().filter_map(package).collect()
}

fn package(file: &File) -> Option<(&File, Table, String)> {
    let manifest: Table = toml::from_str(&file.text).ok()?;
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    Some((file, manifest, name))
}

/// Package names of the dependencies that are part of the product.
fn dependencies(manifest: &Table) -> Vec<String> {
    dependencies_of(manifest, &["dependencies", "build-dependencies"])
}

/// Package names of the dependencies of tests, examples and benchmarks.
fn dev_dependencies(manifest: &Table) -> Vec<String> {
    dependencies_of(manifest, &["dev-dependencies"])
}

fn dependencies_of(manifest: &Table, kinds: &[&str]) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let places = targets.filter_map(Value::as_table).chain([manifest]);
    let tables = places.flat_map(|place| kinds.iter().filter_map(|kind| place.get(*kind)));
    let entries = tables.filter_map(Value::as_table).flatten();
    entries
        .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned())
        .collect()
}

/// Root files of a package's library, binaries, examples and benchmarks, named or found by Cargo.
fn crate_roots(tree: &Tree, directory: &str, manifest: &Table) -> Vec<String> {
    let mut roots: Vec<String> =
        ["src/lib.rs", "src/main.rs", "build.rs"].iter().map(|root| format!("{directory}{root}")).collect();
    let targets = ["lib", "bin", "example", "bench"].iter().filter_map(|kind| manifest.get(*kind));
    for target in targets.flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])) {
        roots.extend(target.get("path").and_then(Value::as_str).map(|path| format!("{directory}{path}")));
    }
    let is_found = |path: &&String| {
        let place = path.strip_prefix(directory).and_then(|path| path.rsplit_once('/'));
        place.is_some_and(|(place, _)| matches!(place, "src/bin" | "examples" | "benches"))
    };
    roots.extend(tree.paths.iter().filter(is_found).cloned());
    roots.retain(|root| tree.paths.contains(root));
    roots.sort();
    roots.dedup();
    roots
}

/// Whether a manifest is `src/NAME/Cargo.toml`.
fn is_member_of_src(file: &File) -> bool {
    file.path.starts_with("src/") && file.path.split('/').count() == 3
}

fn line_of(file: &File, key: &str) -> usize {
    file.text.lines().position(|line| line.trim_start().starts_with(key)).map_or(1, |at| at + 1)
}

/// What each package of `src` may depend on, besides external crates.
const LAYERS: &[(&str, &[&str])] = &[
    ("shardcast-proto", &[]),
    ("shardcast-os", &[]),
    ("shardcast-build", &[]),
    ("shardcast", &["shardcast-proto", "shardcast-os"]),
    ("shardcast-load", &["shardcast", "shardcast-os"]),
    ("shardcast-cli", &["shardcast", "shardcast-build", "shardcast-load", "shardcast-os", "shardcast-proto"]),
];

/// Folders of packages that are not part of the product.
const BESIDE: &[&str] = &["bench/", "tests/", "scripts/"];

/// The package that may use `unsafe`.
const UNSAFE_PACKAGE: &str = "shardcast-os";

const FORBID: &[&str] = &["#", "!", "[", "forbid", "(", "unsafe_code"];
