use super::{File, Finding, Rule, Tree, cores, examples, layers, modules, rust, sources, texts, words};

#[test]
fn imports_go_up_in_no_manifest() {
    let package = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    let os = package("shardcast-os", "");
    let good = package("shardcast", "[dependencies]\nshardcast-os.workspace = true\nbytes = \"1\"\n");
    let tests = package("shardcast-proto", "[dev-dependencies]\nshardcast-os.workspace = true\n");
    accept(layers::imports_go_down, &[("src/os/Cargo.toml", &os), ("src/runtime/Cargo.toml", &good)]);
    accept(layers::imports_go_down, &[("src/os/Cargo.toml", &os), ("src/proto/Cargo.toml", &tests)]);

    let plain = package("shardcast-proto", "\n[dependencies]\nshardcast-os.workspace = true\n");
    let place =
        reject(layers::imports_go_down, &[("src/os/Cargo.toml", &os), ("src/proto/Cargo.toml", &plain)]);
    assert_eq!(place, "src/proto/Cargo.toml:5");
    for hidden in [
        "[dependencies]\nos = { package = \"shardcast-os\", path = \"../os\" }\n",
        "[target.'cfg(unix)'.dependencies]\nshardcast-os = \"0.1\"\n",
        "[build-dependencies]\nshardcast-os.workspace = true\n",
    ] {
        let bad = package("shardcast-proto", hidden);
        reject(layers::imports_go_down, &[("src/os/Cargo.toml", &os), ("src/proto/Cargo.toml", &bad)]);
    }
}

#[test]
fn every_package_of_src_has_a_layer() {
    reject(layers::imports_go_down, &[("src/new/Cargo.toml", "[package]\nname = \"shardcast-new\"\n")]);
    accept(
        layers::imports_go_down,
        &[("src/a/fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\n[workspace]\n")],
    );
    accept(layers::imports_go_down, &[("bench/Cargo.toml", "[package]\nname = \"anything\"\n")]);
}

#[test]
fn src_depends_on_no_package_beside_it() {
    let rule = layers::src_depends_on_nothing_beside_it;
    let bench = "[package]\nname = \"a-bench\"\n[dependencies]\na.workspace = true\n";
    let alone = "[package]\nname = \"a\"\n[dependencies]\nbytes = \"1\"\n";
    accept(rule, &[("src/a/Cargo.toml", alone), ("bench/Cargo.toml", bench)]);
    let kinds =
        ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dev-dependencies"];
    for (kind, path) in kinds.iter().zip(["bench", "tests/a", "scripts", "bench"]) {
        let bad = format!("[package]\nname = \"a\"\n[{kind}]\na-bench.workspace = true\n");
        let path = format!("{path}/Cargo.toml");
        assert_eq!(reject(rule, &[("src/a/Cargo.toml", &bad), (&path, bench)]), "src/a/Cargo.toml:4");
    }
}

#[test]
fn every_crate_root_but_that_of_os_forbids_unsafe_code() {
    let rule = layers::unsafe_is_forbidden_in_crate_roots;
    let manifest =
        "[package]\nname = \"a\"\n[lib]\npath = \"lib.rs\"\n[[bin]]\nname = \"b\"\npath = \"b.rs\"\n";
    let forbids = "//! A.\n#![forbid(unsafe_code)]\n";
    accept(rule, &[("a/Cargo.toml", manifest), ("a/lib.rs", forbids), ("a/b.rs", forbids), ("a/c.rs", "")]);
    let bad = [("a/Cargo.toml", manifest), ("a/lib.rs", forbids), ("a/b.rs", "// #![forbid(unsafe_code)]")];
    assert_eq!(reject(rule, &bad), "a/b.rs:1");
    reject(rule, &[("a/Cargo.toml", "[package]\nname = \"a\"\n"), ("a/src/main.rs", "fn main() {}\n")]);
    reject(rule, &[("a/Cargo.toml", "[package]\nname = \"a\"\n"), ("a/examples/one.rs", "fn main() {}\n")]);

    let fuzz = "[package]\nname = \"fuzz\"\n[[bin]]\npath = \"a.rs\"\n[workspace]\n";
    accept(rule, &[("src/a/fuzz/Cargo.toml", fuzz), ("src/a/fuzz/a.rs", "#![no_main]\n")]);
    let os = "[package]\nname = \"shardcast-os\"\n[lib]\npath = \"lib.rs\"\n";
    accept(rule, &[("src/os/Cargo.toml", os), ("src/os/lib.rs", "//! Os.\n")]);
}

