//! The servant whose calls were recorded from TarsCpp, with the IDL of the vectors:
//! `interface Echo { int echo(string s, out string r); int hello(string name, map<string,string> m, out string greeting,
//! out Item item); void tell(string s); int fail(int mode); int slow(int ms); };`

use std::{collections::BTreeMap, future::pending, time::Duration};

use shardcast::{
    __codegen::serde::Serializer,
    CloseReason, Connection, Failure, ServerHandle,
    tars::{
        codec::{DecodeError, DecodeStruct, TarsReader, TarsStruct, TarsWriter},
        json::ToJson,
        packet::RequestPacket,
        rpc::{Adapter, CallContext, Dispatcher, IncomingCall, RawServant},
    },
    task,
};

use super::peer::call;

pub(super) const OBJECT: &str = "Bench.BenchServer.EchoObj";

/// An adapter for [`Echo`] on a free port.
pub(super) fn adapter() -> Adapter {
    Adapter::new("bench", "tcp -h 127.0.0.1 -p 0 -t 60000")
        .expect("an endpoint")
        .servant(OBJECT, |_| Echo::default())
}

#[derive(Clone, Default)]
pub(super) struct Echo {
    /// Gets the text of each `tell`.
    pub(super) texts: Option<flume::Sender<String>>,
    /// Gets the close type of each connection.
    pub(super) ended: Option<flume::Sender<CloseReason>>,
}

impl Echo {
    async fn fail(mode: i32) -> Result<i32, Failure> {
        match mode {
            1 => Err(Failure::new(-99, "boom: user exception")),
            2 => Err(Failure::new(-1, "user decode exception")),
            3 => Err(Failure::new(-2, "user encode exception")),
            7 => Ok(-7),
            8 => panic!("as asked, at once"),
            9 => {
                task::yield_now().await;
                panic!("as asked, later")
            }
            10 => pending().await,
            code => Err(Failure::new(code, "its own code")),
        }
    }
}

/// `struct Item { 0 require int id; 1 optional string name; 2 optional vector<byte> data; };`
struct Item;

impl Dispatcher for Echo {
    fn functions(&self) -> &'static [&'static str] {
        &["echo", "hello", "tell", "fail", "slow"]
    }

    fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure> {
        match call.function() {
            "echo" => {
                let s: String = call.arguments()?.take(1, "s")?;
                call.answer(
                    move |cx| async move { (Ok((0, s)), cx) },
                    |w, (ret, r)| {
                        w.put_result(ret);
                        w.put(2, "r", r);
                    },
                );
            }
            "hello" => {
                let mut arguments = call.arguments()?;
                let name: String = arguments.take(1, "name")?;
                let _: BTreeMap<String, String> = arguments.take(2, "m")?;
                call.answer(
                    move |cx| async move {
                        cx.set_response_context("srv", "bench");
                        for (key, value) in cx.context() {
                            cx.set_response_context(&format!("echo.{key}"), &value);
                        }
                        (Ok(format!("hello {name}")), cx)
                    },
                    |w, greeting| {
                        w.put_result(&7);
                        w.put(3, "greeting", greeting);
                        w.put(4, "item", &Item);
                    },
                );
            }
            "tell" => {
                let (s, texts) = (call.arguments()?.take(1, "s")?, self.texts.clone());
                call.answer(
                    move |cx| async move {
                        if let Some(texts) = texts {
                            let _ = texts.send(s);
                        }
                        (Ok(()), cx)
                    },
                    |_, ()| {},
                );
            }
            "fail" => {
                let mode = call.arguments()?.take(1, "mode")?;
                call.answer(
                    move |cx| async move { (Self::fail(mode).await, cx) },
                    |w, ret| w.put_result(ret),
                );
            }
            "slow" => {
                let ms: i32 = call.arguments()?.take(1, "ms")?;
                call.answer(
                    move |cx: CallContext| async move {
                        task::sleep(Duration::from_millis(ms.unsigned_abs().into())).await;
                        (Ok(ms), cx)
                    },
                    |w, ret| w.put_result(ret),
                );
            }
            _ => return Err(call.unknown_function()),
        }
        Ok(())
    }

    fn connection_closed(&self, _connection: &Connection, why: CloseReason) {
        if let Some(ended) = &self.ended {
            let _ = ended.send(why);
        }
    }
}

pub(super) const GATE: &str = "Bench.BenchServer.GateObj";

/// A servant whose calls of `wait` wait until the test releases one, so that no test depends on how long something takes.
/// All other calls are answered at once, with their arguments.
struct Gate {
    started: flume::Sender<i32>,
    released: flume::Receiver<()>,
}

impl RawServant for Gate {
    async fn do_request(&self, cx: &CallContext, arguments: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if cx.function() == "wait" {
            self.started.send(cx.request_id()).expect("the test waits for it");
            self.released.recv_async().await.expect("the test releases it");
        }
        Ok(arguments)
    }
}

/// [`adapter`] with the object [`GATE`] too, the ids of the calls that wait there as they start, and the sender that releases
/// the first one.
pub(super) fn gated_adapter() -> (Adapter, flume::Receiver<i32>, flume::Sender<()>) {
    let ((started, starts), (go, released)) = (flume::unbounded(), flume::unbounded());
    let gate = move |_: &ServerHandle| Gate { started: started.clone(), released: released.clone() };
    (adapter().raw_servant(GATE, gate), starts, go)
}

pub(super) fn gated(id: i32) -> RequestPacket {
    RequestPacket { servant: GATE.into(), ..call(id, "wait", |_| {}) }
}

impl TarsStruct for Item {
    const NAME: &'static str = "Bench.Item";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(0, &1);
        w.field(1, "it");
        w.field(2, &[1_i8, 2, 3].map(i8::cast_unsigned)[..]);
    }
}

impl<'de> DecodeStruct<'de> for Item {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let _: i32 = r.require(0)?;
        Ok(Self)
    }
}

impl ToJson for Item {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}
