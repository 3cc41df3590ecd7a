//! `shardcast doctor`: is this host fit for the server, and if not, what to change.

pub(crate) mod print;

use std::process::ExitCode;

use crate::{
    config::Config,
    exit::{EXIT_FAILURES, EXIT_WARNINGS},
    output::print,
    probes::{Host, Needs, Severity, examine},
};

/// Prints the findings on this host; the exit code is that of the most severe one.
///
/// # Errors
///
/// Nothing can be printed.
pub(crate) fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let findings = examine(&Host::real(), &Needs::of(config));
    let text = if json { serde_json::to_string(&findings)? + "\n" } else { print::report(&findings) };
    print(&text)?;
    Ok(match findings.iter().map(|it| it.severity).max() {
        Some(Severity::Failure) => ExitCode::from(EXIT_FAILURES),
        Some(Severity::Warning) => ExitCode::from(EXIT_WARNINGS),
        _ => ExitCode::SUCCESS,
    })
}
