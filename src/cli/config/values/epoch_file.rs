use std::{fmt, path::PathBuf, str::FromStr};

use super::{
    data_dir::state_directory,
    text::{TextValue, text_value},
};

/// Where a server keeps the first epoch of its next run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EpochFile {
    /// In the directory for the state of this service or user.
    Auto,
    Off,
    At(PathBuf),
}

text_value!(EpochFile);

impl TextValue for EpochFile {
    const TITLE: &'static str = "\"auto\", a path, or \"\"";
    const EXAMPLES: &'static [&'static str] = &["auto", "/var/lib/shardcast/epoch", ""];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err("a file is a path in quotes, \"auto\", or \"\" for none".to_owned())
    }
}

impl FromStr for EpochFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            path if path.contains('\0') => Err("a path cannot contain a zero byte".to_owned()),
            path if !path.contains('/') || path.ends_with('/') => {
                Err(format!("invalid path `{path}`: write \"./epoch\", \"auto\", or \"\" for none"))
            }
            path => Ok(Self::At(path.into())),
        }
    }
}

impl fmt::Display for EpochFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => Ok(()),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

impl EpochFile {
    /// The path, if there is to be a file and a place for it.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::At(path) => Some(path.clone()),
            Self::Off => None,
            Self::Auto => {
                let path = state_directory().map(|directory| directory.join("epoch"));
                if path.is_none() {
                    tracing::warn!("no directory for server.epoch_file: epochs grow with the clock only");
                }
                path
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for text in ["auto", "", "/var/lib/shardcast/epoch", "./epoch"] {
            assert_eq!(text.parse::<EpochFile>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
        for text in ["epoch", "/var/lib/", "/a\0b"] {
            assert!(text.parse::<EpochFile>().is_err(), "{text}");
        }
    }
}
