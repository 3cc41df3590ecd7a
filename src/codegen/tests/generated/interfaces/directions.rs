//! Every type in every direction, in every version and with every option.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use shardcast::{
    __codegen::ByteString,
    Failure,
    tars::{
        packet::Version,
        rpc::{CallContext, RpcError},
    },
};

use super::{PATIENCE, serve};
use crate::{
    calls::calls::{
        Color, EveryCallback, EveryDispatcher, EveryMixedReply, EveryOutputsReply, EveryProxy, EveryServant,
        EverySetPointReply, EverySizedReply, Point, Weight,
    },
    calls_other::calls as other,
};

#[test]
fn all_types_come_back_in_every_version() {
    let (_server, proxy) = serve(OBJECT, || EveryDispatcher::new(Every));
    for version in [Version::TARS, Version::TUP, Version::TUP_TYPED, Version::JSON] {
        let proxy = EveryProxy::new(proxy.clone().with_version(version));
        let out = outputs();
        let same = proxy.inputs(
            out.b,
            out.i8,
            out.u8,
            out.i16,
            out.u16,
            out.i32,
            out.u32,
            out.i64,
            out.f32,
            out.f64,
            &out.s,
            &out.bytes,
            &out.numbers,
            out.color,
            &out.point,
            &out.points,
            &out.named,
        );
        assert_eq!(same.wait(), Ok(true), "{version:?}");
        assert_eq!(proxy.outputs().wait(), Ok(out), "{version:?}");
        let mixed = EveryMixedReply { ret: 2, a: 3, c: "text of 2".into() };
        assert_eq!(proxy.mixed(2, "text").wait(), Ok(mixed), "{version:?}");
        assert_eq!(proxy.names().wait(), Ok(vec!["one".into(), "two".into()]), "{version:?}");
        let weights = [("apple".to_owned(), Weight { kilograms: 0.25 })];
        assert_eq!(proxy.weights().wait(), Ok(weights.into()), "{version:?}");
        assert_eq!((proxy.color(Color(7)).wait(), proxy.nothing().wait()), (Ok(Color(7)), Ok(())));
    }
}

#[test]
fn a_fixed_size_is_a_bound_in_both_directions() {
    let (_server, proxy) = serve(OBJECT, || EveryDispatcher::new(Every));
    for version in [Version::TARS, Version::TUP, Version::JSON] {
        let proxy = EveryProxy::from(proxy.clone().with_version(version));
        let fits = proxy.sized(&[1, 2], b"abc").wait().expect("both fit");
        assert_eq!(fits, EverySizedReply { others: vec![1, 2], names: vec!["abc".into()] });
        let error = proxy.sized(&[0; 5], b"abc").wait().expect_err("too many");
        assert!(matches!(&error, RpcError::Server { code: -1, text } if text.contains("numbers")), "{error}");
        assert!(matches!(proxy.sized(&[0; 4], b"abc").wait(), Err(RpcError::Decode(_))), "{version:?}");
    }
}

#[test]
fn a_route_key_is_an_argument_and_a_header() {
    let (_server, proxy) = serve(OBJECT, || EveryDispatcher::new(Every));
    let (point, old) = (Point { x: 3, name: "of ann".into() }, Point { x: 0, name: "ann".into() });
    let found = EveryProxy::new(proxy.clone()).get_point("ann", 3).wait();
    assert_eq!(found, Ok(point.clone()));
    assert_eq!(
        EveryProxy::new(proxy.clone()).set_point("ann", &point).wait(),
        Ok(EverySetPointReply { old })
    );
    let found = other::EveryProxy::new(proxy).get_point(&ByteString::from("ann"), 3).wait();
    assert_eq!(found, Ok(other::Point { x: 3, name: "of ann".into() }));
}

