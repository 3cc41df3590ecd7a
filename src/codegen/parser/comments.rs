//! Comments as documentation: which comments belong to which definition, and their text.

use crate::{
    ast::Docs,
    diagnostic::Span,
    lexer::{Token, TokenKind},
};

/// The comments of a file, each with the token that follows it.
pub(super) struct Comments {
    comments: Vec<Comment>,
}

struct Comment {
    /// Index of the token after it.
    before: usize,
    lines: Docs,
    /// Code precedes it on its line.
    follows_code: bool,
    /// At most other comments follow it on its last line.
    ends_line: bool,
    /// A blank line follows, so it does not belong to the next definition.
    is_apart: bool,
}

impl Comments {
    /// Takes the comments out of `tokens`.
    pub(super) fn split(source: &[u8], tokens: Vec<Token>) -> (Self, Vec<Token>) {
        let mut comments = Vec::new();
        let mut rest: Vec<Token> = Vec::with_capacity(tokens.len());
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            if token.kind != TokenKind::Comment {
                rest.push(token);
                continue;
            }
            let code_end = rest.last().map_or(0, |last| last.span.end);
            let next_start = tokens.peek().map_or(source.len(), |next| next.span.start);
            let newlines_after = newlines(&source[token.span.end..next_start]);
            comments.push(Comment {
                before: rest.len(),
                lines: lines(source, token.span),
                follows_code: !rest.is_empty() && newlines(&source[code_end..token.span.start]) == 0,
                ends_line: newlines_after > 0 || tokens.peek().is_none(),
                is_apart: newlines_after > 1,
            });
        }
        (Self { comments }, rest)
    }

    /// The text of the comments directly before the token at `index`.
    pub(super) fn leading(&self, index: usize) -> Docs {
        let before = self.before(index);
        let own = before.iter().rposition(|comment| comment.is_apart).map_or(0, |last| last + 1);
        let own = before[own..].iter().filter(|comment| !comment.is_trailing());
        own.flat_map(|comment| comment.lines.iter().cloned()).collect()
    }

    /// The text of the comments on the same line as, and after, the token before `index`.
    pub(super) fn trailing(&self, index: usize) -> Docs {
        let trailing = self.before(index).iter().take_while(|comment| comment.is_trailing());
        trailing.flat_map(|comment| comment.lines.iter().cloned()).collect()
    }

    fn before(&self, index: usize) -> &[Comment] {
        let start = self.comments.partition_point(|comment| comment.before < index);
        let len = self.comments[start..].partition_point(|comment| comment.before == index);
        &self.comments[start..start + len]
    }
}

impl Comment {
    fn is_trailing(&self) -> bool {
        self.follows_code && self.ends_line
    }
}

/// The text of a comment without its marks. A comment that is not UTF-8 gives no text, because its character
/// set is unknown.
fn lines(source: &[u8], span: Span) -> Docs {
    let Ok(text) = str::from_utf8(&source[span.start..span.end]) else { return Docs::new() };
    if let Some(line) = text.strip_prefix("//") {
        return vec![line.trim_start_matches(['/', '!', '<']).trim().to_owned()];
    }
    let body = text.trim_start_matches("/*").trim_end_matches("*/").trim_start_matches(['*', '!', '<']);
    let lines = body.lines().map(|line| line.trim().trim_start_matches('*').trim().to_owned());
    let lines: Docs = lines.collect();
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
    lines[first..end].to_vec()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}
