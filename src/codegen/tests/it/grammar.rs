//! For every production of the grammar, in its order, sources that it accepts and sources that it does not.

use shardcast_build::parser::parse;

#[test]
fn file() {
    accepts(&["", "// nothing", "module M { };", "module M { }; module N { }; module M { };"]);
    accepts(&["key[M::S, a];", "#include \"a.tars\"\nmodule M { };"]);
    rejects(&[
        (";", "expected `module`, found `;`"),
        ("struct S { 0 require int a; };", "`struct` must be inside a module"),
        ("enum E { A };", "`enum` must be inside a module"),
        ("const int A = 1;", "`const` must be inside a module"),
        ("interface I { void f(); };", "`interface` must be inside a module"),
        ("Module M { };", "expected `module`, found `Module`"),
        ("module M { }; };", "expected `module`, found `}`"),
    ]);
}

#[test]
fn include() {
    accepts(&["#include\t \"dir/a.tars\"", "#include \"a.tars\" #include \"b.tars\""]);
    rejects(&[
        ("#include", "`#include` needs a file name"),
        ("#include \"\"", "`#include` needs a file name"),
        ("#include <a.tars>", "`#include` needs a file name"),
        ("# include \"a.tars\"", "unknown directive"),
        (
            "module M { #include \"a.tars\"\n};",
            "expected `struct`, `enum`, `const`, `interface` or `key`, found `#include`",
        ),
    ]);
}

#[test]
fn module() {
    accepts(&["module M { };", "module M\r\n{\r\n};\r\n", "module _m1 { enum E { }; };"]);
    rejects(&[
        ("module { };", "expected the name of a module, found `{`"),
        ("module int { };", "`int` is a keyword and cannot name a module"),
        ("module M ;", "expected `{` after module `M`, found `;`"),
        ("module M { }", "expected `;` after the closing `}` of a module, found the end of the file"),
        ("module M {", "module `M` is never closed"),
        ("module M { module N { }; };", "a module cannot be inside another one"),
        ("module M { int a; };", "expected `struct`, `enum`, `const`, `interface` or `key`, found `int`"),
    ]);
}

#[test]
fn enumeration() {
    in_module_accepts(&["enum E { };", "enum E { A };", "enum E { A, B, };", "enum E { A,, B };"]);
    in_module_rejects(&[
        ("enum { A };", "expected the name of an enum, found `{`"),
        ("enum E;", "expected `{` after the name of an enum, found `;`"),
        ("enum E { A B };", "expected `,` or `}` in enum `E`, found `B`"),
        ("enum E { A; };", "expected `,` or `}` in enum `E`, found `;`"),
        ("enum E { A }", "expected `;` after a definition, found `}`"),
    ]);
}

#[test]
fn enumerator() {
    in_module_accepts(&["enum E { A = 1 };", "enum E { A = -0x10, B = 010, C = A };"]);
    in_module_rejects(&[
        ("enum E { A = };", "expected a value, found `}`"),
        ("enum E { A 1 };", "expected `,` or `}` in enum `E`, found `1`"),
        ("enum E { int };", "`int` is a keyword and cannot name an enumerator"),
    ]);
}

#[test]
fn constant() {
    in_module_accepts(&["const int A = 1;", "const string S = \"s\";", "const M::E A = M::E::X;"]);
    in_module_rejects(&[
        ("const A = 1;", "expected the name of a const, found `=`"),
        ("const int A;", "expected `=` after the name of a const, found `;`"),
        ("const int A = 1", "expected `;` after a const, found `}`"),
        ("const int A = ;", "expected a value, found `;`"),
    ]);
}

#[test]
fn structure() {
    in_module_accepts(&[
        "struct S { 0 require int a; };",
        "struct S { 1 optional int b; 0 require int a; };",
    ]);
    in_module_rejects(&[
        ("struct S { };", "a struct must have at least one field"),
        ("struct { 0 require int a; };", "expected the name of a struct, found `{`"),
        ("struct int { 0 require int a; };", "`int` is a keyword and cannot name a struct"),
        ("struct S { 0 require int a; }", "expected `;` after a definition, found `}`"),
        ("struct S { 0 require int a;\nenum E { A };", "struct `S` is never closed"),
    ]);
}

#[test]
fn field() {
    in_struct_accepts(&["0 require int a;", "0x10 optional int a = 1;", "017 optional string a = \"x\";"]);
    in_struct_rejects(&[
        ("require int a;", "a field needs a tag"),
        ("int a;", "expected the tag of a field, found `int`"),
        ("0 int a;", "expected `require` or `optional` after the tag, found `int`"),
        ("0 require a;", "expected the name of a field, found `;`"),
        ("0 require int;", "expected the name of a field, found `;`"),
        ("0 require int int;", "`int` is a keyword and cannot name a field"),
        ("0 require int a, b;", "expected `;` after a field, found `,`"),
        ("0 require int a", "expected `;` after a field, found `}`"),
        ("0 require int a = ;", "expected a value, found `;`"),
    ]);
}

#[test]
fn member() {
    in_struct_accepts(&[
        "0 require int a;",
        "0 require int a[10];",
        "0 require byte *a;",
        "0 require byte* a;",
    ]);
    in_struct_rejects(&[
        ("0 require int a[];", "an array needs a number, found `]`"),
        ("0 require int a[1;", "expected `]` after the size of an array, found `;`"),
        ("0 require string a:16;", "the size belongs after the type, not after the name"),
        ("0 require byte **a;", "expected the name of a field, found `*`"),
    ]);
}