#[test]
fn a_core_imports_no_sibling() {
    let rule = cores::know_no_sibling;
    for good in [
        "use crate::{Session, time::Time};\nuse super::Route;",
        "use crate::tars::framed;\nuse self::push::Outgoing;\nvec.push(1); Vec::push(&mut v, 1);",
        "// crate::seastar is another one\nconst NAME: &str = \"crate::seastar\";",
    ] {
        accept(rule, &[("src/proto/tars/session.rs", good), ("src/proto/lib.rs", "pub use crate::tars::T;")]);
    }
    for bad in [
        "use crate::seastar::Frame;",
        "use crate::{Time, seastar::{Frame, Verb}};",
        "use super::super::tcpshm;",
        "fn f() { crate::push::topics(); }",
        "#[cfg(test)]\nmod tests { use crate::tcpshm; }",
    ] {
        reject(rule, &[("src/proto/tars/session.rs", bad)]);
    }
    reject(rule, &[("src/proto/push.rs", "use super::tars::T;")]);
    accept(rule, &[("src/proto/tars/proxy.rs", "use crate::rpc::CallTable;")]);
    reject(rule, &[("src/proto/rpc/mod.rs", "use crate::tars::T;")]);
}

#[test]
fn a_core_reads_no_clock_and_does_no_io() {
    let rule = cores::read_no_clock_and_do_no_io;
    let good = "use std::{collections::VecDeque, time::Duration};\n// std::time::Instant\n\
                #[cfg(test)]\nmod tests { use std::fs; }\nfn f(core: u8, net: u8) {}";
    accept(rule, &[("src/proto/time.rs", good), ("src/proto/tests/it/main.rs", "use std::fs;")]);
    accept(rule, &[("src/runtime/lib.rs", "use std::net::SocketAddr;")]);
    accept(rule, &[("src/proto/session/opening.rs", "use core::net::SocketAddr;")]);
    for bad in [
        "use std::time::Instant;",
        "use std::{cell::Cell, time::{Duration, SystemTime}};",
        "fn f(peer: std::net::SocketAddr) {}",
        "fn f() { ::std::thread::yield_now() }",
        "use std::net::IpAddr;",
        "thread_local! { static A: u8 = 1; }",
        "fn f() { println!(\"seen\"); }",
    ] {
        reject(rule, &[("src/proto/tars/mod.rs", bad)]);
    }
}

#[test]
fn unsafe_is_found_in_code_only() {
    let rule = sources::unsafe_stays_in_os;
    accept(rule, &[("src/os/ring.rs", "unsafe { f() }")]);
    accept(rule, &[("bench/lib.rs", "#![forbid(unsafe_code)]\n// unsafe\nconst A: &str = \"unsafe {}\";")]);
    assert_eq!(reject(rule, &[("bench/lib.rs", "fn f() {\n    unsafe { g() }\n}")]), "bench/lib.rs:2");
}

#[test]
fn what_moves_messages_names_no_protocol() {
    let rule = sources::shared_code_names_no_protocol;
    let good =
        "//! Starts links; targets.\n#[cfg(test)]\nmod tests {\n    // as tars does\n    use tars;\n}\n";
    accept(rule, &[("src/runtime/conns/tcp.rs", good), ("src/runtime/server.rs", "use proto::tars;")]);
    accept(rule, &[("src/runtime/conns/tests.rs", "use proto::tars;")]);
    for bad in ["// as Tars does", "use proto::seastar;", "struct TarsLink;", "fn tars_push() {}", "TcpShm"] {
        reject(rule, &[("src/runtime/conns/tcp.rs", bad)]);
        reject(rule, &[("src/runtime/mesh.rs", bad)]);
        reject(rule, &[("src/cli/topics/mod.rs", bad)]);
        reject(rule, &[("src/cli/serve/mod.rs", bad)]);
    }
    for at_home in ["protocols/tars_framed.rs", "decode/mod.rs", "args.rs", "serve/tests.rs"] {
        accept(rule, &[(&format!("src/cli/{at_home}"), "use shardcast::tars;")]);
    }
}

