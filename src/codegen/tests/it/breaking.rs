//! Two versions of a schema: what breaks, and what does not.

use shardcast_build::breaking::compare;

use crate::{builder, written};

#[test]
fn the_same_schema_breaks_nothing() {
    check("same", OLD, &[]);
}

#[test]
fn what_is_added_and_not_required_breaks_nothing() {
    let new = OLD
        .replace("1 optional string b", "7 optional vector<int> more; 1 optional string b")
        .replace("enum E { A, B = 5 }", "enum E { A, B = 5, C }")
        .replace("void g();", "void g(); void h(int a);")
        .replace("const int C = 1;", "const int C = 1; const int D = 2; struct T { 0 require int a; };");
    check("added", &new, &[]);
}

#[test]
fn fields() {
    for (from, to, expected) in [
        ("0 require int a;", "", "field-removed: field `M::S.a` was removed"),
        ("0 require int a;", "9 require int a;", "field-retagged: the tag of `M::S.a` was 0 and is 9"),
        ("0 require int a;", "0 require int z;", "field-renamed: `M::S.a` is now called `z`"),
        (
            "0 require int a;",
            "0 require long a;",
            "type-changed: the type of `M::S.a` was `int` and is `long`",
        ),
        (
            "0 require int a;",
            "0 optional int a;",
            "field-optional: `M::S.a` is now optional, and old readers require it",
        ),
        (
            "1 optional string b",
            "1 require string b",
            "field-required: `M::S.b` is now required, and old writers may leave it out",
        ),
        (
            "0 require int a;",
            "0 require int a; 8 require int n;",
            "required-field-added: `M::S.n` is new and required, and old writers do not write it",
        ),
        ("b = \"x\"", "b", "default-changed: the default of `M::S.b` was \"x\" and is \"\""),
        ("c[4]", "c[3]", "size-reduced: `M::S.c` had room for 4 and has room for 3"),
        ("d;", "d[3];", "type-changed: the type of `M::S.d` was `vector<int>` and is `vector<vector<int>>`"),
        ("vector<int> d", "vector<int>:3 d", "size-reduced: `M::S.d` had no fixed size and has room for 3"),
        (
            "map<int, E> e",
            "map<int, int> e",
            "type-changed: the type of `M::S.e` was `map<int, M::E>` and is `map<int, int>`",
        ),
    ] {
        check("fields", &OLD.replace(from, to), &[expected]);
    }
}

#[test]
fn types_and_consts() {
    for (from, to, expected) in [
        ("enum E { A, B = 5 }", "enum E { A }", "enumerator-removed: enumerator `M::E::B` was removed"),
        ("B = 5", "B", "enumerator-changed: the value of `M::E::B` was 5 and is 1"),
        ("const int C = 1;", "", "const-removed: const `M::C` was removed"),
        ("const int C = 1;", "const int C = 2;", "const-changed: the value of `M::C` was 1 and is 2"),
        ("module N { enum X { }; };", "", "module-removed: module `N` was removed"),
        ("enum X { };", "", "type-removed: enum `N::X` was removed"),
        ("enum X { };", "struct X { 0 require int a; };", "kind-changed: enum `N::X` became a struct"),
        ("struct R { 0 require int r; };", "enum R { A };", "kind-changed: struct `M::R` became an enum"),
        ("struct R { 0 require int r; };", "", "type-removed: struct `M::R` was removed"),
    ] {
        check("types", &OLD.replace(from, to), &[expected]);
    }
}

#[test]
fn interfaces() {
    for (from, to, expected) in [
        ("int f(int p, string q, out E s);", "", "operation-removed: operation `M::I.f` was removed"),
        ("int f(", "long f(", "type-changed: the result of `M::I.f` was `int` and is `long`"),
        ("void g()", "int g()", "type-changed: the result of `M::I.g` was `void` and is `int`"),
        (", string q", "", "parameter-removed: parameter `M::I.f.q` was removed"),
        (
            "int p, string q",
            "string q, int p",
            "parameters-reordered: the parameters of `M::I.f` were (p, q, s) and are (q, p, s)",
        ),
        ("string q", "string z", "parameter-renamed: `M::I.f.q` is now called `z`"),
        ("string q", "int q", "type-changed: the type of `M::I.f.q` was `string` and is `int`"),
        ("string q", "out string q", "direction-changed: `M::I.f.q` went to the server and is now `out`"),
        ("out E s", "E s", "direction-changed: `M::I.f.s` was `out` and now goes to the server"),
        ("out E s", "out E s, int t", "parameter-added: `M::I.f.t` is new, and old callers do not send it"),
        (
            "out E s",
            "out E s, out int t",
            "parameter-added: `M::I.f.t` is new, and old servers do not return it",
        ),
        ("interface J { };", "", "type-removed: interface `M::J` was removed"),
        ("string q", "routekey string q", ""),
    ] {
        let expected = [expected];
        check("interfaces", &OLD.replace(from, to), if expected == [""] { &[] } else { &expected });
    }
}

#[test]
fn a_change_says_where_it_is_in_both() {
    let schema = |name: &str, text: &str| builder().schema(&[written(name, text)]).expect("a good file").0;
    let old = schema("where_old", "module M {\n struct S { 0 require int a; };\n};");
    let new = schema("where_new", "module M {\n struct S {\n  0 require long a; };\n};");
    let changes = compare(&old, &new);
    let place = |location: &shardcast_build::breaking::Location| {
        let name = location.path.file_name().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), location.line, location.column)
    };
    assert_eq!(changes[0].old.as_ref().map(place), Some(("where_old.tars".to_owned(), 2, 27)));
    assert_eq!(changes[0].new.as_ref().map(place), Some(("where_new.tars".to_owned(), 3, 18)));
    assert_eq!(changes[0].path, "M::S.a");
}

fn check(name: &str, new: &str, expected: &[&str]) {
    let schema = |name: &str, text: &str| match builder().schema(&[written(name, text)]) {
        Ok((schema, _)) => schema,
        Err(error) => panic!("{error}"),
    };
    let old = schema(&format!("breaking_{name}_old"), OLD);
    let changes = compare(&old, &schema(&format!("breaking_{name}_new"), new));
    let reported: Vec<String> =
        changes.iter().map(|change| format!("{}: {}", change.code, change.message)).collect();
    assert_eq!(reported, expected, "{new}");
}

const OLD: &str = "
module N { enum X { }; };
module M
{
    enum E { A, B = 5 };
    const int C = 1;
    struct R { 0 require int r; };
    struct S
    {
        0 require int a;
        1 optional string b = \"x\";
        2 optional int c[4];
        3 optional vector<int> d;
        4 optional map<int, E> e;
    };
    interface I { int f(int p, string q, out E s); void g(); };
    interface J { };
};
";
