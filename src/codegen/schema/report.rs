//! Places in the files, and the diagnostics about them.

use crate::{
    Diagnostic, Severity,
    diagnostic::{Fault, Span},
    lexer::FAULTS_MAX,
    load::Source,
};

/// A place in one of the files of a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Site {
    /// Index into the sources.
    pub(crate) file: usize,
    pub(crate) span: Span,
}

impl Site {
    /// Whether `self` is read before `other`.
    pub(super) fn is_before(self, other: Self) -> bool {
        (self.file, self.span.start) < (other.file, other.span.start)
    }
}

/// Collects diagnostics, at most [`FAULTS_MAX`] of each severity.
pub(super) struct Report<'a> {
    pub(super) sources: &'a [Source],
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Report<'_> {
    pub(super) fn error(&mut self, site: Site, fault: Fault) {
        self.add(Severity::Error, site, fault);
    }

    pub(super) fn lint(&mut self, site: Site, fault: Fault) {
        self.add(Severity::Warning, site, fault);
    }

    /// Whether further errors would be discarded.
    pub(super) fn is_full(&self) -> bool {
        self.count(Severity::Error) >= FAULTS_MAX
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    fn add(&mut self, severity: Severity, site: Site, fault: Fault) {
        if self.count(severity) < FAULTS_MAX {
            self.diagnostics.push(self.sources[site.file].diagnostic(severity, site.span, fault));
        }
    }
}