#[test]
fn a_public_item_is_shown_in_an_example() {
    let rule = examples::public_items_are_shown;
    let check = |docs: &str| format!("use std::fmt;\n\n/// One.\n{docs}#[derive(Debug)]\npub struct One;\n");
    let (shown, other) = ("/// ```\n/// let one = One;\n/// ```\n", "/// ```\n/// let other = 1;\n/// ```\n");
    accept(rule, &[("src/proto/a.rs", &check(shown))]);
    accept(rule, &[("src/proto/a.rs", &check(other))]);
    for (path, text) in [
        ("src/proto/lib.rs", "//! ```\n//! use shardcast_proto::One;\n//! ```\n"),
        ("examples/one.rs", "use shardcast::proto::One;"),
        ("README.md", "```rust,no_run\nuse shardcast::proto::One;\n```\n"),
    ] {
        accept(rule, &[("src/proto/a.rs", &check("")), (path, text)]);
    }
    for (path, text) in [
        ("src/proto/lib.rs", "//! ```ignore\n//! use shardcast_proto::One;\n//! ```\n"),
        ("src/proto/lib.rs", "//! One.\n//! ```\n//! // One\n//! let text = \"One\";\n//! ```\n"),
        ("src/proto/tests/it/main.rs", "/// ```\n/// One\n/// ```\nfn f() {}"),
        ("examples/tests/one.rs", "use shardcast::proto::One;"),
        ("README.md", "```console\n$ One\n```\n"),
    ] {
        assert_eq!(reject(rule, &[("src/proto/a.rs", &check("")), (path, text)]), "src/proto/a.rs:5");
    }
    for item in [
        "pub enum E { A }",
        "pub trait T {}",
        "pub const fn f() {}",
        "pub const C: u8 = 1;",
        "pub type T = u8;",
        "#![allow(x)]\npub mod op { pub const A: u8 = 1; }",
        "#[macro_export]\nmacro_rules! m { () => {}; }",
    ] {
        reject(rule, &[("src/codegen/a.rs", item)]);
    }
    for item in [
        "pub(crate) struct S;",
        "pub use a::S;",
        "pub mod a;",
        "macro_rules! m { () => { pub struct S; }; }",
        "impl S { pub fn f() {} }",
        "#[doc(hidden)]\npub fn f() {}",
        "#[cfg(test)]\nmod tests { pub fn f() {} }",
    ] {
        accept(rule, &[("src/runtime/a.rs", item)]);
    }
    accept(rule, &[("src/os/a.rs", &check("")), ("src/proto/testing/mod.rs", &check(""))]);
}

#[test]
fn a_name_of_several_items_is_shown_near_each() {
    let rule = examples::public_items_are_shown;
    let (a, b) = (("src/proto/a/one.rs", "pub struct One;"), ("src/proto/b/one.rs", "pub enum One {}"));
    let in_a = ("src/proto/a/mod.rs", "//! ```\n//! use shardcast_proto::a::One;\n//! ```\n");
    let in_b = ("src/proto/b/two/mod.rs", "//! ```\n//! use shardcast_proto::b::One;\n//! ```\n");
    accept(rule, &[a, in_a]);
    accept(rule, &[a, b, in_a, in_b]);
    assert_eq!(reject(rule, &[a, b, in_a, ("examples/one.rs", "use One;")]), "src/proto/b/one.rs:1");
}

#[test]
fn nothing_is_left_over() {
    let rule = sources::nothing_is_left_over;
    accept(rule, &[("a.rs", "// todo!()\nfn todo() { todo(); }")]);
    for bad in
        ["todo!()", "unimplemented!(\"x\")", "std::dbg!(x)", "#[cfg(test)]\nmod t { fn f() { todo!() } }"]
    {
        reject(rule, &[("a.rs", bad)]);
    }
}

#[test]
fn an_ignored_test_says_why() {
    let rule = sources::ignored_tests_say_why;
    accept(
        rule,
        &[("a.rs", "#[ignore = \"an hour; run with `x`\"]\nfn a() {}\n#[cfg_attr(miri, ignore = \"I/O\")]")],
    );
    accept(rule, &[("a.rs", "fn ignore(ignore: u8) { v[ignore]; }")]);
    reject(rule, &[("a.rs", "#[ignore]\nfn a() {}")]);
    reject(rule, &[("a.rs", "#[ignore = \"takes an hour\"]\nfn a() {}")]);
    reject(rule, &[("a.rs", "#[cfg_attr(miri, ignore)]\nfn a() {}")]);
}

#[test]
fn a_source_file_has_at_most_800_lines() {
    let rule = sources::files_are_short;
    accept(rule, &[("src/a.rs", &"\n".repeat(800)), ("src/a/tests.rs", &"\n".repeat(900))]);
    assert_eq!(reject(rule, &[("src/a.rs", &"\n".repeat(801))]), "src/a.rs:801");
}

#[test]
fn no_text_names_a_path_of_one_machine() {
    let rule = texts::name_no_path_of_a_machine;
    accept(rule, &[("a.md", "src/home/mod.rs, https://host.example/work/, $DIR/work/x, network/work/y")]);
    for place in texts::MACHINE_PATHS {
        reject(rule, &[("a.md", &format!("see `{place}x`"))]);
        reject(rule, &[("deny.toml", &format!("path = \"{place}x\""))]);
    }
}

