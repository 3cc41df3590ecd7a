use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use super::text::{TextValue, text_value};

/// An address to listen on; port 0 takes a free port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ListenAddr(pub(crate) SocketAddr);

text_value!(ListenAddr);

impl TextValue for ListenAddr {
    const TITLE: &'static str = "ip:port";
    const EXAMPLES: &'static [&'static str] = &["127.0.0.1:10099", "0.0.0.0:10099", "[::1]:0"];

    fn from_integer(number: i64) -> Result<Self, String> {
        Err(format!("an address is an IP and a port in quotes: write \"127.0.0.1:{number}\""))
    }
}

impl FromStr for ListenAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| not_an_address(text))
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address to listen on, or empty: do not listen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AdminListen(pub(crate) Option<SocketAddr>);

text_value!(AdminListen);

impl TextValue for AdminListen {
    const TITLE: &'static str = "ip:port, or \"\"";
    const EXAMPLES: &'static [&'static str] = &["127.0.0.1:9180", "[::1]:0", ""];

    fn from_integer(number: i64) -> Result<Self, String> {
        Err(format!(
            "an address is an IP and a port in quotes: write \"127.0.0.1:{number}\", or \"\" for none"
        ))
    }
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self(None)),
            text => text.parse().map(|address| Self(Some(address))).map_err(|_| not_an_address(text)),
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |address| address.fmt(f))
    }
}

/// A Unix socket for operators.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum AdminSocket {
    /// In the directory of this user.
    Auto,
    Off,
    At(PathBuf),
}

text_value!(AdminSocket);

impl TextValue for AdminSocket {
    const TITLE: &'static str = "\"auto\", a path, or \"\"";
    const EXAMPLES: &'static [&'static str] = &["auto", "/run/shardcast/admin.sock", ""];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err("a socket is a path in quotes, \"auto\", or \"\" for none".to_owned())
    }
}

impl FromStr for AdminSocket {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            // The kernel's limit, with the final zero byte.
            path if path.len() > SOCKET_PATH_MAX => {
                Err(format!("the path of a socket has at most {SOCKET_PATH_MAX} bytes, not {}", path.len()))
            }
            path if path.contains('\0') => Err("a path cannot contain a zero byte".to_owned()),
            path if !path.contains('/') => {
                Err(format!("invalid path `{path}`: write \"./{path}\", \"auto\", or \"\" for none"))
            }
            path => Ok(Self::At(path.into())),
        }
    }
}

impl fmt::Display for AdminSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => Ok(()),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

/// See unix(7).
pub(crate) const SOCKET_PATH_MAX: usize = 107;

fn not_an_address(text: &str) -> String {
    let example = "\"127.0.0.1:10099\" or \"[::1]:10099\"";
    match text.strip_prefix("localhost:") {
        Some(port) => format!("`{text}` is a host name, not an IP: write \"127.0.0.1:{port}\""),
        None => format!("invalid address `{text}`: expected an IP address and a port, such as {example}"),
    }
}
