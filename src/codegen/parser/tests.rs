use std::fmt::Write;

use super::parse;
use crate::{
    ast::{Definition, Docs, File, Item, Struct},
    lexer::FAULTS_MAX,
};

#[test]
fn comments_before_and_after_a_definition_are_its_documentation() {
    let source = "// not this: a blank line follows

        /**
         * A point,
         *   in a plane.
         */
        // And more.
        struct Point // this is about the first field
        {
            // across
            0 require int x; // to the right
            /* up */ 1 require int y;
            2 require int z;

            // nobody's
        };";
    let point = only_struct(source);
    assert_eq!(point.docs, ["A point,", "in a plane.", "And more."]);
    let docs: Vec<&Docs> = point.fields.iter().map(|field| &field.docs).collect();
    assert_eq!(docs[0], &["across", "to the right"]);
    assert_eq!(docs[1], &["up"]);
    assert_eq!(docs[2], &Docs::new());
}

#[test]
fn enumerators_have_their_comments_after_the_comma() {
    let file = parsed("module M { enum E {\n A, // first\n // second\n B = 1 // and more\n }; };");
    let Item::Module(module) = &file.items[0] else { panic!("a module") };
    let Definition::Enum(of) = &module.definitions[0] else { panic!("an enum") };
    let docs: Vec<&Docs> = of.enumerators.iter().map(|enumerator| &enumerator.docs).collect();
    assert_eq!(docs, [&vec!["first".to_owned()], &vec!["second".to_owned(), "and more".to_owned()]]);
}

#[test]
fn comments_in_an_unknown_character_set_say_nothing() {
    let mut source = b"// \xd6\xd0\n// plain\n".to_vec();
    source.extend(b"struct S { 0 require int a; };");
    assert_eq!(only_struct(&source).docs, ["plain"]);
}

#[test]
fn one_run_reports_several_faults() {
    let source = "module M {
        struct A { 0 int a; 1 require b; 2 require int ok; };
        enum E { X Y };
        struct B { 0 require vector<int c; };
        interface I { void f(int); void ok(); };
        const int C;
        };";
    let (file, faults) = parse(source.as_bytes());
    assert_eq!(faults.len(), 6, "{faults:?}");
    assert_eq!(structs(&file).len(), 2, "what could be read is there");
}

#[test]
fn a_forgotten_end_is_one_fault() {
    check_faults("module M { struct A { 0 require int a }; };", 1);
    check_faults("module M { struct A { 0 require int a; } struct B { 0 require int b; }; };", 1);
    check_faults("module M { struct A { 0 require int a;\n struct B { 0 require int b; }; };", 1);
    check_faults("module M { enum E { A, B \n struct B { 0 require int b; }; };", 1);
    check_faults("module M { interface I { void a()\n void b(); }; };", 1);
    check_faults("module M { struct A { 0 require int a; };", 1);
}

#[test]
fn what_only_follows_from_a_fault_of_the_lexer_is_not_reported() {
    check_faults("module M { struct 中 { 0 require int a; }; };", 1);
    check_faults("module M { const string S = \"abc;\n const int A = 1; };", 1);
    check_faults("module M { struct S { 0 require int a$; }; };", 1);
    check_faults("module M { /* ", 1);
    check_faults("#define X 1\nmodule M { };", 1);
}

#[test]
fn types_nest_only_so_deep() {
    let deep = |depth: usize| {
        let (open, close) = ("vector<".repeat(depth - 1), ">".repeat(depth - 1));
        format!("module M {{ struct S {{ 0 require {open}int{close} a; }}; }};")
    };
    check_faults(&deep(64), 0);
    check_faults(&deep(65), 1);
    check_faults(&deep(100_000), 1);
}

#[test]
fn nothing_else_nests_on_the_stack() {
    for open in ["module M { ", "struct S { ", "interface I { ", "enum E { ", "{ ", "[", "map<", "key["] {
        parse(open.repeat(100_000).as_bytes());
    }
    parse("} ".repeat(100_000).as_bytes());
}

#[test]
fn faults_are_bounded_whatever_the_input() {
    let mut source = String::from("module M { struct S {");
    for _ in 0..10_000 {
        write!(source, "0 int a;").expect("a string takes everything");
    }
    assert_eq!(parse(source.as_bytes()).1.len(), FAULTS_MAX);
}

#[test]
fn any_cut_and_any_changed_byte_ends_without_panic() {
    let source = include_bytes!("../tests/fixtures/rich.tars");
    for cut in 0..source.len() {
        parse(&source[..cut]);
        for byte in [0, b'"', b'{', b'}', b';', b'<', b'*', b'0', b'a', b' ', 0xff] {
            let mut changed = source.to_vec();
            changed[cut] = byte;
            parse(&changed);
        }
    }
}

fn parsed(source: &str) -> File {
    let (file, faults) = parse(source.as_bytes());
    assert_eq!(faults, vec![]);
    file
}

fn check_faults(source: &str, expected: usize) {
    let (_, faults) = parse(source.as_bytes());
    assert_eq!(faults.len(), expected, "{source:.200}: {faults:?}");
}

/// The struct that is all of a module.
fn only_struct(definition: impl AsRef<[u8]>) -> Struct {
    let source = [b"module M {\n", definition.as_ref(), b"\n};"].concat();
    let (file, faults) = parse(&source);
    assert_eq!(faults, vec![]);
    structs(&file).remove(0)
}

fn structs(file: &File) -> Vec<Struct> {
    let modules = file.items.iter().filter_map(|item| match item {
        Item::Module(module) => Some(module),
        Item::Key(_) => None,
    });
    let definitions = modules.flat_map(|module| &module.definitions);
    let structs = definitions.filter_map(|definition| match definition {
        Definition::Struct(of) => Some(of.clone()),
        _ => None,
    });
    structs.collect()
}
