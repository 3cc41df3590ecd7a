//! The binary as a user runs it: transcripts, exit codes, generated files.

use std::{fs, path::Path, process::Command};

use assert_cmd::assert::OutputAssertExt;

#[test]
fn transcripts_come_out_as_written() {
    trycmd::TestCases::new().register_bin("shardcast", Path::new(BINARY)).case("tests/transcripts/*.trycmd");
}

#[test]
fn generated_files_are_up_to_date() {
    let mut stale = Vec::new();
    for (file, arguments) in
        [("config/shardcast.toml", ["config", "init"]), ("docs/configuration.md", ["config", "doc"])]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        let generated = stdout(&arguments);
        if fs::read_to_string(&path).unwrap_or_default() != generated {
            fs::write(&path, generated).expect("the file can be written");
            stale.push(file);
        }
    }
    assert!(stale.is_empty(), "out of date: {stale:?}. They are updated now; see git diff");
}

#[test]
fn the_file_with_every_option_is_valid_and_means_the_defaults() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/shardcast.toml");
    let file = file.to_str().expect("the path is text");
    shardcast(&["check", "--config", file]).assert().success();
    assert_eq!(stdout(&["config", "show", "--config", file]), stdout(&["config", "show"]));
}

#[test]
fn the_printed_configuration_can_be_used_as_a_file() {
    let shown = stdout(&["config", "show", "--origin", "--dev", "--shards", "3", "--drain", "5"]);
    let directory = env!("CARGO_TARGET_TMPDIR");
    let file = Path::new(directory).join("shown.toml");
    fs::write(&file, &shown).expect("a place for the test");
    let again = stdout(&["config", "show", "--config", file.to_str().expect("the path is text")]);
    let plain: Vec<&str> =
        shown.lines().map(|line| line.split("  #").next().unwrap_or("").trim_end()).collect();
    assert_eq!(again.lines().collect::<Vec<_>>(), plain);
}

#[test]
fn the_schema_is_json_and_knows_the_options() {
    let schema: serde_json::Value = serde_json::from_str(&stdout(&["config", "schema"])).expect("JSON");
    assert_eq!(schema["properties"]["limits"]["properties"]["connections_max"]["default"], 65536);
    assert_eq!(schema["properties"]["listener"]["items"]["required"], serde_json::json!(["name", "listen"]));
}

#[test]
fn exit_codes_distinguish_usage_errors_from_failures() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    for (arguments, variable, code) in [
        (["config", "show"], ("SHARDCAST_SERVER__SHARDS", "2"), 0),
        (["config", "show"], ("SHARDCAST_SERVER__SHARDS", "no"), 2),
        (["config", "show"], ("SHARDCAST_SERVER__SHADRS", "2"), 2),
        (["config", "show"], ("SHARDCAST_ANYTHING", "2"), 0),
        (["serve", "--dev"], ("SHARDCAST_LOG__LEVEL", "noisy"), 2),
        (["serve", "--dev"], ("SHARDCAST_ADMIN__LISTEN", &address), 1),
        (["serve", "--prod"], ("HOME", "/"), 2),
        (["check", "--config=no-such-file.toml"], ("HOME", "/"), 2),
    ] {
        shardcast(&arguments).env(variable.0, variable.1).assert().code(code);
    }
}

#[test]
fn a_reader_that_stops_early_is_not_an_error() {
    let mut child =
        shardcast(&["config", "doc"]).stdout(std::process::Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    assert!(child.wait().expect("ended").success());
}

#[test]
fn gen_writes_a_file_for_each_module_and_lists_them() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gen/idl");
    let _ = fs::remove_dir_all(&out);
    let out = out.to_str().expect("the path is text");
    let users = ["gen", USERS, "--out", out, "--map", "hash", "--strings", "lossy", "--optional", "--serde"];
    assert_eq!(stdout(&users), format!("{out}/users.rs\n{out}/mod.rs\n"));
    let written = fs::read_to_string(Path::new(out).join("users.rs")).expect("it was written");
    for expected in ["pub name: Option<String>,", "r.lossy(|r|", "impl codegen::serde::Serialize for User"] {
        assert!(written.contains(expected), "{written}");
    }
    shardcast(&["gen", USERS]).assert().code(2);
    shardcast(&["gen", USERS, "--out", USERS]).assert().code(1);
}

#[test]
fn fmt_lays_files_out_where_they_are() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fmt.tars");
    let file = path.to_str().expect("the path is text");
    fs::write(&path, "module M{enum E{A};};").expect("a place for the test");
    assert_eq!(stdout(&["idl", "fmt", file]), format!("{file}\n"));
    let laid_out = "module M\n{\n    enum E\n    {\n        A\n    };\n};\n";
    assert_eq!(fs::read_to_string(&path).expect("it is there"), laid_out);
    assert_eq!(stdout(&["idl", "fmt", file]), "");

    let mut child = shardcast(&["idl", "fmt", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut input, b"module M{enum E{A};};").expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(String::from_utf8_lossy(&output.stdout), laid_out);
}

#[test]
fn every_help_fits_on_a_screen_and_has_two_examples() {
    for arguments in [
        "",
        "serve",
        "check",
        "demo",
        "sub",
        "pub",
        "config",
        "config show",
        "config doc",
        "config schema",
        "config init",
        "decode",
        "conns",
        "top",
        "kick",
        "reload",
        "drain",
        "gen",
        "idl",
        "idl check",
        "idl fmt",
        "idl breaking",
        "journal",
        "journal inspect",
        "journal verify",
        "journal repair",
        "journal import",
        "bench",
        "bench push",
        "bench echo",
        "bench tars",
        "bench seastar",
        "bench compare",
        "call",
    ] {
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        arguments.push("--help");
        let help = stdout(&arguments);
        let lines_max = match &arguments[..] {
            // It names every command, so it grows with them.
            ["--help"] => 40,
            // Every option of the generated code is one of its own.
            ["gen", _] | ["idl", "check", _] => 30,
            _ => 24,
        };
        assert!(help.lines().count() <= lines_max, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        assert!(examples.lines().count() >= 2, "{help}");
    }
}

fn stdout(arguments: &[&str]) -> String {
    let output = shardcast(arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn shardcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

const BINARY: &str = env!("CARGO_BIN_EXE_shardcast");
const USERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/idl.in/user.tars");
