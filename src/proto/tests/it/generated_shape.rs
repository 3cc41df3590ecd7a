//! Code as the compiler emits it for [`SHAPE`], and that it does what it should.
//!
//! Written by hand: the contract between the codec and the emitter. In emitted code `c` is
//! `shardcast::__codegen`.
#![allow(unreachable_pub, reason = "emitted code is for modules of any visibility")]

use shardcast_proto::tars::__codegen as c;

/// The source.
#[allow(dead_code, reason = "it is here to be read")]
const SHAPE: &str = r#"
module Shape
{
    enum Colour { RED, GREEN, BLUE = 7 };
    struct Point { 0 require int x; 1 optional int y = -1; };
    struct Everything
    {
        0 require bool flag;
        1 require unsigned short port;
        2 optional long count;
        3 optional double ratio = 1.5;
        4 optional string name = "none";
        5 optional bool on = true;
        6 optional Colour colour = GREEN;
        7 optional Point point;
        8 optional vector<byte> raw;
        9 optional map<string, vector<unsigned byte>> table;
        10 optional vector<vector<byte>> chunks;
        11 require int last[4];
    };
    struct Maybe { 0 optional int number; 1 optional string text; };
    struct View { 0 require string name; 1 require vector<byte> raw; 2 optional map<string, string> tags; };
};
"#;

// ---------------------------------------------------------------------------------------------- emitted

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Colour(pub i32);

impl Colour {
    pub const RED: Self = Self(0);
    pub const GREEN: Self = Self(1);
    pub const BLUE: Self = Self(7);
}

impl Default for Colour {
    fn default() -> Self {
        Self::RED
    }
}

