use std::{env, process::Command};

/// Runs `body` in a separate process, because it reads or changes state of the whole process. `name` is the path of the
/// calling test.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    if is_child(name) {
        return body();
    }
    let status = child(name).status().expect("this very binary can be run");
    assert!(status.success(), "{name}, in a separate process: {status}");
}

/// Whether this process was started to run the test `name` alone.
pub(crate) fn is_child(name: &str) -> bool {
    env::var_os(ALONE).is_some_and(|value| value == name)
}

/// This binary, about to run the test `name` alone.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of this binary"));
    command.args([name, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]).env(ALONE, name);
    command
}

const ALONE: &str = "SHARDCAST_IT_ALONE";
