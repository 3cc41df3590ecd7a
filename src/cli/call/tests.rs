use std::fs;

use serde_json::{Value, json};
use shardcast::tars::{TarsFields, TarsValue, codec::TarsStruct as _};
use shardcast_build::{Builder, Schema};

use super::{arguments, operation, results};

const IDL: &str = r#"
module TestApp
{
    enum Color { RED, GREEN = 5, BLUE };
    struct Inner { 0 require int id; 1 optional string name = "none"; };
    struct All
    {
        0 require bool b; 1 require byte i8; 2 require short i16; 3 require int i32; 4 require long i64;
        5 require unsigned byte u8; 6 require unsigned short u16; 7 require unsigned int u32;
        8 require float f32; 9 require double f64; 10 require string s; 11 require vector<byte> bytes;
        12 require vector<int> ints; 13 require map<string, string> dict; 14 require Inner inner;
        15 optional vector<Inner> inners; 16 optional map<int, vector<string>> nested; 20 optional Color color = GREEN;
    };
    interface Hello { int echo(All in, out All result); string hello(int no, string name); void none(); };
    interface Other { void hello(map<Inner, bool> places); };
};"#;

fn schema() -> Schema {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let file = folder.path().join("hello.tars");
    fs::write(&file, IDL).expect("it is ours");
    Builder::new().emit_rerun_if_changed(false).schema(&[&file]).expect("valid").0
}

fn all() -> Value {
    json!({
        "b": true, "i8": -128, "i16": -3, "i32": 70000, "i64": i64::MIN, "u8": 255, "u16": 65535, "u32": u32::MAX,
        "f32": 0.1, "f64": 1e300, "s": "Ünï", "bytes": [1, -1, 127], "ints": [1, 2],
        "dict": {"a": "b"}, "inner": {"id": 7, "name": "seven"}, "inners": [{"id": 8, "name": "none"}],
        "nested": {"-5": ["x", ""]}, "color": 6,
    })
}

/// The error of these arguments.
#[track_caller]
fn fault(object: &str, method: &str, arguments: &Value) -> String {
    let schema = schema();
    let operation = operation(&schema, object, method).expect("there is one");
    arguments::encode(&schema, operation, arguments).expect_err("it is not valid").to_string()
}

#[test]
fn values_of_every_type_come_back_as_they_were_sent() {
    let schema = schema();
    let echo = operation(&schema, "TestApp.HelloServer.HelloObj", "echo").expect("there is one");
    let body = arguments::encode(&schema, echo, &json!({ "in": all() })).expect("valid");
    let sent = TarsFields::read_all(&body).expect("fields");
    let value = sent.get(1).expect("the argument").clone();
    let answer = TarsFields(vec![(0, 2.into()), (2, value)]).to_vec();
    let received = results::decode(&schema, echo, &answer).expect("valid");
    assert_eq!(Value::Object(received), json!({ "tars_ret": 2, "result": all() }));

    // What is left out has its default.
    let mut few = all();
    let fields = few.as_object_mut().expect("an object");
    for name in ["inners", "nested", "color"] {
        fields.remove(name);
    }
    fields["bytes"] = "text".into();
    fields["inner"] = json!({ "id": 0 });
    let body = arguments::encode(&schema, echo, &json!({ "in": few })).expect("valid");
    let value = TarsFields::read_all(&body).expect("fields").get(1).expect("the argument").clone();
    let answer = TarsFields(vec![(0, 0.into()), (2, value)]).to_vec();
    let received = results::decode(&schema, echo, &answer).expect("valid");
    let result = &received["result"];
    let found = ["inners", "nested", "color", "inner", "bytes"].map(|name| result[name].clone());
    let bytes = json!([116, 101, 120, 116]);
    assert_eq!(found, [json!([]), json!({}), 5.into(), json!({ "id": 0, "name": "none" }), bytes]);

    let none = operation(&schema, "Obj", "none").expect("there is one");
    assert_eq!(arguments::encode(&schema, none, &json!({})).expect("valid"), b"");
    assert!(results::decode(&schema, none, b"").expect("valid").is_empty());
}

