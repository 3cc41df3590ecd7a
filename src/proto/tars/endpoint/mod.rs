use std::{fmt, str::FromStr, time::Duration};

mod parse;

#[cfg(test)]
mod tests;

/// One address of an object: `tcp -h HOST -p PORT -t MILLISECONDS`.
///
/// Parsed as in TarsCpp: options in any order, the last of a kind counts. A value that begins with `-` counts
/// as the next option. A letter without a meaning here (such as `-b`) is accepted and ignored with its value.
/// Displayed in the same form, without defaults except the time, so that it parses to the same value again.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Endpoint {
    /// The first word.
    pub transport: Transport,
    /// `-h`: name or address; `*` means `0.0.0.0`, which is also the default.
    pub host: String,
    /// `-p`: 0 when not given.
    pub port: u16,
    /// `-t`: 3 s when not given. A server closes connections that are idle for this time, in whole seconds,
    /// see [`idle_timeout`](Self::idle_timeout); a client ignores it.
    pub timeout: Duration,
    /// `-g`: 0 when not given.
    pub grid: u32,
    /// `-q`: 0 when not given.
    pub qos: u32,
    /// `-w`: at most 100; 100 when `-v` is not 0 and `-w` is not given.
    pub weight: Option<u8>,
    /// `-v`: 0 round robin, 1 static weight.
    pub weight_type: u32,
    /// `-e`: whether connections authenticate themselves (0 or 1).
    pub auth: bool,
    /// `-s`: set division; empty when not given.
    pub set_division: String,
}

impl Endpoint {
    /// How long a server keeps an idle connection: whole seconds of `-t`; `None` (below 1 s) means forever.
    pub fn idle_timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.timeout.as_secs())).filter(|timeout| !timeout.is_zero())
    }

    fn new(transport: Transport) -> Self {
        Self {
            transport,
            host: ANY_HOST.into(),
            port: 0,
            timeout: Duration::from_millis(3000),
            grid: 0,
            qos: 0,
            weight: None,
            weight_type: 0,
            auth: false,
            set_division: String::new(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        parse::endpoint(parse::Piece { at: 0, text })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, host, port, timeout, .. } = self;
        write!(f, "{transport}")?;
        // Not last: it is free text, and the last option must not end like a separator.
        if !self.set_division.is_empty() {
            write!(f, " -s {}", self.set_division)?;
        }
        write!(f, " -h {host} -p {port} -t {}", timeout.as_millis())?;
        for (option, value) in [("-g", self.grid), ("-q", self.qos)] {
            if value != 0 {
                write!(f, " {option} {value}")?;
            }
        }
        if let Some(weight) = self.weight {
            write!(f, " -w {weight}")?;
        }
        if self.weight_type != 0 {
            write!(f, " -v {}", self.weight_type)?;
        }
        if self.auth {
            write!(f, " -e 1")?;
        }
        Ok(())
    }
}

/// The word an endpoint begins with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// `tcp`.
    Tcp,
    /// `ssl`: TLS over TCP.
    Ssl,
    /// `udp`.
    Udp,
}

impl Transport {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ssl => "ssl",
            Self::Udp => "udp",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Tcp, Self::Ssl, Self::Udp].into_iter().find(|transport| transport.as_str() == word)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The address of a proxy: `Name` (found through the registry) or `Name@ENDPOINT[:ENDPOINT…]` (direct), each
/// with an optional `#HASH` after the name.
///
/// The list is split before a word `tcp`, `ssl` or `udp` that is separated by blanks or `:` and is not the
/// value of an option. So a host name may contain those letters, even be one of those words, and an IPv6
/// address keeps its colons. TarsCpp splits at the letters wherever they are; lists without such names mean
/// the same in both.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::tars::{Endpoint, EndpointError, EndpointReason, ObjectRef, Transport};
///
/// let object: ObjectRef = "Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10099 -t 60000:ssl -h ::1 -p 10100".parse()?;
/// assert_eq!(object.name, "Demo.HelloServer.HelloObj");
/// let [first, second]: &[Endpoint] = &object.endpoints else { panic!("two endpoints") };
/// assert_eq!((&*first.host, first.port, first.timeout), ("10.0.0.1", 10099, Duration::from_secs(60)));
/// assert_eq!((second.transport, &*second.host), (Transport::Ssl, "::1"));
/// assert_eq!(second.transport.as_str(), "ssl");
///
/// let error: EndpointError = "Demo.HelloServer.HelloObj@".parse::<ObjectRef>().unwrap_err();
/// assert_eq!(error.reason, EndpointReason::NoEndpoint);
/// # Ok::<(), EndpointError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ObjectRef {
    /// `App.Server.Object`.
    pub name: String,
    /// The text after `#`: proxies with different hashes do not share connections.
    pub hash: Option<String>,
    /// In the given order; empty when the registry must be asked.
    pub endpoints: Vec<Endpoint>,
}

impl FromStr for ObjectRef {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        parse::object(text)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(hash) = &self.hash {
            write!(f, "#{hash}")?;
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let separator = if index == 0 { '@' } else { ':' };
            write!(f, "{separator}{endpoint}")?;
        }
        Ok(())
    }
}

/// An invalid endpoint or object string.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}, at byte {at}")]
pub struct EndpointError {
    /// The place, in bytes from the start of the string.
    pub at: usize,
    /// The error at this place.
    pub reason: EndpointReason,
}

/// The errors in endpoint and object strings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointReason {
    /// Nothing before `@` or `#`.
    #[error("the object has no name")]
    NoName,
    /// Nothing after `@`.
    #[error("no endpoint follows the `@`")]
    NoEndpoint,
    /// An endpoint begins with `tcp`, `ssl` or `udp`.
    #[error("expected `tcp`, `ssl` or `udp`")]
    NoTransport,
    /// Options are a `-` and one letter.
    #[error("expected an option: a `-` and one letter")]
    NoOption,
    /// The option needs a value; one that begins with `-` counts as the next option.
    #[error("option `-{0}` has no value")]
    NoValue(char),
    /// The value is not a whole number from 0 to the limit of its option.
    #[error("value of option `-{option}` is not a whole number from 0 to {max}")]
    BadNumber {
        /// The option's letter.
        option: char,
        /// Largest value allowed.
        max: u32,
    },
}

const ANY_HOST: &str = "0.0.0.0";