#[test]
fn modules_of_the_runtime_have_no_cycle() {
    let rule = modules::modules_have_no_cycle;
    let root = ("src/runtime/lib.rs", "pub use mesh::{Connection, port::Port};\npub use push::*;");
    let below = ("src/runtime/mesh/mod.rs", "use super::envelope; // crate::push\nuse std::sync::Arc;");
    let above = ("src/runtime/push.rs", "use crate::{Connection, mesh::Router};\nuse crate::push::handle;");
    let test = ("src/runtime/mesh/tests.rs", "use crate::push::Publisher;");
    accept(rule, &[root, below, above, test]);
    // Each use on the way round is a finding.
    let findings = |files: &[(&str, &str)]| -> Vec<String> {
        rule(&tree(files)).iter().map(|it| format!("{}:{}", it.path, it.line)).collect()
    };
    for back in ["use crate::push::Publisher;", "fn f() { crate::push::f() }", "use crate::{push};"] {
        let found = findings(&[root, above, ("src/runtime/mesh/mod.rs", back)]);
        assert_eq!(found, ["src/runtime/push.rs:1", "src/runtime/push.rs:1", "src/runtime/mesh/mod.rs:1"]);
    }
    // By way of a third one.
    let third = ("src/runtime/task.rs", "use crate::push::Publisher;");
    let back = ("src/runtime/mesh/port.rs", "use crate::task::spawn;");
    assert_eq!(findings(&[root, above, third, back]).len(), 4);
    // By a name of the root.
    let named = ("src/runtime/push.rs", "use crate::Port;");
    assert_eq!(findings(&[root, named, ("src/runtime/mesh/a.rs", "use crate::push;")]).len(), 2);
}

#[test]
fn modules_of_the_command_have_no_cycle() {
    let rule = modules::modules_have_no_cycle;
    let root = ("src/cli/main.rs", "mod args;\nmod bench;\nfn main() { commands::run(args::parse()) }");
    let above = ("src/cli/commands.rs", "use crate::{args::Args, bench};");
    let args = ("src/cli/args.rs", "use crate::bench::BenchCommand;");
    accept(rule, &[root, above, args, ("src/cli/bench/mod.rs", "use crate::output::print;")]);
    let both = [root, above, ("src/cli/bench/mod.rs", "use crate::commands::EXIT;")];
    let found: Vec<_> = rule(&tree(&both)).into_iter().map(|it| it.path).collect();
    assert_eq!(found, ["src/cli/commands.rs", "src/cli/bench/mod.rs"]);
}

#[test]
fn a_command_uses_no_other() {
    let rule = modules::commands_use_no_other;
    let doctor = ("src/cli/doctor/mod.rs", "use crate::probes::examine;");
    accept(rule, &[doctor, ("src/cli/commands.rs", "use crate::{bench, doctor};")]);
    reject(rule, &[doctor, ("src/cli/bench/mod.rs", "use crate::{doctor::warnings, output::print};")]);
}

#[test]
fn links_of_documents_lead_somewhere() {
    let rule = texts::links_lead_somewhere;
    let good = "[a](docs/errors.md#codes) [b](https://x.example/y) [c](#here) [`d`](docs/)\n\
                ```\n[not](a-link.md)\n```\n`[nor](this.md)`\n[e]: docs/errors.md\n";
    accept(rule, &[("README.md", good), ("docs/errors.md", "[up](../README.md)")]);
    assert_eq!(reject(rule, &[("docs/a.md", "one\n[b](b.md)")]), "docs/a.md:2");
    reject(rule, &[("docs/a.md", "[`b`](b.md)")]);
    reject(rule, &[("docs/a.md", "[outside](../../a.md)")]);
    reject(rule, &[("docs/a.md", "[b]: b.md")]);
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    let rule = texts::changelog_has_an_unreleased_section;
    accept(rule, &[("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")]);
    accept(rule, &[("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")]);
    reject(rule, &[("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n")]);
    reject(rule, &[]);
}

#[test]
fn every_error_code_is_documented() {
    let rule = texts::error_codes_are_documented;
    let document = ("docs/errors.md", "| `slow` | a peer that does not read |\n");
    let source = "/// Not `code`, \"this\",\nSelf::Slow => \"slow\",\nSelf::A(b) => f(b, \"x y\"),\n";
    accept(rule, &[document, ("src/proto/session/error.rs", source)]);
    assert_eq!(
        reject(rule, &[document, ("src/proto/connection/reason.rs", "[\n\"idle\",\n]")]),
        "src/proto/connection/reason.rs:2"
    );
    reject(rule, &[document, ("src/proto/session/error.rs", "Self::Malformed(_) => \"malformed\",")]);
}

