//! A client of Tars RPC: calls the servant of `tars/hello.tars` in all ways, and receives its pushes. It prints
//! `ok NAME` or `FAILED NAME why` for each step, and fails if one of them does.
//!
//! Watch: the same method with a blocking call, a callback, and a future; the context in both directions; and that a
//! method that fails costs nothing else.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Display,
    process::ExitCode,
    sync::mpsc,
    time::{Duration, Instant},
};

use clap::Parser;
use shardcast::tars::rpc::{Communicator, Proxy, RpcError};
use shardcast_examples::say;

use idl::test_app::{All, Color, HelloProxy, Inner, PushReceiver};

mod idl {
    shardcast::include_tars!();
}

#[derive(Parser)]
struct Args {
    /// The object: `NAME@ENDPOINT`, with several endpoints after each other.
    #[arg(long, default_value = "TestApp.HelloServer.HelloObj@tcp -h 127.0.0.1 -p 10100 -t 60000")]
    connect: String,
    /// How long to receive pushes.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// Prints each push.
struct Printer(mpsc::Sender<String>);

impl PushReceiver for Printer {
    fn push_msg(&self, msg: String) {
        say(format!("push {msg}"));
        // It ends with the example.
        let _ = self.0.send(msg);
    }
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let proxy = Communicator::new().proxy(&args.connect)?;
    let hello = HelloProxy::new(proxy.clone());
    let steps: [(&str, &dyn Fn() -> Outcome); 8] = [
        ("blocking", &|| same(hello.hello(1, "ann").wait()?, "hello ann #1")),
        ("callback", &|| callback(&hello)),
        ("future", &|| same(smol::block_on(hello.hello(3, "cid").into_future())?, "hello cid #3")),
        ("all-types", &|| all_types(&hello)),
        ("failure", &|| failure(&hello)),
        ("context", &|| context(&hello)),
        ("one-way", &|| one_way(&hello)),
        ("push", &|| push(&hello, &proxy, Duration::try_from_secs_f64(args.seconds)?)),
    ];
    let mut code = ExitCode::SUCCESS;
    for (name, step) in steps {
        match step() {
            Ok(()) => say(format!("ok {name}")),
            Err(why) => {
                say(format!("FAILED {name} {why}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn callback(hello: &HelloProxy) -> Outcome {
    let (done, result) = mpsc::channel();
    hello.hello(2, "bob").then(move |greeting| drop(done.send(greeting)));
    same(result.recv()??, "hello bob #2")
}

fn all_types(hello: &HelloProxy) -> Outcome {
    let inner = Inner { id: 7, name: "inner".into() };
    let all = All {
        b: true,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        f32: 0.5,
        f64: -0.25,
        s: "text".into(),
        bytes: vec![0, 127, 255],
        ints: vec![1, -2, 300_000],
        dict: BTreeMap::from([("key".into(), "value".into())]),
        inner: inner.clone(),
        inners: vec![inner],
        nested: BTreeMap::from([(-1, vec!["a".into(), String::new()])]),
        color: Color::BLUE,
    };
    let reply = hello.echo(&all).wait()?;
    same(reply.ret, 3)?;
    if reply.result == all { Ok(()) } else { Err(format!("{:?} came back", reply.result).into()) }
}

fn failure(hello: &HelloProxy) -> Outcome {
    match hello.fail(7, "as asked").wait() {
        Err(RpcError::Server { .. }) => same(hello.slow(5).wait()?, 5),
        other => Err(format!("the method has not failed: {other:?}").into()),
    }
}

fn context(hello: &HelloProxy) -> Outcome {
    let reply = hello.context("color").context("color", "blue").wait_with_context()?;
    same(reply.value, "blue")?;
    same(reply.context.get("seen").map_or("", String::as_str), "color")
}

fn one_way(hello: &HelloProxy) -> Outcome {
    hello.hello(4, "dan").one_way()?;
    same(hello.hello(5, "eve").wait()?, "hello eve #5")
}

fn push(hello: &HelloProxy, proxy: &Proxy, time: Duration) -> Outcome {
    let (sender, pushes) = mpsc::channel();
    proxy.on_push(Printer(sender).into_push_handler());
    let until = Instant::now() + time;
    hello.register_push(100).wait()?;
    let left = || until.saturating_duration_since(Instant::now());
    let received: Vec<_> = std::iter::from_fn(|| pushes.recv_timeout(left()).ok()).collect();
    if received.is_empty() {
        return Err("no push has come".into());
    }
    let expected: Vec<_> = (0..received.len()).map(|n| format!("push {n}")).collect();
    if received == expected { Ok(()) } else { Err(format!("not in order: {received:?}").into()) }
}

fn same<T: PartialEq<U> + Display, U: Display>(found: T, expected: U) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("expected `{expected}`, found `{found}`").into()) }
}
