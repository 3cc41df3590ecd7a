//! The client of admin HTTP: one request, one response, one connection.

use std::{
    env, fmt,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, bail};

use super::args::{Actor, Server};
use crate::{
    admin,
    config::{AdminOptions, Secret},
};

/// The admin address of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Host and port.
    Tcp(String),
    Unix(PathBuf),
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    place: Place,
    /// The Unix socket of that server, if it is on this host: there it answers its own user before others.
    socket: Option<PathBuf>,
    token: Secret,
}

/// A page of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Page {
    pub(super) body: Vec<u8>,
    /// The shards whose part is missing, as the server names them.
    pub(super) missing_shards: Option<String>,
}

/// The server cannot be reached: it is not running, or has stopped.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach a server at {place}: {error}")]
pub(super) struct Unreachable {
    place: Place,
    error: io::Error,
}

impl Client {
    /// For commands that read.
    pub(super) fn reader(server: &Server) -> Self {
        let place = place(server);
        let socket = socket_of(&place);
        Self { place, socket, token: Secret::default() }
    }

    /// For commands that act: with a token if there is one, else over the Unix socket of a server on this
    /// host.
    ///
    /// # Errors
    ///
    /// The token cannot be read.
    pub(super) fn actor(actor: &Actor) -> anyhow::Result<Self> {
        let place = place(&actor.server);
        let token = match &actor.token_file {
            Some(path) => admin::read_token(path)?,
            None => token_of_environment()?,
        };
        let socket = socket_of(&place).filter(|_| token.reveal().is_none());
        Ok(Self { place, socket, token })
    }

    /// Where the server is.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// Sends a GET request, and returns the body.
    ///
    /// # Errors
    ///
    /// [`Unreachable`], an invalid response, or the error that the server returns.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        Ok(self.get_page(path)?.body)
    }

    /// As [`get`](Self::get), with what the headers say.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub(super) fn get_page(&self, path: &str) -> anyhow::Result<Page> {
        self.ask("GET", path)
    }

    /// Sends a POST request, and returns the body.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub(super) fn post(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        Ok(self.ask("POST", path)?.body)
    }

    fn ask(&self, method: &str, path: &str) -> anyhow::Result<Page> {
        let (mut stream, host) = self.connect()?;
        let token = match self.token.reveal() {
            Some(token) => format!("Authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}Content-Length: 0\r\nConnection: close\r\n\r\n",
            host
        );
        let mut response = Vec::new();
        let received = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut response));
        received.with_context(|| format!("no response from {}", self.place))?;
        let (status, page) = read_response(&response)
            .with_context(|| format!("{} is not the admin address of a shardcast server", self.place))?;
        match status {
            200..300 => Ok(page),
            _ => bail!("{}", String::from_utf8_lossy(&page.body).trim_end()),
        }
    }

    /// A connection, with the host to name.
    fn connect(&self) -> Result<(Box<dyn ReadWrite>, &str), Unreachable> {
        // A server that was killed leaves its socket in place.
        let socket = self.socket.clone().map(Place::Unix).and_then(|socket| socket.connect().ok());
        let stream = socket.map_or_else(|| self.place.connect(), Ok);
        let stream = stream.map_err(|error| Unreachable { place: self.place.clone(), error })?;
        Ok((stream, self.place.host()))
    }
}

impl Place {
    /// The `Host` header.
    fn host(&self) -> &str {
        match self {
            Self::Tcp(address) => address,
            Self::Unix(_) => "localhost",
        }
    }

