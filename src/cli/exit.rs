//! Exit codes of the commands.

/// Something failed while running.
pub(crate) const EXIT_RUNTIME: u8 = 1;
/// The command line or the configuration is not valid.
pub(crate) const EXIT_CONFIGURATION: u8 = 2;

/// `doctor`: this host has a warning, or a failure.
pub(crate) const EXIT_WARNINGS: u8 = 3;
pub(crate) const EXIT_FAILURES: u8 = 4;

/// `bench`: a condition of `--assert` is false, or one of `--fail-if` is true.
pub(crate) const EXIT_THRESHOLD: u8 = 5;