#[test]
fn an_enumerator_may_be_named_and_a_key_may_be_a_struct() {
    let schema = schema();
    let mut value = all();
    value["color"] = "BLUE".into();
    let echo = operation(&schema, "HelloObj", "echo").expect("there is one");
    let named = arguments::encode(&schema, echo, &json!({ "in": value })).expect("valid");
    assert_eq!(named, arguments::encode(&schema, echo, &json!({ "in": all() })).expect("valid"));

    let other = operation(&schema, "TestApp.OtherServer.OtherObj", "hello").expect("there is one");
    let body = arguments::encode(&schema, other, &json!({ "places": [[{ "id": 1 }, true]] })).expect("valid");
    let fields = TarsFields::read_all(&body).expect("fields");
    assert!(matches!(fields.get(1), Some(TarsValue::Map(pairs)) if pairs.len() == 1), "{fields:?}");
}

#[test]
fn an_invalid_value_is_named_with_its_place() {
    let with = |name: &str, value: Value| {
        let mut all = all();
        all[name] = value;
        fault("HelloObj", "echo", &json!({ "in": all }))
    };
    for (name, value, expected) in [
        ("i8", 128.into(), "in.i8: 128 is out of range for byte: -128 to 127"),
        ("u32", (-1).into(), "in.u32: -1 is out of range for unsigned int: 0 to 4294967295"),
        ("i64", u64::MAX.into(), "in.i64: 18446744073709551615 is out of range for long"),
        ("i32", 1.5.into(), "in.i32: expected int, found 1.5"),
        ("i32", "7".into(), "in.i32: expected int, found a text"),
        ("f32", 1e39.into(), "in.f32: 1e+39 is out of range for float"),
        ("s", Value::Null, "in.s: expected string, found null"),
        ("bytes", json!([1, 256]), "in.bytes[1]: 256 is not a byte"),
        ("ints", json!([1, true]), "in.ints[1]: expected int, found true"),
        ("dict", json!({ "a": 1 }), "in.dict[\"a\"]: expected string, found 1"),
        ("nested", json!({ "x": [] }), "in.nested[\"x\"]: expected int, found a text"),
        ("nested", json!([[1]]), "in.nested[0]: expected a pair: [key, value]"),
        ("inner", json!({ "id": 1, "nam": "x" }), "in.inner.nam: unknown name: expected id, name"),
        ("inners", json!([{}]), "in.inners[0].id: missing: Inner requires int"),
        ("color", "PINK".into(), "in.color: Color has no `PINK`: expected RED, GREEN, BLUE"),
    ] {
        let found = with(name, value);
        assert!(found.starts_with(expected), "{found} instead of {expected}");
    }
    let hello = "Hello.hello";
    assert_eq!(fault("Obj", hello, &json!({ "no": 1 })), "name: missing: expected string");
    assert_eq!(fault("Obj", hello, &json!({ "n": 1 })), "n: unknown name: expected no, name");
    assert!(fault("Obj", "none", &json!([])).starts_with("arguments: expected a JSON object"));
}

#[test]
fn a_method_of_several_interfaces_is_that_of_the_object() {
    let schema = schema();
    let parameters = |object: &str, method: &str| {
        operation(&schema, object, method).map(|it| it.parameters.len()).map_err(|error| error.to_string())
    };
    assert_eq!(parameters("TestApp.HelloServer.HelloObj", "hello"), Ok(2));
    assert_eq!(parameters("TestApp.OtherServer.OtherObj", "hello"), Ok(1));
    assert_eq!(parameters("TestApp.OtherServer.OtherObj", "TestApp.Hello.hello"), Ok(2));
    let ambiguous = "several interfaces have the method `hello`: write Hello.hello or Other.hello";
    assert_eq!(parameters("TestApp.S.Obj", "hello"), Err(ambiguous.into()));
    assert_eq!(parameters("TestApp.S.Obj", "hi"), Err("the .tars files have no method `hi`".into()));
}

#[test]
fn a_result_of_another_type_is_an_error() {
    let schema = schema();
    let hello = operation(&schema, "HelloObj", "hello").expect("there is one");
    for (fields, expected) in [
        (vec![], "tars_ret: the server has sent none"),
        (vec![(0, 7.into())], "tars_ret: expected string, found char"),
    ] {
        let error = results::decode(&schema, hello, &TarsFields(fields).to_vec()).expect_err("not a string");
        assert_eq!(format!("{error:#}"), format!("the result does not fit the .tars file: {expected}"));
    }
    assert!(results::decode(&schema, hello, &[0xff]).is_err());
}
