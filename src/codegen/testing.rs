//! The functions that the fuzz targets in `fuzz` run; a test replays their corpus through them.

use std::path::Path;

use crate::{
    Options, StringType,
    breaking::compare,
    emit::emit,
    format::format,
    lexer::{FAULTS_MAX, TokenKind, tokenize},
    load::Source,
    parser::parse,
    schema::resolve,
};

/// Any bytes are split into tokens in order, with a bounded number of faults.
pub fn lexer(data: &[u8]) {
    let (tokens, faults) = tokenize(data);
    assert!(faults.len() <= FAULTS_MAX);
    let mut end = 0;
    for token in &tokens {
        assert!(end <= token.span.start && token.span.start < token.span.end && token.span.end <= data.len());
        end = token.span.end;
    }
}

/// Any bytes are either a file with a bounded number of faults, each at a place in it, or a file that can be
/// formatted without losing a token, and resolved. A file without errors becomes Rust, and breaks nothing.
///
/// # Panics
/// One of these does not hold.
pub fn parser(data: &[u8]) {
    let (file, faults) = parse(data);
    assert!(faults.len() <= FAULTS_MAX);
    let is_inside = |at: usize| at <= data.len();
    assert!(faults.iter().all(|(span, _)| is_inside(span.start) && is_inside(span.end)));
    if !faults.is_empty() {
        assert!(format(Path::new("fuzz.tars"), data).is_err());
        return;
    }
    laid_out_once(data);
    let source = Source::new("fuzz.tars".into(), data.to_vec(), file);
    let (schema, diagnostics) = resolve(vec![source]);
    assert!(diagnostics.len() <= 2 * FAULTS_MAX);
    diagnostics.iter().for_each(|diagnostic| assert!(!diagnostic.to_string().is_empty()));
    if diagnostics.iter().all(|diagnostic| diagnostic.severity == crate::Severity::Warning) {
        let bytes = Options { string_type: StringType::Bytes, serde: true, ..Options::default() };
        for options in [Options::default(), bytes] {
            let _ = emit(&schema, &options);
        }
        assert_eq!(compare(&schema, &schema), vec![]);
    }
}

fn laid_out_once(data: &[u8]) {
    let path = Path::new("fuzz.tars");
    let once = format(path, data).expect("it has no faults");
    assert_eq!(words(&once), words(data));
    assert_eq!(format(path, &once).expect("it has no faults"), once);
}

/// The tokens with their text, comments without the blanks in them.
fn words(source: &[u8]) -> Vec<(TokenKind, Vec<u8>)> {
    let (tokens, _) = tokenize(source);
    let words = tokens.into_iter().map(|token| {
        let mut text = source[token.span.start..token.span.end].to_vec();
        if token.kind == TokenKind::Comment {
            text.retain(|byte| !byte.is_ascii_whitespace());
        }
        (token.kind, text)
    });
    words.collect()
}
