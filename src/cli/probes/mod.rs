//! Conditions of the host that the server depends on, and how this host meets them: for `doctor`, for the log of `serve`
//! and for the reports of `bench`.
//!
//! Every probe reads files below a root, which tests replace by their own tree, and judges their content. A
//! file that cannot be read, as in a container or for a user without rights, makes a condition unknown; this is
//! never an error. Probes change nothing: `scripts/tune-host.sh` does, and only with `--apply`.

mod cpus;
mod host;
mod kernel;
mod limits;
mod network;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(crate) use host::{Host, Needs};

/// One condition, and how this host meets it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub(crate) condition: &'static str,
    pub(crate) required: String,
    pub(crate) current: String,
    pub(crate) severity: Severity,
    /// What to do; empty if there is nothing to do.
    pub(crate) fix: String,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    Ok,
    /// This host does not report it.
    Unknown,
    /// The server works, but not as well as it could, or not under load.
    Warning,
    /// The server does not start, or does not work.
    Failure,
}

/// The conditions that this host does not meet, a line each: for logs and for reports of measurements.
pub(crate) fn warnings(needs: &Needs) -> Vec<String> {
    let findings = examine(&Host::real(), needs);
    let bad = findings.into_iter().filter(|it| it.severity >= Severity::Warning);
    bad.map(|it| format!("{}: {} (should be {})", it.condition, it.current, it.required)).collect()
}

/// Examines all conditions.
pub(crate) fn examine(host: &Host, needs: &Needs) -> Vec<Finding> {
    vec![
        kernel::version(host),
        kernel::io_uring(host),
        limits::nofile(host, needs),
        limits::memlock(host, needs),
        limits::memory(host, needs),
        network::somaxconn(host),
        network::syn_backlog(host),
        network::port_range(host, needs),
        network::congestion_control(host),
        kernel::clocksource(host),
        cpus::governor(host),
        kernel::transparent_huge_pages(host),
        cpus::interrupts(host, needs),
        cpus::quota(host, needs),
        limits::shared_memory(host),
    ]
}

/// A condition before it is judged.
struct Condition {
    condition: &'static str,
    required: String,
}

impl Condition {
    fn new(condition: &'static str, required: impl Into<String>) -> Self {
        Self { condition, required: required.into() }
    }

    fn ok(self, current: impl Into<String>) -> Finding {
        self.judged(current, Severity::Ok, "")
    }

    fn unknown(self, why: impl Into<String>) -> Finding {
        self.judged(why, Severity::Unknown, "")
    }

    fn warning(self, current: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.judged(current, Severity::Warning, fix)
    }

    fn failure(self, current: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.judged(current, Severity::Failure, fix)
    }

    fn judged(self, current: impl Into<String>, severity: Severity, fix: impl Into<String>) -> Finding {
        let Self { condition, required } = self;
        Finding { condition, required, current: current.into(), severity, fix: fix.into() }
    }
}
