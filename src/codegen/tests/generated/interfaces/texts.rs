//! Strings that are not UTF-8, and pushes.

use std::sync::mpsc;

use shardcast::{
    __codegen::ByteString,
    Failure,
    tars::rpc::{CallContext, RpcError},
};

use super::{PATIENCE, serve};
use crate::{calls::calls as utf8, calls_kept::calls as lossy, calls_other::calls as bytes};

#[test]
fn what_is_not_utf8_is_refused_replaced_or_kept() {
    let text = ByteString::from(&b"\xff"[..]);
    let (_server, proxy) = serve(OBJECT, || utf8::TextDispatcher::new(Again));
    let error = bytes::TextProxy::new(proxy).again(&text).wait().expect_err("not text");
    assert!(matches!(&error, RpcError::Server { code: -1, text } if text.contains("`s`")), "{error}");

    let (_server, proxy) = serve(OBJECT, || lossy::TextDispatcher::new(Again));
    let replaced = bytes::TextProxy::new(proxy).again(&text).wait();
    assert_eq!(replaced, Ok(ByteString::from("\u{fffd}")));

    let (_server, proxy) = serve(OBJECT, || bytes::TextDispatcher::new(Again));
    assert_eq!(bytes::TextProxy::new(proxy.clone()).again(&text).wait(), Ok(text));
    assert_eq!(lossy::TextProxy::new(proxy.clone()).again("broken").wait(), Ok("\u{fffd}".into()));
    let error = utf8::TextProxy::new(proxy).again("broken").wait().expect_err("not text");
    assert!(matches!(error, RpcError::Decode(_)), "{error}");
}

#[test]
fn a_push_has_the_result_and_all_parameters() {
    let (_server, proxy) = serve(OBJECT, || utf8::TextDispatcher::new(Pushing));
    let (sender, pushes) = mpsc::channel();
    proxy.on_push(utf8::TextReceiver::into_push_handler(Received(sender)));
    assert_eq!(utf8::TextProxy::new(proxy.clone()).again("first").wait(), Ok("pushed".into()));
    let next = |pushes: &mpsc::Receiver<_>| pushes.recv_timeout(PATIENCE).expect("a push");
    assert_eq!(next(&pushes), ("result".to_owned(), "first".to_owned()));

    // A push of another interface is not an error.
    let (sender, none) = mpsc::channel();
    proxy.on_push(utf8::EveryReceiver::into_push_handler(Nothing(sender)));
    assert_eq!(utf8::TextProxy::new(proxy).again("second").wait(), Ok("pushed".into()));
    assert!(none.try_recv().is_err());
}

struct Again;

impl utf8::TextServant for Again {
    async fn again(&self, _cx: &CallContext, s: String) -> Result<String, Failure> {
        Ok(s)
    }
}

impl lossy::TextServant for Again {
    async fn again(&self, _cx: &CallContext, s: String) -> Result<String, Failure> {
        Ok(s)
    }
}

/// Returns its argument, or bytes that are not text.
impl bytes::TextServant for Again {
    async fn again(&self, _cx: &CallContext, s: ByteString) -> Result<ByteString, Failure> {
        Ok(if s == "broken".into() { b"\xff"[..].into() } else { s })
    }
}

struct Pushing;

impl utf8::TextServant for Pushing {
    async fn again(&self, cx: &CallContext, s: String) -> Result<String, Failure> {
        let push = utf8::TextSender::again("result", &s);
        cx.connection().push(push).map_err(|error| Failure::new(1, error.to_string()))?;
        Ok("pushed".into())
    }
}

struct Received(mpsc::Sender<(String, String)>);

impl utf8::TextReceiver for Received {
    fn again(&self, ret: String, s: String) {
        let _ = self.0.send((ret, s));
    }
}

struct Nothing(mpsc::Sender<()>);

impl utf8::EveryReceiver for Nothing {
    fn nothing(&self) {
        let _ = self.0.send(());
    }
}

const OBJECT: &str = "Calls.TextServer.TextObj";
