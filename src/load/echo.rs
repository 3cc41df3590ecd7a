//! The service `echo`, which receives an echo load.

use std::convert::Infallible;

use shardcast::{
    Failure, Listener, Reply,
    seastar::{Protocol, Registry, Verb},
    tars::{
        Current, Framed, FramedService, LengthPrefixed, Servant,
        rpc::{Adapter, AdapterOptions, Dispatcher, IncomingCall},
    },
};

/// A packet is its own response. For Tars, the servant of the interface in `docs/echo.tars`.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Servant for Echo {
    #[inline]
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(packet);
    }
}

impl Dispatcher for Echo {
    fn functions(&self) -> &'static [&'static str] {
        &[FUNCTION]
    }

    fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure> {
        let data: Vec<u8> = call.arguments()?.take(DATA.0, DATA.1)?;
        call.answer(|cx| async move { (Ok(data), cx) }, |w, data| w.put_result(data));
        Ok(())
    }
}

/// `listener` with the framed protocol and the service `echo`, which is compiled, and optimized, here.
pub fn framed(listener: Listener, parser: LengthPrefixed) -> Listener {
    listener.protocol(Framed::length_prefixed(parser), |_| FramedService(Echo))
}

/// `listener` with Tars RPC and the service `echo`, which is compiled, and optimized, here.
pub fn tars(listener: Listener, options: AdapterOptions) -> Listener {
    Adapter::over(listener).options(options).servant(OBJECT, |_| Echo).listener()
}

/// `listener` with Seastar RPC and the service `echo`, which is compiled, and optimized, here.
pub fn seastar(listener: Listener, protocol: Protocol) -> Listener {
    listener.protocol(protocol, |_| {
        let registry = Registry::default();
        registry.on(VERB, |_cx, data| std::future::ready(Ok::<_, Infallible>(data)));
        registry.service()
    })
}

/// The verb of the service, in Seastar RPC: it returns its string.
pub const VERB: Verb<Vec<u8>, Vec<u8>> = Verb::new(1);

/// The object of the service.
pub const OBJECT: &str = "Shardcast.Echo.EchoObj";

/// Its only function.
pub const FUNCTION: &str = "echo";

/// Tag and name of its parameter.
const DATA: (u8, &str) = (1, "data");
