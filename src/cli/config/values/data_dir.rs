use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

use super::text::{TextValue, text_value};

/// Where the server keeps files of protocols.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum DataDir {
    /// The directory for the state of this service or user.
    Auto,
    At(PathBuf),
}

text_value!(DataDir);

impl TextValue for DataDir {
    const TITLE: &'static str = "\"auto\", or a path";
    const EXAMPLES: &'static [&'static str] = &["auto", "/var/lib/shardcast"];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err("a directory is a path in quotes, or \"auto\"".to_owned())
    }
}

impl FromStr for DataDir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            path if path.contains('\0') => Err("a path cannot contain a zero byte".to_owned()),
            path if !path.contains('/') => {
                Err(format!("invalid path `{path}`: write \"./data\", or \"auto\""))
            }
            path => Ok(Self::At(path.into())),
        }
    }
}

impl fmt::Display for DataDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

impl DataDir {
    /// The path, if there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::At(path) => Some(path.clone()),
            Self::Auto => state_directory(),
        }
    }
}

/// The directory for the state of this service or user.
pub(super) fn state_directory() -> Option<PathBuf> {
    state_directory_of(|name| std::env::var_os(name))
}

/// Of several directories of a service, systemd separates the paths with colons; the first one is used.
fn state_directory_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let directory = |name: &str| variable(name).map(PathBuf::from).and_then(absolute);
    let of_service = variable("STATE_DIRECTORY").and_then(|paths| std::env::split_paths(&paths).next());
    let service = of_service.and_then(absolute);
    let user = || directory("XDG_STATE_HOME").or_else(|| Some(directory("HOME")?.join(".local/state")));
    service.or_else(|| Some(user()?.join("shardcast")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_that_of_the_service_or_of_the_user() {
        let path = |variables: &[(&str, &str)]| {
            let find =
                |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into());
            state_directory_of(find).map(|path| path.display().to_string())
        };
        let home = ("HOME", "/u");
        for (variables, expected) in [
            (&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), home][..], Some("/var/lib/a")),
            (&[("XDG_STATE_HOME", "/s"), home], Some("/s/shardcast")),
            (&[("STATE_DIRECTORY", "a"), ("XDG_STATE_HOME", "s"), home], Some("/u/.local/state/shardcast")),
            (&[("STATE_DIRECTORY", ""), home], Some("/u/.local/state/shardcast")),
            (&[("HOME", "")], None),
            (&[], None),
        ] {
            assert_eq!(path(variables).as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for text in ["auto", "/var/lib/shardcast", "./data"] {
            assert_eq!(text.parse::<DataDir>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
        for text in ["data", "", "/a\0b"] {
            assert!(text.parse::<DataDir>().is_err(), "{text}");
        }
    }
}