impl c::TarsEnum for Colour {
    const NAME: &'static str = "Shape.Colour";
    const MEMBERS: &'static [(&'static str, i32)] = &[("RED", 0), ("GREEN", 1), ("BLUE", 7)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl c::Encode for Colour {
    fn encode(&self, w: &mut c::TarsWriter, tag: u8) {
        self.0.encode(w, tag);
    }

    fn type_name(out: &mut c::std::string::String) {
        <i32 as c::Encode>::type_name(out);
    }
}

impl<'de> c::Decode<'de> for Colour {
    fn decode(r: &mut c::TarsReader<'de>, head: c::Head) -> c::std::result::Result<Self, c::DecodeError> {
        <i32 as c::Decode>::decode(r, head).map(Self)
    }
}

impl c::ToJson for Colour {
    fn to_json<S: c::serde::Serializer>(&self, serializer: S) -> c::std::result::Result<S::Ok, S::Error> {
        self.0.to_json(serializer)
    }
}

impl c::FromJson for Colour {
    fn from_json(value: c::JsonValue) -> c::std::result::Result<Self, c::JsonError> {
        <i32 as c::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

impl Default for Point {
    fn default() -> Self {
        Self { x: 0, y: -1 }
    }
}

impl c::TarsStruct for Point {
    const NAME: &'static str = "Shape.Point";

    fn write_fields(&self, w: &mut c::TarsWriter) {
        w.field(0, &self.x);
        w.optional_or(1, &self.y, &-1);
    }
}

impl<'de> c::DecodeStruct<'de> for Point {
    fn read_fields(r: &mut c::TarsReader<'de>) -> c::std::result::Result<Self, c::DecodeError> {
        Ok(Self { x: r.require(0)?, y: r.optional_or(1, -1)? })
    }
}

impl c::ToJson for Point {
    fn to_json<S: c::serde::Serializer>(&self, serializer: S) -> c::std::result::Result<S::Ok, S::Error> {
        let mut object = c::JsonObjectWriter::begin(serializer, "Point", 2)?;
        object.field("x", &self.x)?;
        object.field("y", &self.y)?;
        object.end()
    }
}

impl c::FromJson for Point {
    fn from_json(value: c::JsonValue) -> c::std::result::Result<Self, c::JsonError> {
        let mut object = c::JsonObject::new(value)?;
        Ok(Self { x: object.require("x")?, y: object.optional_or("y", -1)? })
    }
}

// With the option that also implements serde's traits:

impl c::serde::Serialize for Point {
    fn serialize<S: c::serde::Serializer>(&self, serializer: S) -> c::std::result::Result<S::Ok, S::Error> {
        c::ToJson::to_json(self, serializer)
    }
}

impl<'de> c::serde::Deserialize<'de> for Point {
    fn deserialize<D: c::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> c::std::result::Result<Self, D::Error> {
        c::json_deserialize(deserializer)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Everything {
    pub flag: bool,
    pub port: u16,
    pub count: i64,
    pub ratio: f64,
    pub name: String,
    pub on: bool,
    pub colour: Colour,
    pub point: Point,
    pub raw: Vec<u8>,
    pub table: c::std::collections::BTreeMap<String, c::UnsignedBytes>,
    pub chunks: Vec<Vec<u8>>,
    pub last: Vec<i32>,
}

impl Default for Everything {
    fn default() -> Self {
        Self {
            flag: false,
            port: 0,
            count: 0,
            ratio: 1.5,
            name: "none".into(),
            on: true,
            colour: Colour::GREEN,
            point: Default::default(),
            raw: Default::default(),
            table: Default::default(),
            chunks: Default::default(),
            last: Default::default(),
        }
    }
}

impl c::TarsStruct for Everything {
    const NAME: &'static str = "Shape.Everything";

    fn write_fields(&self, w: &mut c::TarsWriter) {
        w.field(0, &self.flag);
        w.field(1, &self.port);
        w.optional(2, &self.count);
        w.optional_or(3, &self.ratio, &1.5);
        w.optional_or(4, &self.name, "none");
        w.field(5, &self.on);
        w.field(6, &self.colour);
        w.optional(7, &self.point);
        w.optional(8, &self.raw);
        w.optional(9, &self.table);
        w.optional(10, &self.chunks);
        w.field(11, &self.last);
    }
}

impl<'de> c::DecodeStruct<'de> for Everything {
    fn read_fields(r: &mut c::TarsReader<'de>) -> c::std::result::Result<Self, c::DecodeError> {
        Ok(Self {
            flag: r.require(0)?,
            port: r.require(1)?,
            count: r.optional(2)?,
            ratio: r.optional_or(3, 1.5)?,
            name: r.optional_or_else(4, || "none".into())?,
            on: r.optional_or(5, true)?,
            colour: r.optional_or(6, Colour::GREEN)?,
            point: r.optional(7)?,
            raw: r.optional(8)?,
            table: r.optional(9)?,
            chunks: r.optional(10)?,
            last: r.require_at_most(11, 4)?,
        })
    }
}

impl c::ToJson for Everything {
    fn to_json<S: c::serde::Serializer>(&self, serializer: S) -> c::std::result::Result<S::Ok, S::Error> {
        let mut object = c::JsonObjectWriter::begin(serializer, "Everything", 12)?;
        object.field("flag", &self.flag)?;
        object.field("port", &self.port)?;
        object.field("count", &self.count)?;
        object.field("ratio", &self.ratio)?;
        object.field("name", &self.name)?;
        object.field("on", &self.on)?;
        object.field("colour", &self.colour)?;
        object.field("point", &self.point)?;
        object.field("raw", &self.raw)?;
        object.field("table", &self.table)?;
        object.field("chunks", &self.chunks)?;
        object.field("last", &self.last)?;
        object.end()
    }
}

impl c::FromJson for Everything {
    fn from_json(value: c::JsonValue) -> c::std::result::Result<Self, c::JsonError> {
        let mut object = c::JsonObject::new(value)?;
        Ok(Self {
            flag: object.require("flag")?,
            port: object.require("port")?,
            count: object.optional("count")?,
            ratio: object.optional_or("ratio", 1.5)?,
            name: object.optional_or_else("name", || "none".into())?,
            on: object.optional_or("on", true)?,
            colour: object.optional_or("colour", Colour::GREEN)?,
            point: object.optional("point")?,
            raw: object.optional("raw")?,
            table: object.optional("table")?,
            chunks: object.optional("chunks")?,
            last: object.require_at_most("last", 4)?,
        })
    }
}

/// With the option that tells "not there" from "default".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maybe {
    pub number: Option<i32>,
    pub text: Option<String>,
}

impl c::TarsStruct for Maybe {
    const NAME: &'static str = "Shape.Maybe";

    fn write_fields(&self, w: &mut c::TarsWriter) {
        w.option(0, &self.number);
        w.option(1, &self.text);
    }
}

impl<'de> c::DecodeStruct<'de> for Maybe {
    fn read_fields(r: &mut c::TarsReader<'de>) -> c::std::result::Result<Self, c::DecodeError> {
        // With the option that takes strings in any encoding.
        r.lossy(|r| Ok(Self { number: r.option(0)?, text: r.option(1)? }))
    }
}

impl c::ToJson for Maybe {
    fn to_json<S: c::serde::Serializer>(&self, serializer: S) -> c::std::result::Result<S::Ok, S::Error> {
        let mut object = c::JsonObjectWriter::begin(serializer, "Maybe", 2)?;
        object.option("number", &self.number)?;
        object.option("text", &self.text)?;
        object.end()
    }
}

impl c::FromJson for Maybe {
    fn from_json(value: c::JsonValue) -> c::std::result::Result<Self, c::JsonError> {
        let mut object = c::JsonObject::new(value)?;
        Ok(Self { number: object.option("number")?, text: object.option("text")? })
    }
}

/// With the option that borrows from the input; it can be written as JSON in the same way, and not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View<'de> {
    pub name: &'de str,
    pub raw: &'de [u8],
    pub tags: c::Pairs<&'de str, &'de str>,
}

impl c::TarsStruct for View<'_> {
    const NAME: &'static str = "Shape.View";

    fn write_fields(&self, w: &mut c::TarsWriter) {
        w.field(0, &self.name);
        w.field(1, &self.raw);
        w.optional(2, &self.tags);
    }
}

impl<'de> c::DecodeStruct<'de> for View<'de> {
    fn read_fields(r: &mut c::TarsReader<'de>) -> c::std::result::Result<Self, c::DecodeError> {
        Ok(Self { name: r.require(0)?, raw: r.require(1)?, tags: r.optional(2)? })
    }
}

// ------------------------------------------------------------------------------------------------ tests

use c::{DecodeStruct, TarsEnum, TarsStruct};
use shardcast_proto::tars::json;

fn everything() -> Everything {
    Everything {
        flag: true,
        port: 65_535,
        count: i64::MIN,
        ratio: -0.0,
        name: "名".into(),
        on: false,
        colour: Colour(9),
        point: Point { x: 1, y: 2 },
        raw: vec![0, 255],
        table: [("k".to_owned(), vec![0, 255].into())].into(),
        chunks: vec![vec![1], vec![]],
        last: vec![1, 2, 3, 4],
    }
}

#[test]
fn a_struct_with_everything_comes_back() {
    assert_eq!(Everything::from_slice(&everything().to_vec()), Ok(everything()));
}

#[test]
fn a_struct_with_everything_comes_back_from_json() {
    let text = json::to_vec(&everything()).expect("plain values");
    let expected = concat!(
        r#"{"flag":true,"port":65535,"count":-9223372036854775808,"ratio":-0.0,"name":"名","on":false,"#,
        r#""colour":9,"point":{"x":1,"y":2},"raw":[0,-1],"table":{"k":[0,255]},"chunks":[[1],[]],"#,
        r#""last":[1,2,3,4]}"#
    );
    assert_eq!(str::from_utf8(&text), Ok(expected));
    assert_eq!(json::from_slice(&text), Ok(everything()));
}

#[test]
fn a_struct_goes_through_serde() {
    let point = Point { x: 1, y: 2 };
    let value = serde_json::to_value(&point).expect("plain values");
    assert_eq!(serde_json::from_value::<Point>(value).ok(), Some(point));
}

#[test]
fn a_fault_in_json_is_found_by_its_path() {
    let text = br#"{"flag":true,"port":1,"table":{"k":[0,256]},"last":[]}"#;
    let error = json::from_slice::<Everything>(text).expect_err("256 does not fit a byte");
    assert_eq!(error.to_string(), "table.k[1]: 256 is not an integer from 0 to 255");
}

#[test]
fn bytes_and_unsigned_bytes_have_different_forms() {
    let value = Everything {
        raw: vec![255],
        table: [("k".to_owned(), vec![255].into())].into(),
        ..Everything::default()
    };
    let expected = [
        0x0C, 0x1C, // flag, port
        0x50, 1, 0x60, 1, // on, colour: always there
        0x7A, 0x0C, 0x0B, // point: always there, y left out
        0x8D, 0x00, 0x00, 1, 255, // raw: SIMPLE_LIST
        0x98, 0x00, 1, 0x06, 1, b'k', 0x19, 0x00, 1, 0x01, 0, 255, // table: LIST of a narrowed integer
        0xB9, 0x0C, // last
    ];
    assert_eq!(value.to_vec(), expected);
    assert_eq!(Everything::from_slice(&expected), Ok(value));
}

#[test]
fn nothing_is_left_out_when_the_writer_says_so() {
    let mut w = c::TarsWriter::new().elide_defaults(false);
    Point { x: 0, y: -1 }.write_fields(&mut w);
    assert_eq!(w.as_bytes(), [0x0C, 0x10, 0xFF]);
}

#[test]
fn missing_and_default_can_be_distinguished() {
    for value in [
        Maybe::default(),
        Maybe { number: Some(0), text: Some(String::new()) },
        Maybe { number: None, text: Some("x".into()) },
    ] {
        assert_eq!(Maybe::from_slice(&value.to_vec()), Ok(value.clone()));
        let text = json::to_vec(&value).expect("plain values");
        assert_eq!(json::from_slice(&text), Ok(value));
    }
    let gbk = Maybe::from_slice(&[0x16, 2, 0xD6, 0xD0]).map(|maybe| maybe.text);
    assert_eq!(gbk, Ok(Some("\u{FFFD}\u{FFFD}".into())));
}

#[test]
fn an_array_has_no_more_elements_than_declared() {
    let value = Everything { last: vec![0; 5], ..Everything::default() };
    let error = Everything::from_slice(&value.to_vec()).expect_err("five elements in an array of four");
    assert_eq!(error.to_string(), "tag 11, byte 17: 5 elements, where at most 4 are allowed");
}

#[test]
fn a_view_borrows_from_its_input() {
    let tags = [("a", "1"), ("b", "2")].into_iter().collect();
    let input = View { name: "n", raw: b"raw", tags }.to_vec();
    let view = View::from_slice(&input).expect("what was just written");
    assert!(input.as_ptr_range().contains(&view.name.as_ptr()));
    assert!(input.as_ptr_range().contains(&view.raw.as_ptr()));
    assert_eq!(view.tags.get("b"), Some(&"2"));
}

#[test]
fn an_enum_has_names_and_keeps_numbers_without() {
    assert_eq!((Colour::BLUE.name(), Colour(8).name()), (Some("BLUE"), None));
    assert_eq!(Colour::from_name("GREEN"), Some(Colour::GREEN));
    let mut name = String::new();
    <Vec<std::collections::HashMap<Colour, Vec<Point>>> as c::Encode>::type_name(&mut name);
    assert_eq!(name, "list<map<int32,list<Shape.Point>>>");
}