#[test]
fn named_variants_give_the_same() {
    let (_server, proxy) = serve(OBJECT, || EveryDispatcher::new(Every));
    let proxy = EveryProxy::new(proxy);
    assert_eq!(proxy.names_sync(), proxy.names().wait());
    let mixed = futures_lite::future::block_on(proxy.promise_mixed(2, "text"));
    assert_eq!(mixed, proxy.mixed_sync(2, "text"));

    struct Callback(mpsc::Sender<String>);
    impl EveryCallback for Callback {
        fn callback_mixed(&self, ret: i32, a: i32, c: String) {
            let _ = self.0.send(format!("{ret} {a} {c}"));
        }

        fn callback_set_point_exception(&self, code: i32) {
            let _ = self.0.send(format!("failed with {code}"));
        }

        fn callback_nothing(&self) {
            let _ = self.0.send("done".into());
        }
    }
    let (sender, results) = mpsc::channel();
    let callback = Arc::new(Callback(sender));
    let next = || results.recv_timeout(PATIENCE).expect("a result");
    proxy.async_mixed(callback.clone(), 2, "text");
    assert_eq!(next(), "2 3 text of 2");
    proxy.async_set_point(callback.clone(), "nobody", &Point::default());
    assert_eq!(next(), "failed with 404");
    proxy.async_nothing(callback);
    assert_eq!(next(), "done");
}

/// What [`Every`] returns, and expects.
fn outputs() -> EveryOutputsReply {
    let point = Point { x: -1, name: "p".into() };
    EveryOutputsReply {
        b: true,
        i8: -8,
        u8: 200,
        i16: -16,
        u16: 60_000,
        i32: -32,
        u32: 4_000_000_000,
        i64: i64::MIN,
        f32: 0.5,
        f64: -0.25,
        s: "text".into(),
        bytes: vec![0, 255],
        numbers: vec![1, 200].into(),
        color: Color::GREEN,
        point: point.clone(),
        points: vec![point.clone(); 2],
        named: [("both".to_owned(), vec![point; 2])].into(),
    }
}

struct Every;

impl EveryServant for Every {
    async fn inputs(
        &self,
        _cx: &CallContext,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: String,
        bytes: Vec<u8>,
        numbers: shardcast::__codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: BTreeMap<String, Vec<Point>>,
    ) -> Result<bool, Failure> {
        let inputs = EveryOutputsReply {
            b,
            i8,
            u8,
            i16,
            u16,
            i32,
            u32,
            i64,
            f32,
            f64,
            s,
            bytes,
            numbers,
            color,
            point,
            points,
            named,
        };
        Ok(inputs == outputs())
    }

    async fn outputs(&self, _cx: &CallContext) -> Result<EveryOutputsReply, Failure> {
        Ok(outputs())
    }

    async fn mixed(&self, _cx: &CallContext, b: i32, d: String) -> Result<EveryMixedReply, Failure> {
        Ok(EveryMixedReply { ret: b, a: b + 1, c: format!("{d} of {b}") })
    }

    /// Returns one number too many if it got as many as possible.
    async fn sized(
        &self,
        _cx: &CallContext,
        numbers: Vec<i32>,
        tag: Vec<u8>,
    ) -> Result<EverySizedReply, Failure> {
        let name = String::from_utf8(tag).map_err(|_| Failure::new(1, "not text"))?;
        let others = if numbers.len() == 4 { vec![0; 3] } else { numbers };
        Ok(EverySizedReply { others, names: vec![name] })
    }

    async fn get_point(&self, cx: &CallContext, user_name: String, id: i32) -> Result<Point, Failure> {
        assert_eq!(cx.status().get("STATUS_GRID_KEY"), Some(&user_name.as_str().into()));
        Ok(Point { x: id, name: format!("of {user_name}") })
    }

    async fn set_point(
        &self,
        _cx: &CallContext,
        user_name: String,
        _point: Point,
    ) -> Result<EverySetPointReply, Failure> {
        if user_name == "nobody" {
            return Err(Failure::new(404, "no such user"));
        }
        Ok(EverySetPointReply { old: Point { x: 0, name: user_name } })
    }

    async fn color(&self, _cx: &CallContext, new_color: Color) -> Result<Color, Failure> {
        Ok(new_color)
    }

    async fn names(&self, _cx: &CallContext) -> Result<Vec<String>, Failure> {
        Ok(vec!["one".into(), "two".into()])
    }

    async fn weights(&self, _cx: &CallContext) -> Result<BTreeMap<String, Weight>, Failure> {
        Ok([("apple".to_owned(), Weight { kilograms: 0.25 })].into())
    }

    async fn nothing(&self, _cx: &CallContext) -> Result<(), Failure> {
        Ok(())
    }
}

const OBJECT: &str = "Calls.EveryServer.EveryObj";
