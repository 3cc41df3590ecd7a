//! Who may act. Reading needs no permission; acting is for this user and root over the Unix socket, and over
//! loopback with the token.
//!
//! Over TCP, the host that a request names is checked. A web page can let its own name resolve to this server's
//! address (DNS rebinding), and a browser then lets the page read the responses. Such a request names the host of the
//! page.

use std::{
    cell::RefCell,
    fs,
    io::{self, Read},
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
};

use anyhow::Context;
use shardcast::{LogLimit, StartError, proto::Time};

use super::http::Response;
use crate::config::{AdminOptions, Secret};

/// Where a request came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Peer {
    /// Over TCP.
    Address(IpAddr),
    /// Over the Unix socket, from this user or root.
    Owner,
    /// Over the Unix socket, from another user.
    Stranger(String),
}

/// The rules of one server.
#[derive(Debug, Default)]
pub(super) struct Access {
    pub(super) token: Secret,
    /// Names of this server, besides `localhost`.
    pub(super) hosts: Vec<String>,
    /// Where the Unix socket is, if there is one.
    pub(super) socket: Option<PathBuf>,
    /// Limits log lines about refused actions: any process on this host can cause them.
    pub(super) refusals: RefCell<LogLimit>,
}

impl Access {
    /// The token of the configuration or of its token file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or does not contain a valid token.
    pub(super) fn token(options: &AdminOptions) -> Result<Secret, StartError> {
        if options.token_file.is_empty() {
            return Ok(options.token.clone());
        }
        read_token(Path::new(&options.token_file))
            .map_err(|error| StartError::Config(format!("[admin] token_file: {error:#}")))
    }

    /// Logs the number of refusals that were left out, when it is due.
    pub(super) fn log_left_out(&self, now: Time) {
        if let Some(left_out) = self.refusals.borrow_mut().report(now) {
            let seconds = LogLimit::WINDOW.as_secs();
            tracing::warn!(left_out, seconds, "more actions of operators were refused");
        }
    }

    /// Whether a request of `peer` for this host is for this server.
    pub(super) fn names_us(&self, peer: &Peer, host: Option<&[u8]>) -> Result<(), Response> {
        let (Peer::Address(_), Some(host)) = (peer, host) else { return Ok(()) };
        let ours = |name: &str| {
            let names = self.hosts.iter().map(String::as_str).chain(["localhost"]);
            is_address(name) || names.into_iter().any(|ours| ours.eq_ignore_ascii_case(name))
        };
        if std::str::from_utf8(host).is_ok_and(|host| ours(without_port(host))) {
            return Ok(());
        }
        let host = String::from_utf8_lossy(host);
        let text = format!(
            "`{host}` is not a name of this server\n\
             use an IP address or `localhost`, or add the name to `hosts` in [admin]\n"
        );
        Err(Response::text(421, text))
    }

    /// Whether `peer` may read at all.
    pub(super) fn reads(&self, peer: &Peer) -> Result<(), Response> {
        match peer {
            Peer::Stranger(who) => {
                Err(Response::text(403, format!("this socket is for its owner and root, not for {who}\n")))
            }
            Peer::Address(_) | Peer::Owner => Ok(()),
        }
    }

    /// Whether `peer` may act; if not, how it could.
    pub(super) fn acts(&self, peer: &Peer, authorization: Option<&[u8]>) -> Result<(), Response> {
        self.reads(peer)?;
        let Peer::Address(ip) = peer else { return Ok(()) };
        if !ip.to_canonical().is_loopback() {
            let text = format!("actions are accepted from this host only, not from {ip}\n{}", self.fix());
            return Err(Response::text(403, text));
        }
        let Some(token) = self.token.reveal() else {
            let text =
                format!("this server accepts no actions over TCP, because it has no token\n{}", self.fix());
            return Err(Response::text(403, text));
        };
        match authorization.map(bearer) {
            Some(Some(said)) if same(said, token.as_bytes()) => Ok(()),
            Some(_) => Err(Response::text(401, "wrong token\n")),
            None => {
                let text = format!("actions need `Authorization: Bearer TOKEN`\n{}", self.fix());
                Err(Response::text(401, text))
            }
        }
    }

    fn fix(&self) -> String {
        let token = match self.token.reveal() {
            Some(_) => "from this host, use the token: `--token-file FILE`, or $SHARDCAST_ADMIN__TOKEN",
            None => "or give the server a token ([admin] token_file), and use it with `--token-file FILE`",
        };
        match &self.socket {
            Some(path) => {
                format!("as this server's user or root, use `--admin unix:{}`;\n{token}\n", path.display())
            }
            None => format!(
                "give the server a Unix socket ([admin] socket) and use `--admin unix:PATH`;\n{token}\n"
            ),
        }
    }
}

/// A token that is the only content of a file.
///
/// # Errors
///
/// The file cannot be read, or does not contain a valid token.
pub(crate) fn read_token(path: &Path) -> anyhow::Result<Secret> {
    let name = path.display();
    let mut text = String::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => anyhow::bail!("{name}: invalid UTF-8"),
        read => read.with_context(|| format!("cannot read {name}"))?,
    };
    let secret: Secret =
        text.trim_end().parse().map_err(|error: String| anyhow::anyhow!("{name}: invalid token: {error}"))?;
    anyhow::ensure!(secret.reveal().is_some(), "{name} is empty");
    Ok(secret)
}

/// The host of `HOST` or `HOST:PORT`. An IPv6 address without brackets has no port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && host.parse::<Ipv6Addr>().is_err() =>
        {
            name
        }
        _ => host,
    }
}

/// Whether it is an IP address, which DNS does not resolve; one of IPv6 may have brackets.
fn is_address(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<IpAddr>().is_ok(),
    }
}

/// The token of `Bearer TOKEN`; the scheme has no case.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim_ascii())
}

/// Compares in a time that depends only on the length.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    one.len() == other.len() && differences == 0
}

const BEARER: &[u8] = b"bearer ";

/// More than the longest token and a line end.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;