    fn connect(&self) -> io::Result<Box<dyn ReadWrite>> {
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Self::Tcp(address) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "address not found");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&reachable(address), PATIENCE) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(PATIENCE))?;
                            stream.set_write_timeout(Some(PATIENCE))?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("expected a path after `unix:`".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        match port.map(str::parse::<u16>) {
            Some(Ok(1..)) => Ok(Self::Tcp(text.to_owned())),
            _ => Err("expected HOST:PORT, or unix:PATH".to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The flag, or the server's environment variable, or the default.
fn place(server: &Server) -> Place {
    let from_environment = || env::var("SHARDCAST_ADMIN__LISTEN").ok()?.parse().ok();
    let default = || AdminOptions::default().listen.to_string().parse().expect("the default is an address");
    server.admin.clone().or_else(from_environment).unwrap_or_else(default)
}

/// The Unix socket of a server on this host, if it is of this user.
fn socket_of(place: &Place) -> Option<PathBuf> {
    match place {
        Place::Tcp(address) => local_port(address).and_then(admin::find_socket),
        Place::Unix(_) => None,
    }
}

fn token_of_environment() -> anyhow::Result<Secret> {
    if let Ok(token) = env::var("SHARDCAST_ADMIN__TOKEN") {
        return token.parse().map_err(|error: String| anyhow::anyhow!("SHARDCAST_ADMIN__TOKEN: {error}"));
    }
    match env::var_os("SHARDCAST_ADMIN__TOKEN_FILE").filter(|path| !path.is_empty()) {
        Some(path) => admin::read_token(&PathBuf::from(path)).context("SHARDCAST_ADMIN__TOKEN_FILE"),
        None => Ok(Secret::default()),
    }
}

/// The port, if the address is on this host.
fn local_port(address: &str) -> Option<u16> {
    let addresses = address.to_socket_addrs().ok()?;
    let mut local = addresses.filter(|it| it.ip().to_canonical().is_loopback() || it.ip().is_unspecified());
    local.next().map(|it| it.port())
}

/// For a server that listens on all addresses, connects to the loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => [127, 0, 0, 1].into(),
        IpAddr::V6(ip) if ip.is_unspecified() => [0, 0, 0, 0, 0, 0, 0, 1].into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Status and page of a complete response.
fn read_response(bytes: &[u8]) -> anyhow::Result<(u16, Page)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { bail!("incomplete response") };
    let header = |name: &str| {
        let header = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    };
    let length = header("Content-Length").and_then(|it| it.parse::<usize>().ok());
    let missing_shards = header(admin::MISSING_SHARDS).map(str::to_owned);
    let body = bytes[head..].to_vec();
    match length {
        Some(length) if length == body.len() => {
            Ok((response.code.unwrap_or_default(), Page { body, missing_shards }))
        }
        _ => bail!("incomplete response"),
    }
}

/// A server responds at once, or hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than the descriptions of all connections that a server can have.
const RESPONSE_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_print_as_they_are_written() {
        for text in ["127.0.0.1:9180", "[::1]:1", "localhost:9180", "unix:/run/a.sock", "unix:a"] {
            assert_eq!(text.parse::<Place>().expect(text).to_string(), text);
        }
        for text in ["", "unix:", "9180", ":9180", "host", "host:0", "host:x", "127.0.0.1:99999"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_addresses_of_this_host_have_a_socket_here() {
        for (address, port) in [
            ("127.0.0.1:9180", Some(9180)),
            ("127.9.9.9:1", Some(1)),
            ("0.0.0.0:2", Some(2)),
            ("[::1]:3", Some(3)),
            ("[::ffff:127.0.0.1]:4", Some(4)),
            ("192.0.2.1:9180", None),
            ("nonsense", None),
        ] {
            assert_eq!(local_port(address), port, "{address}");
        }
        assert_eq!(reachable("0.0.0.0:5".parse().expect("an address")).to_string(), "127.0.0.1:5");
    }

    #[test]
    fn an_incomplete_response_is_an_error() {
        let whole = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
        let page = Page { body: b"no".to_vec(), missing_shards: None };
        assert_eq!(read_response(whole.as_bytes()).expect("whole"), (404, page));
        let partial = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nMissing-Shards: 1, 3\r\n\r\n[]";
        let (_, page) = read_response(partial.as_bytes()).expect("whole");
        assert_eq!(page.missing_shards.as_deref(), Some("1, 3"));
        for end in 0..whole.len() {
            assert!(read_response(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
        for other in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "ready\n",
        ] {
            assert!(read_response(other.as_bytes()).is_err(), "{other}");
        }
    }
}