#[test]
fn initializer() {
    in_struct_accepts(&[
        "0 optional int a = -1;",
        "0 optional double a = 1e-3;",
        "0 optional string a = \"q\\\"\";",
        "0 optional bool a = true;",
        "0 optional bool a = false;",
        "0 optional E a = A;",
        "0 optional E a = M::E::A;",
        "0 optional E a = ::M::A;",
    ]);
    in_struct_rejects(&[
        ("0 optional int a = int;", "expected a value, found `int`"),
        ("0 optional E a = M::;", "expected the name of a type, found `;`"),
        ("0 optional int a = (1);", "expected a value, found `(`"),
        ("0 optional int a = 1 2;", "expected `;` after a field, found `2`"),
    ]);
}

#[test]
fn interface() {
    in_module_accepts(&["interface I { };", "interface I { void f(); int g(); };"]);
    in_module_rejects(&[
        ("interface { };", "expected the name of an interface, found `{`"),
        ("interface I : J { };", "expected `{` after interface `I`, found `:`"),
        ("interface I { void f(); }", "expected `;` after a definition, found `}`"),
        ("interface I { void f();\nstruct S { 0 require int a; };", "interface `I` is never closed"),
    ]);
}

#[test]
fn operation() {
    in_interface_accepts(&[
        "void f();",
        "vector<M::S> f(int a);",
        "void int(int a);",
        "int vector\n(int a);",
    ]);
    in_interface_rejects(&[
        ("f();", "expected the name of an operation, found `(`"),
        ("void f;", "expected `(` after the name of an operation, found `;`"),
        ("void f()", "expected `;` after an operation, found `}`"),
        ("void f(int a;", "expected `,` or `)` after a parameter, found `;`"),
        ("oneway void f();", "`void` is a keyword and cannot name an operation"),
        ("out int f();", "expected a type, found `out`"),
    ]);
}

#[test]
fn parameter() {
    in_interface_accepts(&["void f(int a, out int b, routekey string c);", "void f(int a[3]);"]);
    in_interface_rejects(&[
        ("void f(int);", "expected the name of a parameter, found `)`"),
        ("void f(void);", "only an operation's result can be `void`"),
        ("void f(int a,);", "expected a type, found `)`"),
        ("void f(out routekey string a);", "a parameter is `out` or `routekey`, not both"),
        ("void f(int a = 3);", "a parameter cannot have a default"),
    ]);
}

#[test]
fn key() {
    in_module_accepts(&["key[S, a];", "key[M::S, a, b, c];"]);
    in_module_rejects(&[
        ("key[S];", "expected `,` after the struct of a key, found `]`"),
        ("key[S, ];", "expected the name of a field, found `]`"),
        ("key(S, a);", "expected `[` after `key`, found `(`"),
        ("key[S, a]", "expected `;` after a definition, found `}`"),
    ]);
}

#[test]
fn ty() {
    for base in ["bool", "byte", "short", "int", "long", "float", "double", "string"] {
        in_struct_accepts(&[&format!("0 require {base} a;")]);
    }
    in_struct_accepts(&[
        "0 require unsigned byte a;",
        "0 require unsigned short a;",
        "0 require unsigned int a;",
        "0 require string:16 a;",
        "0 require vector<int>:16 a;",
        "0 require vector<vector<int>> a;",
        "0 require map<string, vector<map<int, M::S>>> a;",
    ]);
    in_struct_rejects(&[
        ("0 require unsigned long a;", "expected `byte`, `short` or `int` after `unsigned`, found `long`"),
        ("0 require void a;", "only an operation's result can be `void`"),
        ("0 require string: a;", "a fixed size needs a number, found `a`"),
        ("0 require vector a;", "expected `<` after `vector`, found `a`"),
        ("0 require vector<int a;", "expected `>` after the type of a vector's elements, found `a`"),
        ("0 require map<int> a;", "expected `,` after the type of a map's keys, found `>`"),
        ("0 require map<int, int a;", "expected `>` after the type of a map's values, found `a`"),
    ]);
}

#[test]
fn scoped() {
    in_struct_accepts(&["0 require S a;", "0 require M::S a;", "0 require ::M::S a;"]);
    in_struct_rejects(&[
        ("0 require M:: a;", "expected the name of a field, found `;`"),
        ("0 require M::int a;", "`int` is a keyword and cannot name a type"),
        ("0 require :: a;", "expected the name of a field, found `;`"),
    ]);
}

fn accepts(sources: &[&str]) {
    for source in sources {
        let (_, faults) = parse(source.as_bytes());
        assert_eq!(faults, vec![], "{source}");
    }
}

fn rejects(sources: &[(&str, &str)]) {
    for (source, message) in sources {
        let (_, faults) = parse(source.as_bytes());
        let messages: Vec<&str> = faults.iter().map(|(_, fault)| fault.message.as_str()).collect();
        assert_eq!(messages, [*message], "{source}");
    }
}

fn within(before: &str, sources: &[&str], after: &str) {
    sources.iter().for_each(|source| accepts(&[&format!("{before}{source}{after}")]));
}

fn not_within(before: &str, sources: &[(&str, &str)], after: &str) {
    sources.iter().for_each(|(source, message)| rejects(&[(&format!("{before}{source}{after}"), message)]));
}

fn in_module_accepts(sources: &[&str]) {
    within("module M { ", sources, " };");
}

fn in_module_rejects(sources: &[(&str, &str)]) {
    not_within("module M { ", sources, " };");
}

fn in_struct_accepts(fields: &[&str]) {
    within("module M { struct S { ", fields, " }; };");
}

fn in_struct_rejects(fields: &[(&str, &str)]) {
    not_within("module M { struct S { ", fields, " }; };");
}

fn in_interface_accepts(operations: &[&str]) {
    within("module M { interface I { ", operations, " }; };");
}

fn in_interface_rejects(operations: &[(&str, &str)]) {
    not_within("module M { interface I { ", operations, " }; };");
}
