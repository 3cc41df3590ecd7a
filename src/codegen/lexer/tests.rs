use super::{FAULTS_MAX, Keyword, Span, TokenKind, TokenKind::*, tokenize};

#[test]
fn every_kind_of_token_is_recognised() {
    check("#include \"a.tars\"", &[Include, text("a.tars")]);
    check("module Test_1", &[Keyword(self::Keyword::Module), Identifier]);
    check("Module tars_ping _x", &[Identifier, Identifier, Identifier]);
    check("M::S ::M", &[Identifier, Scope, Identifier, Scope, Identifier]);
    check(
        "a[10]=*b,{(<>)};",
        &[
            Identifier,
            Symbol(b'['),
            Integer(10),
            Symbol(b']'),
            Symbol(b'='),
            Symbol(b'*'),
            Identifier,
            Symbol(b','),
            Symbol(b'{'),
            Symbol(b'('),
            Symbol(b'<'),
            Symbol(b'>'),
            Symbol(b')'),
            Symbol(b'}'),
            Symbol(b';'),
        ],
    );
}

#[test]
fn numbers_have_the_value_that_c_gives_them() {
    check("0 7 -7 +7", &[Integer(0), Integer(7), Integer(-7), Integer(7)]);
    check("0x1F -0xff 017", &[Integer(31), Integer(-255), Integer(15)]);
    check("9223372036854775807 -9223372036854775808", &[Integer(i64::MAX), Integer(i64::MIN)]);
    check("1.5 1. .5 -1e3 2.5E-1f 0.0", &[1.5, 1.0, 0.5, -1000.0, 0.25, 0.0].map(Float));
    check("0require", &[Integer(0), Keyword(self::Keyword::Require)]);
}

#[test]
fn numbers_without_a_value_are_refused() {
    check_fault("9223372036854775808", 0..19, "this integer does not fit 64 bits");
    check_fault("0x", 0..2, "a hexadecimal number needs digits");
    check_fault("08", 0..2, "an octal number has the digits 0 to 7 only");
    check_fault("1e999", 0..5, "this number does not fit a double");
    check_fault("1e-999", 0..6, "this number does not fit a double");
    check_fault("-", 0..1, "unexpected character `-`");
}

#[test]
fn escapes_stand_for_their_byte() {
    check(r#""q\"b\\n\x41\101\n\?""#, &[text("q\"b\\nAA\n?")]);
    check(r#""a//b/*c""#, &[text("a//b/*c")]);
    check_fault(r#""\q""#, 1..2, "unknown escape in a string");
    check_fault(r#""\0""#, 1..3, "a string cannot hold a zero byte");
    check_fault(r#""\x141""#, 1..6, "this escape is not one byte");
    check_fault(r#""\777""#, 1..5, "this escape is not one byte");
    check_fault(r#""\x""#, 1..3, "this escape is not one byte");
}

#[test]
fn comments_are_tokens_and_end_where_they_should() {
    check("// one\r\nint", &[Comment, Keyword(self::Keyword::Int)]);
    check("/* a\n // */ int", &[Comment, Keyword(self::Keyword::Int)]);
    check("// the last line has no end", &[Comment]);
    check("/**/;", &[Comment, Symbol(b';')]);
}

#[test]
fn what_is_never_closed_is_a_fault_at_its_beginning() {
    check_fault("int /* a", 4..8, "this comment is never closed");
    check_fault("/*/", 0..3, "this comment is never closed");
    check_fault("\"abc\n;", 0..4, "this string is never closed");
    check_fault("\"abc", 0..4, "this string is never closed");
    check_fault("\"abc\\", 4..5, "unknown escape in a string");
}

#[test]
fn comments_and_strings_may_be_in_any_character_set() {
    // 中文 in GBK; the second byte of some GBK characters is a backslash or a bar, so bytes must do.
    check(b"// \xd6\xd0\xce\xc4\n;", &[Comment, Symbol(b';')]);
    check(b"\"\xd6\xd0\"", &[Text(vec![0xd6, 0xd0])]);
    check(b"\xef\xbb\xbfmodule", &[Keyword(self::Keyword::Module)]);
}

#[test]
fn a_word_of_another_alphabet_is_one_fault() {
    check_fault("中文 x", 0..6, "only ASCII is allowed outside comments and strings");
}

#[test]
fn include_is_the_only_directive() {
    check_fault("# include \"a\"\n;", 0..13, "unknown directive");
    check_fault("#define X 1", 0..11, "unknown directive");
}

#[test]
fn a_fault_does_not_hide_the_next_one() {
    let (tokens, faults) = tokenize(b"$ int 08 \"\\q\" ;");
    assert_eq!(faults.len(), 3);
    assert_eq!(tokens.len(), 3);
}

#[test]
fn faults_are_bounded_whatever_the_input() {
    assert_eq!(tokenize(&[b'$'; 10_000]).1.len(), FAULTS_MAX);
    let escapes = format!("\"{}\"", "\\q".repeat(10_000));
    assert_eq!(tokenize(escapes.as_bytes()).1.len(), FAULTS_MAX);
}

#[test]
fn any_cut_and_any_changed_byte_ends_without_panic() {
    let source = include_bytes!("../tests/fixtures/rich.tars");
    for cut in 0..source.len() {
        tokenize(&source[..cut]);
        for byte in [0, b'"', b'/', b'*', b'\\', b'#', b'-', b'.', 0xff] {
            let mut changed = source.to_vec();
            changed[cut] = byte;
            let (tokens, _) = tokenize(&changed);
            assert!(tokens.iter().all(|t| t.span.start < t.span.end && t.span.end <= changed.len()));
        }
    }
}

fn check(source: impl AsRef<[u8]>, expected: &[TokenKind]) {
    let (tokens, faults) = tokenize(source.as_ref());
    let kinds: Vec<_> = tokens.into_iter().map(|token| token.kind).collect();
    assert_eq!((kinds.as_slice(), faults), (expected, vec![]));
}

fn check_fault(source: &str, place: std::ops::Range<usize>, message: &str) {
    let (_, faults) = tokenize(source.as_bytes());
    let (span, fault) = faults.first().expect("there is a fault");
    assert_eq!((*span, fault.message.as_str()), (Span { start: place.start, end: place.end }, message));
}

fn text(text: &str) -> TokenKind {
    Text(text.as_bytes().to_vec())
}
