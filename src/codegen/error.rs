use std::{fmt, io, path::PathBuf};

use crate::{Diagnostic, Severity};

/// Why nothing was generated.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file given to the builder could not be read; name one that exists.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files are not right; each diagnostic names file, line and column. Never empty.
    Invalid(Vec<Diagnostic>),
    /// There is no character set of this name, or it does not hold ASCII.
    Charset(String),
    /// No directory was given to write to, and Cargo has set no `OUT_DIR`.
    NoOutDir,
    /// A file could not be written.
    Write {
        /// The file, or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Invalid(diagnostics) => {
                for diagnostic in diagnostics {
                    writeln!(f, "{diagnostic}\n")?;
                }
                let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
                match (errors, diagnostics.len() - errors) {
                    (errors, 0) => f.write_str(&count(errors, "error")),
                    (0, warnings) => f.write_str(&count(warnings, "warning")),
                    (errors, warnings) => {
                        write!(f, "{} and {}", count(errors, "error"), count(warnings, "warning"))
                    }
                }
            }
            Self::Charset(name) => write!(f, "`{name}` is no character set that .tars files can be in"),
            Self::NoOutDir => f.write_str("no directory to write to: give one, or run it in a build script"),
            Self::Write { path, source } => write!(f, "cannot write {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Invalid(_) | Self::Charset(_) | Self::NoOutDir => None,
        }
    }
}

fn count(many: usize, what: &str) -> String {
    if many == 1 { format!("1 {what}") } else { format!("{many} {what}s") }
}
