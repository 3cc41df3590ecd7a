use std::{fmt, io, path::PathBuf};

use crate::{Diagnostic, Severity};

/// Why no code was generated.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file given to the builder could not be read; name one that exists.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The files have errors; each diagnostic names file, line and column. Never empty.
    Invalid(Vec<Diagnostic>),
    /// There is no character set with this name, or it does not contain ASCII.
    Charset(String),
    /// No output directory was given, and Cargo has set no `OUT_DIR`.
    NoOutDir,
    /// A file could not be written.
    Write {
        /// The file, or its directory.
        path: PathBuf,
        /// The system's error.
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
            Self::Charset(name) => write!(f, "unsupported character set `{name}`"),
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
