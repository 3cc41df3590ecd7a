//! The numbers and names in packets.

use std::fmt;

/// How the arguments of a packet are encoded (`iVersion`). Any other number is kept: TarsCpp servers treat it
/// like [`TARS`](Self::TARS) and echo it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(pub i16);

impl Version {
    /// Parameters by position.
    pub const TARS: Self = Self(1);
    /// Parameters by name, each with the name of its type; only Java and Node use it.
    pub const TUP_TYPED: Self = Self(2);
    /// Parameters by name.
    pub const TUP: Self = Self(3);
    /// An unused constant.
    pub const XML: Self = Self(4);
    /// Parameters as a JSON object.
    pub const JSON: Self = Self(5);

    /// Whether parameters have names and responses the layout of requests.
    pub const fn is_tup(self) -> bool {
        matches!(self, Self::TUP_TYPED | Self::TUP)
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::TARS
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::TARS => "TARS",
            Self::TUP_TYPED => "TUP, typed",
            Self::TUP => "TUP",
            Self::XML => "XML",
            Self::JSON => "JSON",
            Self(number) => return write!(f, "{number}"),
        };
        write!(f, "{} ({name})", self.0)
    }
}

/// The result of a call, from the framework (`iRet`); the method's own result is in the buffer.
///
/// Servers may use their own codes above 0. Below -99 a TarsCpp client closes the connection.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReturnCode(pub i32);

macro_rules! return_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $tars:literal;)*) => {
        impl ReturnCode {
            $($(#[doc = $doc])* pub const $name: Self = Self($number);)*

            /// Its name in TarsCpp, if it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($tars),)*
                    _ => None,
                }
            }
        }
    };
}

return_codes! {
    /// Success.
    SUCCESS = 0, "TARSSERVERSUCCESS";
    /// The server cannot decode the arguments.
    SERVER_DECODE = -1, "TARSSERVERDECODEERR";
    /// The server cannot encode the result.
    SERVER_ENCODE = -2, "TARSSERVERENCODEERR";
    /// The servant has no such method.
    NO_FUNCTION = -3, "TARSSERVERNOFUNCERR";
    /// The server has no such servant.
    NO_SERVANT = -4, "TARSSERVERNOSERVANTERR";
    /// The grid states of client and server differ.
    RESET_GRID = -5, "TARSSERVERRESETGRID";
    /// The request waited in the server for too long.
    QUEUE_TIMEOUT = -6, "TARSSERVERQUEUETIMEOUT";
    /// No response came in time. Set by clients.
    TIMEOUT = -7, "TARSINVOKETIMEOUT";
    /// There is no connection. Set by clients.
    CONNECT = -8, "TARSPROXYCONNECTERR";
    /// The server is overloaded.
    OVERLOAD = -9, "TARSSERVEROVERLOAD";
    /// There is no server for the request. Set by clients.
    NO_ENDPOINT = -10, "TARSADAPTERNULL";
    /// The client belongs to a set that the server does not serve.
    INVALID_SET = -11, "TARSINVOKEBYINVALIDESET";
    /// The client cannot decode the result. Set by clients.
    CLIENT_DECODE = -12, "TARSCLIENTDECODEERR";
    /// The request could not be sent. Set by clients.
    SEND_REQUEST = -13, "TARSSENDREQUESTERR";
    /// The method failed; the description has the reason.
    UNKNOWN = -99, "TARSSERVERUNKNOWNERR";
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Whether a request expects a response (`cPacketType`). Other numbers are treated as normal.
pub mod packet_type {
    /// It does.
    pub const NORMAL: i8 = 0;
    /// It never gets one, whatever happens.
    pub const ONE_WAY: i8 = 1;
}

/// The bits of `iMessageType`.
pub mod message_type {
    /// Routed by a hash; TarsCpp does not set it.
    pub const HASH: i32 = 0x01;
    /// Of a grid; TarsCpp does not set it.
    pub const GRID: i32 = 0x02;
    /// Dyed: the request is logged on its way through the servers. With [`DYED`](super::status_key::DYED).
    pub const DYED: i32 = 0x04;
    /// A sample for statistics; TarsCpp does not set it.
    pub const SAMPLE: i32 = 0x08;
    /// Asynchronous; TarsCpp does not set it.
    pub const ASYNC: i32 = 0x10;
    /// The handshake of endpoints with authentication.
    pub const AUTH: i32 = 0x40;
    /// The client belongs to a set. With [`SET_NAME`](super::status_key::SET_NAME).
    pub const SET_NAME: i32 = 0x80;
    /// The call is traced. With [`TRACE`](super::status_key::TRACE).
    pub const TRACE: i32 = 0x100;
}

/// Keys of `status`, the headers of the framework.
pub mod status_key {
    /// Decimal [`ReturnCode`](super::ReturnCode) of a TUP response; absent when it is 0.
    pub const RESULT_CODE: &str = "STATUS_RESULT_CODE";
    /// Description of a TUP response.
    pub const RESULT_DESC: &str = "STATUS_RESULT_DESC";
    /// Key of a dyed request.
    pub const DYED: &str = "STATUS_DYED_KEY";
    /// Key of the grid.
    pub const GRID: &str = "STATUS_GRID_KEY";
    /// `name.area.group` of the client.
    pub const SET_NAME: &str = "STATUS_SETNAME_VALUE";
    /// `flags[.maxKB]-trace|span`.
    pub const TRACE: &str = "STATUS_TRACE_KEY";
    /// Method that a push is meant for.
    pub const PUSH_FUNC: &str = "TARS_FUNC";
}
