//! The service `echo`, which receives an echo load.

use std::convert::Infallible;

use shardcast::{
    Context, Failure, Listener, Reply,
    seastar::{CallHead, Protocol, Registry, Sink, SinkRef, Source, StreamError, Verb},
    tars::{
        Current, Framed, FramedService, LengthPrefixed, Servant,
        rpc::{Adapter, AdapterOptions, Dispatcher, IncomingCall},
    },
    task,
    tcpshm::{self, Handler, Message, Peer},
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
        streams(&registry);
        registry.service()
    })
}

/// `listener` with tcpshm and the service `echo`, which is compiled, and optimized, here. It consumes messages of the type
/// [`SINK`], and returns all others.
pub fn tcpshm(listener: Listener, protocol: tcpshm::Protocol) -> Listener {
    listener.protocol(protocol, |_| Echo.service())
}

impl Handler for Echo {
    type Data = ();

    #[inline]
    fn message(&self, peer: &Peer, message: Message<'_>) {
        if message.message_type() == SINK {
            message.pop();
            return;
        }
        match peer.send(message.message_type(), message.body()) {
            Ok(_) => message.pop(),
            // As much is kept for the peer as may be: this one waits until it has consumed some.
            Err(_) => send_later(message),
        }
    }
}

#[cold]
fn send_later(message: tcpshm::Message<'_>) {
    let (message_type, body, held) = (message.message_type(), message.body().to_vec(), message.hold());
    task::spawn("echo", async move {
        let peer = held.peer().clone();
        // If the connection ends meanwhile, the message comes again.
        if peer.ready(body.len()).await.is_ok() && held.pop().is_ok() {
            let sent = peer.send(message_type, &body);
            debug_assert!(sent.is_ok(), "there is room");
        }
    });
}

/// The verbs with streams of the service, in Seastar RPC.
fn streams(registry: &Registry) {
    registry.on(COUNT, async |_cx, mut source: Source<Vec<u8>>| {
        let mut bytes = 0;
        while let Some(text) = source.recv().await? {
            bytes += text.len() as u64;
        }
        Ok::<_, StreamError>(bytes)
    });
    registry.on(FLOOD, async |cx: Context<CallHead>, (count, size, mut source): Flood| {
        if size > FLOOD_SIZE_MAX {
            return Err(format!("strings of {size} bytes are too long"));
        }
        let sink = source.make_sink::<Vec<u8>>().map_err(|error| error.to_string())?;
        let reference = sink.reference();
        // If it fails, its sink is dropped, and the client learns that.
        task::spawn_for(cx.connection(), "flood", async move { _ = flood(sink, count, size).await });
        let read = async move { while let Ok(Some(_)) = source.recv().await {} };
        task::spawn_for(cx.connection(), "read", read);
        Ok(reference)
    });
    registry.on(STREAM, async |cx: Context<CallHead>, source: Source<Vec<u8>>| {
        let sink = source.make_sink()?;
        let reference = sink.reference();
        task::spawn_for(cx.connection(), "echo", async move { _ = echo(source, sink).await });
        Ok::<_, StreamError>(reference)
    });
}

async fn flood(mut sink: Sink<Vec<u8>>, count: u32, size: u32) -> Result<(), StreamError> {
    let text = vec![b'x'; size as usize];
    for _ in 0..count {
        sink.send(&text).await?;
    }
    sink.finish().await
}

async fn echo(mut source: Source<Vec<u8>>, mut sink: Sink<Vec<u8>>) -> Result<(), StreamError> {
    while let Some(text) = source.recv().await? {
        sink.send(&text).await?;
    }
    sink.finish().await
}

/// The verb of the service, in Seastar RPC: it returns its string.
pub const VERB: Verb<Vec<u8>, Vec<u8>> = Verb::new(1);

/// It returns how many bytes the strings of a source have.
pub const COUNT: Verb<Source<Vec<u8>>, u64> = Verb::new(9);

/// It sends so many strings of this size, and reads its source to the end.
pub const FLOOD: Verb<Flood, SinkRef<Vec<u8>>> = Verb::new(10);

/// The arguments of [`FLOOD`]: how many strings, their size, and a source.
pub type Flood = (u32, u32, Source<i32>);

/// It returns the strings of a source on the same stream.
pub const STREAM: Verb<Source<Vec<u8>>, SinkRef<Vec<u8>>> = Verb::new(16);

/// The type of messages that are consumed without an answer, in tcpshm.
pub const SINK: u16 = 60_000;

/// The object of the service.
pub const OBJECT: &str = "Shardcast.Echo.EchoObj";

/// Its only function.
pub const FUNCTION: &str = "echo";

/// Longest string that [`FLOOD`] sends.
const FLOOD_SIZE_MAX: u32 = 1 << 20;

/// Tag and name of its parameter.
const DATA: (u8, &str) = (1, "data");
