//! Random values of the structs of `interop.tars`, and of `All` in `hello.tars`.
//!
//! They avoid what `@tars/stream` does differently (see `docs/tars-codec.md`): floats that are
//! zero, keys of maps that are negative integers or bools, and text that is not UTF-8. Its longs in containers
//! end at 2^53.

use std::{collections::BTreeMap, fmt::Debug};

use proptest::{collection, prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use shardcast::tars::codec::UnsignedBytes;

use crate::full::{
    interop::{Bytes, Color, Defaults, Floats, Integers, Lists, Maps, Nested, Point},
    test_app::{self, All, Inner},
};

pub(crate) fn integers() -> impl Strategy<Value = Integers> {
    let narrow = (any::<bool>(), any::<i8>(), any::<u8>(), any::<i16>(), any::<u16>());
    (narrow, int(), int().prop_map(i32::cast_unsigned), long(), color()).prop_map(
        |((flag, i8, u8, i16, u16), i32, u32, i64, color)| Integers {
            flag,
            i8,
            u8,
            i16,
            u16,
            i32,
            u32,
            i64,
            color,
        },
    )
}

pub(crate) fn floats() -> impl Strategy<Value = Floats> {
    (single(), double(), many(single()), many(double()))
        .prop_map(|(single, twice, singles, doubles)| Floats { single, twice, singles, doubles })
}

pub(crate) fn bytes() -> impl Strategy<Value = Bytes> {
    let numbers = collection::vec(any::<u8>(), 0..300).prop_map(UnsignedBytes);
    (text(), collection::vec(any::<u8>(), 0..300), numbers, many(text()), many(many(any::<u8>())))
        .prop_map(|(text, bytes, numbers, texts, chunks)| Bytes { text, bytes, numbers, texts, chunks })
}

pub(crate) fn point() -> impl Strategy<Value = Point> {
    (int(), text(), long()).prop_map(|(x, name, weight)| Point { x, name, weight })
}

pub(crate) fn lists() -> impl Strategy<Value = Lists> {
    let numbers = many(int().prop_map(i32::cast_unsigned));
    let scalars = (many(any::<bool>()), many(any::<i16>()), numbers, many(short_long()), many(color()));
    (scalars, many(many(int())), many(point()), many(map(key(), int()))).prop_map(
        |((flags, shorts, numbers, longs, colors), table, points, maps)| Lists {
            flags,
            shorts,
            numbers,
            longs,
            colors,
            table,
            points,
            maps,
        },
    )
}

pub(crate) fn maps() -> impl Strategy<Value = Maps> {
    let nested = map(key(), map(key(), map(key(), short_long())));
    let by_number = map(int().prop_map(|key| key & i32::MAX), many(int()));
    let by_point = map(point(), text());
    let by_text = (map(key(), text()), map(key(), many(any::<u8>())), nested, map(key(), point()));
    (by_text, map(key(), color()), by_number, by_point).prop_map(
        |((texts, bytes, nested, points), colors, by_number, by_point)| Maps {
            texts,
            bytes,
            nested,
            points,
            colors,
            by_number,
            by_point,
        },
    )
}

pub(crate) fn nested() -> impl Strategy<Value = Nested> {
    (point(), lists(), maps(), point(), int()).prop_map(|(first, lists, maps, other, last)| Nested {
        first,
        lists,
        maps,
        other,
        last,
    })
}

/// Each field is often at its default.
pub(crate) fn defaults() -> impl Strategy<Value = Defaults> {
    let usual = Defaults::default();
    let scalars = (or(usual.flag, any::<bool>()), or(usual.i8, any::<i8>()), or(usual.u16, any::<u16>()));
    let wide =
        (or(usual.i32, int()), or(usual.i64, long()), or(usual.twice, double()), or(usual.none, int()));
    let texts = (or(usual.text, text()), or(usual.color, color()));
    let containers = (many(any::<u8>()), many(text()), map(key(), int()));
    (scalars, wide, texts, containers).prop_map(
        |((flag, i8, u16), (i32, i64, twice, none), (text, color), (bytes, texts, numbers))| Defaults {
            flag,
            i8,
            u16,
            i32,
            i64,
            twice,
            text,
            color,
            bytes,
            texts,
            numbers,
            none,
        },
    )
}

/// Random ones, and one that takes many segments.
pub(crate) fn some_of_all() -> Vec<All> {
    let mut runner = TestRunner::deterministic();
    let mut values: Vec<_> =
        (0..21).map(|_| all().new_tree(&mut runner).expect("a value").current()).collect();
    let large = &mut values[20];
    large.s = "żółw".repeat(30_000);
    large.bytes = (0..=u8::MAX).cycle().take(300_000).collect();
    large.ints = (-10_000..10_000).map(|n| n * 100_003).collect();
    values
}

/// Its optional fields are often at their defaults.
fn all() -> impl Strategy<Value = All> {
    let numbers = (int(), long(), int().prop_map(i32::cast_unsigned), single(), double());
    let containers = (collection::vec(any::<u8>(), 0..300), many(int()), map(key(), text()));
    let optional = (many(inner()), map(0..i32::MAX, many(text())), or(test_app::Color::GREEN, other_color()));
    let small = (any::<bool>(), any::<i8>(), any::<i16>(), any::<u8>(), any::<u16>());
    (small, numbers, text(), containers, inner(), optional).prop_map(
        |(
            (b, i8, i16, u8, u16),
            (i32, i64, u32, f32, f64),
            s,
            (bytes, ints, dict),
            inner,
            (inners, nested, color),
        )| All {
            b,
            i8,
            i16,
            i32,
            i64,
            u8,
            u16,
            u32,
            f32,
            f64,
            s,
            bytes,
            ints,
            dict,
            inner,
            inners,
            nested,
            color,
        },
    )
}

fn inner() -> impl Strategy<Value = Inner> {
    (int(), or("none".to_owned(), text())).prop_map(|(id, name)| Inner { id, name })
}

fn other_color() -> impl Strategy<Value = test_app::Color> {
    prop_oneof![Just(test_app::Color::RED), Just(test_app::Color::BLUE), int().prop_map(test_app::Color)]
}

fn or<T: Clone + Debug>(usual: T, other: impl Strategy<Value = T>) -> impl Strategy<Value = T> {
    prop_oneof![Just(usual), other]
}

/// Values around the limits of the widths.
fn int() -> impl Strategy<Value = i32> {
    (any::<i32>(), 0_u32..32).prop_map(|(value, shift)| value >> shift)
}

fn long() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
}

/// Integers that a number of JavaScript can hold.
fn short_long() -> impl Strategy<Value = i64> {
    (any::<i64>(), 11_u32..64).prop_map(|(value, shift)| value >> shift)
}

fn single() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("zero is written in another way", |value| *value != 0.0)
}

fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("zero is written in another way", |value| *value != 0.0)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,10}", ".{80,120}"]
}

/// Not like an integer, and not `__proto__`.
fn key() -> impl Strategy<Value = String> {
    "[a-z]{1,5}"
}

/// A member, or a value that no member has.
fn color() -> impl Strategy<Value = Color> {
    prop_oneof![
        Just(Color::RED),
        Just(Color::GREEN),
        Just(Color::BLUE),
        Just(Color::NONE),
        int().prop_map(Color)
    ]
}

fn many<S: Strategy>(element: S) -> impl Strategy<Value = Vec<S::Value>> {
    collection::vec(element, 0..6)
}

fn map<K: Strategy<Value: Ord>, V: Strategy>(
    key: K,
    value: V,
) -> impl Strategy<Value = BTreeMap<K::Value, V::Value>> {
    collection::btree_map(key, value, 0..6)
}
