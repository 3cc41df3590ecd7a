use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

/// Which addresses may connect to an adapter: `allow`, `deny` and `order` of TarsCpp.
///
/// Both lists are of addresses, separated by `;`, `,` or blanks. In an IPv4 address, `*` is any number; a `*` alone is
/// any address. The lists are asked in `order`, and the first that has the address decides. If none has it, it is admitted if
/// `allow` is empty.
///
/// # Examples
/// ```
/// use shardcast::tars::rpc::{Access, AccessError};
///
/// let access = Access::new("10.1.*.*; 127.0.0.1", "10.1.2.*", "deny,allow")?;
/// let permits = |address: &str| access.permits(address.parse().expect("an address"));
/// assert!(permits("10.1.3.4") && permits("127.0.0.1"));
/// assert!(!permits("10.1.2.4") && !permits("192.168.0.1"));
/// assert!(Access::default().permits([192, 168, 0, 1].into()));
///
/// assert_eq!(Access::new("10.1.2", "", "").err(), Some(AccessError::Address("10.1.2".into())));
/// assert_eq!(Access::new("", "", "allow").err(), Some(AccessError::Order("allow".into())));
/// # Ok::<(), AccessError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Access {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
    denies_first: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Pattern {
    Any,
    /// `None` is any number.
    V4([Option<u8>; 4]),
    Exactly(IpAddr),
}

/// An invalid option of an adapter about access.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Not an address, and not one with `*`.
    #[error("`{0}` is not an address")]
    Address(String),
    /// Neither `allow,deny` nor `deny,allow`.
    #[error("invalid order `{0}`: use `allow,deny` or `deny,allow`")]
    Order(String),
}

impl Access {
    /// Reads the three options. An empty order is `allow,deny`.
    ///
    /// # Errors
    /// The first part that cannot be read.
    pub fn new(allow: &str, deny: &str, order: &str) -> Result<Self, AccessError> {
        let denies_first = match &words(order).collect::<Vec<_>>()[..] {
            [] | ["allow", "deny"] => false,
            ["deny", "allow"] => true,
            _ => return Err(AccessError::Order(order.to_owned())),
        };
        let list = |text| words(text).map(str::parse).collect::<Result<Vec<Pattern>, _>>();
        Ok(Self { allow: list(allow)?, deny: list(deny)?, denies_first })
    }

    /// Whether a peer of this address may connect.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let has = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(address));
        let (allowed, denied) = (has(&self.allow), has(&self.deny));
        match (allowed, denied) {
            (true, true) => !self.denies_first,
            (false, false) => self.allow.is_empty(),
            _ => allowed,
        }
    }

    /// Whether all addresses may connect.
    pub(super) fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', ',', ' ', '\t']).filter(|word| !word.is_empty())
}

impl Pattern {
    fn matches(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Any, _) => true,
            (Self::V4(parts), IpAddr::V4(address)) => {
                parts.iter().zip(address.octets()).all(|(part, octet)| part.is_none_or(|part| part == octet))
            }
            (Self::V4(_), IpAddr::V6(_)) => false,
            (Self::Exactly(own), address) => *own == address,
        }
    }
}

impl FromStr for Pattern {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(match address {
                IpAddr::V4(address) => Self::V4(exact(address)),
                address => Self::Exactly(address),
            });
        }
        let error = || AccessError::Address(text.to_owned());
        let part = |part: &str| match part {
            "*" => Ok(None),
            part => part.parse().map(Some).map_err(|_| error()),
        };
        let parts: Vec<Option<u8>> = text.split('.').map(part).collect::<Result<_, _>>()?;
        parts.try_into().map(Self::V4).map_err(|_| error())
    }
}

fn exact(address: Ipv4Addr) -> [Option<u8>; 4] {
    address.octets().map(Some)
}