#[test]
fn the_sources_of_error_codes_exist() {
    for path in texts::CODES_SOURCES {
        assert!(crate::root().join(path).is_file(), "{path}");
    }
}

#[test]
fn words_are_standard() {
    let rule = words::words_are_standard;
    for bad in [
        "All mistakes are reported.",
        "The sender is told.",
        "It heard nothing.",
        "Nobody reads it.",
        "Whoever reads it.",
        "This is no policy.",
        "It holds up the next one.",
        "It lets go of the slot.",
        "As it stands.",
        "It does not speak of topics.",
        "The one called as the listener.",
        "It ends without a word.",
        "It is bounded by what there is.",
        "It is about the same ones.",
        "Through the door.",
        "It owes a response.",
        "It settles the request.",
        "The pace of a topic.",
        "The class of a topic.",
        "A hole in the offsets.",
        "It was unasked.",
        "A short errand.",
        "The shards wither.",
        "A loud sleeper.",
        "The message behind it.",
        "Below this floor.",
        "Requests, as ever.",
    ] {
        assert_eq!(reject(rule, &[("README.md", &format!("# A\n\n{bad}\n"))]), "README.md:3", "{bad}");
        reject(rule, &[("src/os/a.rs", &format!("/// {bad}\nfn f() {{}}\n"))]);
        reject(rule, &[("src/os/a.rs", &format!("const TEXT: &str = \"{bad}\";\n"))]);
        accept(rule, &[("LICENSE", bad)]);
    }
    for name in [
        "fn who_is_told() {}",
        "struct LoudSleeper;",
        "fn is_no_policy() {}",
        "enum Side {}",
        "struct Here;",
        "enum Answer {}",
        "struct TopicClass;",
        "const PACE: u8 = 1;",
    ] {
        reject(rule, &[("src/os/a.rs", name)]);
    }
    // Over the end of a line.
    assert_eq!(reject(rule, &[("src/os/a.rs", "// This is\n// no policy.\n")]), "src/os/a.rs:1");
}

#[test]
fn ordinary_uses_of_words_to_avoid_are_accepted() {
    let rule = words::words_are_standard;
    for good in [
        "There is no policy, and it is no longer read.",
        "If it is, no message waits.",
        "Standard threshold, a heartbeat, Classic, indoors.",
        "The server falls behind.",
        "| it is | no policy |",
    ] {
        accept(rule, &[("docs/push.md", good), ("src/os/a.rs", &format!("// {good}\n"))]);
    }
    accept(rule, &[("docs/push.md", "`class` and\n```console\n$ it is no policy\n```\n")]);
    accept(rule, &[("src/os/a.rs", "// Here it is, on the other side.\nlet x = a.floor() as u64;\n")]);
    accept(
        rule,
        &[("src/os/a.rs", "// An answer that keeps pace.\nconst CARDS: &str = \"sys/class/net\";\n")],
    );
    accept(rule, &[("src/load/report/html/a.rs", "const NAME: &str = \"<p class=name>\";\n")]);
}

#[test]
fn comments_strings_and_characters_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a c"),
        ("a /* b /* c */ d */ e", "a e"),
        ("a \"b\\\"c\" d", "a d"),
        ("r#\"a\"b\"# c", "c"),
        ("br\"a\\\" c", "c"),
        ("var\"a\" b", "var b"),
        ("r#type 'a '\\'' '中' b'\"' x", "r#type 'a b x"),
        ("a \"never closed", "a"),
        ("a /* never closed", "a"),
    ] {
        let left = rust::blank_comments_and_strings(text);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
        assert_eq!(left.lines().count(), text.lines().count(), "{text}");
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree { files: Vec::<File>::new(), paths: Default::default() };
    files.iter().for_each(|(path, text)| tree.add(path, text.as_bytes().to_vec()));
    tree
}

fn accept(rule: Rule, files: &[(&str, &str)]) {
    assert_eq!(rule(&tree(files)), Vec::<Finding>::new());
}

/// Where the one finding is, as `path:line`.
fn reject(rule: Rule, files: &[(&str, &str)]) -> String {
    let findings = rule(&tree(files));
    assert_eq!(findings.len(), 1, "{files:?} gave {findings:?}");
    format!("{}:{}", findings[0].path, findings[0].line)
}
