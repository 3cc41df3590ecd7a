use std::{fmt, io, path::PathBuf};

use crate::Diagnostic;

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
    /// The files were read and no fault was found, but this version does not write Rust yet.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Invalid(diagnostics) => {
                for diagnostic in diagnostics {
                    writeln!(f, "{diagnostic}\n")?;
                }
                match diagnostics.len() {
                    1 => write!(f, "1 problem, nothing generated"),
                    many => write!(f, "{many} problems, nothing generated"),
                }
            }
            Self::Unsupported => f.write_str("this version of shardcast-build does not generate Rust yet"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Invalid(_) | Self::Unsupported => None,
        }
    }
}
