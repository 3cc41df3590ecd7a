//! The formatter.

use std::{fs, path::Path};

use shardcast_build::{
    format::format,
    lexer::{TokenKind, tokenize},
};

use crate::{files_in, fixture};

#[test]
fn a_file_is_laid_out_and_keeps_its_comments() {
    check(
        "// head\n#include \"a.tars\"\n\n\n\nmodule M{ // opens\nenum E{A,B=2 , // two\n C};struct S{\n\n0 require \
         vector < map<int,string> >a;// the a\n\n\n/* b */1 optional ::M::T  b[ 4 ] ;\n2 optional string:16 c = \
         \"x  y\";3 require byte * d;\n\n};\n\nkey [ S ,a ];interface I{void  f( int a,out string b ) ;};};",
        "// head\n\
         #include \"a.tars\"\n\
         \n\
         module M\n\
         { // opens\n    \
             enum E\n    \
             {\n        \
                 A,\n        \
                 B = 2, // two\n        \
                 C\n    \
             };\n    \
             struct S\n    \
             {\n        \
                 0 require vector<map<int, string>> a; // the a\n\
         \n        \
                 /* b */ 1 optional ::M::T b[4];\n        \
                 2 optional string:16 c = \"x  y\";\n        \
                 3 require byte *d;\n    \
             };\n\
         \n    \
             key[S, a];\n    \
             interface I\n    \
             {\n        \
                 void f(int a, out string b);\n    \
             };\n\
         };\n",
    );
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "/*\n * stars\n\t * are aligned\n text\r\n   is not */ module M {\n  // own line\n  const int A /* in it */ = 1;\n\
         const int B // cut\n = 2;\n struct S { 0 require int a; /* last */ };\n /* end */ };\n// after",
        "/*\n \
          * stars\n \
          * are aligned\n text\n   is not */ module M\n\
         {\n    \
             // own line\n    \
             const int A /* in it */ = 1;\n    \
             const int B // cut\n        \
                 = 2;\n    \
             struct S\n    \
             {\n        \
                 0 require int a; /* last */\n    \
             };\n    \
             /* end */\n\
         };\n\
         // after\n",
    );
}

#[test]
fn long_parameter_lists_are_below_each_other() {
    let parameter = |letter: &str| format!("map<string, vector<long>> {}", letter.repeat(20));
    let [a, b, c] = ["a", "b", "c"].map(parameter);
    check(
        &format!("module M {{ interface I {{ int f({a}, {b}, out {c}); int g({a}); }}; }};"),
        &format!(
            "module M\n{{\n    interface I\n    {{\n        int f(\n            {a},\n            {b},\n            \
             out {c});\n        int g({a});\n    }};\n}};\n"
        ),
    );
}

#[test]
fn nothing_in_it_gives_nothing() {
    check("", "");
    check("\u{feff}\r\n\r\n", "");
    check("// only\r\n", "// only\n");
}

#[test]
fn what_cannot_be_read_is_not_touched() {
    let faults = format(Path::new("x.tars"), b"module M {").expect_err("it is not closed");
    assert_eq!(
        faults[0].to_string(),
        "x.tars:1:10: error: module `M` is never closed\n 1 | module M {\n   |          ^\n   = help: close it with `};`"
    );
}

#[test]
fn every_file_here_keeps_its_tokens_and_is_formatted_once() {
    let folders = [fixture(""), fixture("../golden"), fixture("../diagnostics")];
    let mut formatted = 0;
    for path in folders.iter().flat_map(|folder| files_in(folder, "tars")) {
        let source = fs::read(&path).expect("a readable file");
        let Ok(once) = format(&path, &source) else { continue };
        assert_eq!(words(&once), words(&source), "{}", path.display());
        assert_eq!(format(&path, &once).expect("it was formatted"), once, "{}", path.display());
        formatted += 1;
    }
    assert!(formatted >= 15, "only {formatted} files");
}

fn check(source: &str, expected: &str) {
    let path = Path::new("x.tars");
    let once = format(path, source.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(String::from_utf8_lossy(&once), expected);
    assert_eq!(format(path, &once).expect("it was formatted"), once, "not idempotent");
}

/// The tokens with their text, comments without the blanks in them.
fn words(source: &[u8]) -> Vec<(TokenKind, Vec<u8>)> {
    let (tokens, _) = tokenize(source);
    let text = |token: &shardcast_build::lexer::Token| {
        let bytes = source[token.span.start..token.span.end].iter().copied();
        bytes.filter(|b| token.kind != TokenKind::Comment || !b.is_ascii_whitespace()).collect()
    };
    tokens.iter().map(|token| (token.kind.clone(), text(token))).collect()
}
