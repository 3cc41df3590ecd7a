use std::{cell::RefCell, rc::Rc};

use shardcast_proto::tars::{
    packet::{StringMap, Version},
    rpc::{CallHead, ResponseHead},
};

use crate::Context;

/// What a servant knows of a call.
///
/// # Examples
/// ```
/// use shardcast::{
///     Failure,
///     tars::{packet::{Version, message_type, packet_type, status_key}, rpc::CallContext},
/// };
///
/// /// Greets the user that the caller names in the context of the call.
/// async fn greet(cx: &CallContext) -> Result<String, Failure> {
///     let user = cx.context_value("user").ok_or_else(|| Failure::new(1, "no user"))?;
///     cx.set_response_context("greeted", &user);
///     if cx.packet_type() == packet_type::NORMAL && cx.message_type() & message_type::GRID != 0 {
///         cx.set_response_status(status_key::GRID, "7");
///     }
///     println!("headers: {:?}, {:?}", cx.context(), cx.status());
///     let how = match cx.version() {
///         Version::JSON => "in JSON",
///         _ => "in fields",
///     };
///     Ok(format!("hello {user}: call {} of {}.{} {how}", cx.request_id(), cx.servant(), cx.function()))
/// }
/// ```
pub type CallContext = Context<CallInfo>;

/// The part of a [`CallContext`] that only Tars has. Its methods are those of the context.
///
/// # Examples
/// ```
/// use shardcast::{Context, tars::rpc::{CallContext, CallInfo}};
///
/// /// Works with the handlers of any protocol.
/// fn peer<H>(cx: &Context<H>) -> String {
///     cx.peer().to_string()
/// }
///
/// fn caller(cx: &CallContext) -> String {
///     format!("{} calls {}", peer::<CallInfo>(cx), cx.function())
/// }
/// ```
#[derive(Debug)]
pub struct CallInfo {
    servant: Rc<str>,
    function: Function,
    version: Version,
    packet_type: i8,
    message_type: i32,
    request_id: i32,
    /// The encoded head, if it has a context or a status.
    maps: Option<Box<[u8]>>,
    /// Set by the servant.
    response: RefCell<Option<Box<Maps>>>,
}

#[derive(Debug, Default)]
struct Maps {
    context: StringMap,
    status: StringMap,
}

/// The name of a function.
#[derive(Debug)]
pub(super) enum Function {
    /// Of an interface.
    Known(&'static str),
    /// Of a servant that takes all.
    Any(Box<str>),
}

impl CallInfo {
    pub(super) fn new(servant: Rc<str>, function: Function, head: &CallHead<'_>) -> Self {
        let maps = (!head.context.is_empty() || !head.status.is_empty()).then(|| {
            let mut maps = Vec::new();
            head.encode(&mut maps);
            maps.into_boxed_slice()
        });
        let CallHead { version, packet_type, message_type, request_id, .. } = *head;
        let response = RefCell::default();
        Self { servant, function, version, packet_type, message_type, request_id, maps, response }
    }

    fn maps(&self) -> CallHead<'_> {
        self.maps.as_deref().and_then(CallHead::decode).unwrap_or_default()
    }
}

impl Context<CallInfo> {
    /// The object that is called: `App.Server.Obj`.
    pub fn servant(&self) -> &str {
        &self.head().servant
    }

    /// The function that is called.
    pub fn function(&self) -> &str {
        match &self.head().function {
            Function::Known(name) => name,
            Function::Any(name) => name,
        }
    }

    /// How arguments and results are encoded (`iVersion`).
    pub const fn version(&self) -> Version {
        self.head().version
    }

    /// `cPacketType`, as received.
    pub const fn packet_type(&self) -> i8 {
        self.head().packet_type
    }

    /// The bits of `iMessageType`: see [`message_type`](crate::tars::packet::message_type).
    pub const fn message_type(&self) -> i32 {
        self.head().message_type
    }

    /// The id that the caller chose. Its response has the same; the caller may use one several times.
    pub const fn request_id(&self) -> i32 {
        self.head().request_id
    }

    /// The headers of the application.
    pub fn context(&self) -> StringMap {
        self.head().maps().context.to_map()
    }

    /// One header of the application.
    pub fn context_value(&self, name: &str) -> Option<String> {
        self.head().maps().context.get(name).map(|value| value.into_owned())
    }

    /// The headers of the framework: see [`status_key`](crate::tars::packet::status_key).
    pub fn status(&self) -> StringMap {
        self.head().maps().status.to_map()
    }

    /// Sets a header of the application in the response. A failure has none.
    pub fn set_response_context(&self, name: &str, value: &str) {
        let mut response = self.head().response.borrow_mut();
        response.get_or_insert_default().context.insert(name.to_owned(), value.to_owned());
    }

    /// Sets a header of the framework in the response. A failure has none.
    pub fn set_response_status(&self, name: &str, value: &str) {
        let mut response = self.head().response.borrow_mut();
        response.get_or_insert_default().status.insert(name.to_owned(), value.to_owned());
    }

    /// What runs, for reports of slow turns.
    pub(super) const fn label(&self) -> &'static str {
        match self.head().function {
            Function::Known(name) => name,
            Function::Any(_) => "do_request",
        }
    }

    /// The encoded head of the response; empty if it has none.
    pub(super) fn response_head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        if let Some(maps) = &*self.head().response.borrow() {
            ResponseHead::encode_with(&maps.context, &maps.status, &mut head);
        }
        head
    }
}
