//! Proxies of Tars servers, against a server that knows packets and nothing else of this project's servers.

mod balance;
mod calls;
mod failures;
mod peer;
mod pushes;

use std::sync::mpsc;

use shardcast::tars::rpc::{Call, Communicator, Proxy, RpcError};

use self::peer::{TarsPeer, object_of};
use crate::support::PATIENCE;

/// A proxy whose calls end in time only if something ends them.
fn proxy(peer: &TarsPeer) -> Proxy {
    let proxy = Communicator::new().proxy(&object_of([peer.endpoint("")]));
    proxy.expect("a valid object").with_timeout(PATIENCE * 3)
}

fn hello(proxy: &Proxy, name: &str) -> Call<String> {
    proxy.call("hello", |w| w.put(1, "name", name), |r| r.take_result())
}

fn number(proxy: &Proxy, function: &'static str, argument: i32) -> Call<i32> {
    proxy.call(function, |w| w.put(1, argument_name(function), &argument), |r| r.take_result())
}

/// The names of the peer's arguments, which only TUP and JSON send.
fn argument_name(function: &str) -> &'static str {
    match function {
        "fail" => "code",
        _ => "count",
    }
}

/// A call that ends once the test releases it.
fn waiting(proxy: &Proxy) -> Call<()> {
    proxy.call("wait", |_| {}, |_| Ok(()))
}

fn silent(proxy: &Proxy) -> Call<()> {
    proxy.call("silent", |_| {}, |_| Ok(()))
}

/// The result of a call with a callback.
fn with_callback<T: Send + 'static>(call: Call<T>) -> Result<T, RpcError> {
    let (sender, receiver) = mpsc::channel();
    call.then(move |result| _ = sender.send(result));
    receiver.recv_timeout(PATIENCE * 2).expect("one result")
}
