//! Builds the tree of one `.tars` file, by recursive descent.
//!
//! After a fault it continues after the next `;`, so that one run reports several. Types are the only rule
//! that nests without end, and their depth is bounded. It deliberately does not judge meaning: tags out of
//! range, unknown types and wrong defaults are for [`schema`](crate::schema), which sees all files.

mod comments;
mod definitions;
mod interfaces;
mod types;

use comments::Comments;

use crate::{
    ast::{File, Name},
    diagnostic::{Fault, Span},
    lexer::{FAULTS_MAX, Keyword, Token, TokenKind, tokenize},
};

/// Parses `source`: returns what could be read, and the faults in order of their places, at most
/// [`FAULTS_MAX`].
///
/// The tree is complete only when there are no faults.
pub fn parse(source: &[u8]) -> (File, Vec<(Span, Fault)>) {
    let (tokens, lexical) = tokenize(source);
    let (comments, tokens) = Comments::split(source, tokens);
    let mut parser = Parser { source, tokens, comments, at: 0, lexical: &lexical, faults: Vec::new() };
    let file = parser.file();
    let mut faults = parser.faults;
    faults.extend(lexical);
    faults.sort_by_key(|(span, _)| span.start);
    faults.truncate(FAULTS_MAX);
    (file, faults)
}

struct Parser<'a> {
    source: &'a [u8],
    /// All tokens except comments.
    tokens: Vec<Token>,
    comments: Comments,
    /// The next token; never beyond `tokens.len()`.
    at: usize,
    lexical: &'a [(Span, Fault)],
    faults: Vec<(Span, Fault)>,
}

/// A fault was reported; the parser of a list continues with the next element.
struct Failed;

type Parse<T> = Result<T, Failed>;

impl Parser<'_> {
    fn peek(&self) -> Option<&TokenKind> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&TokenKind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn keyword(&self) -> Option<Keyword> {
        match self.peek() {
            Some(&TokenKind::Keyword(keyword)) => Some(keyword),
            _ => None,
        }
    }

    fn at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// The position of the next token; after the last one, the end of the file.
    fn span(&self) -> Span {
        let end = Span { start: self.source.len(), end: self.source.len() };
        self.tokens.get(self.at).map_or(end, |token| token.span)
    }

    /// The position of the last token that was taken.
    fn previous(&self) -> Span {
        self.at.checked_sub(1).map_or_else(Span::default, |before| self.tokens[before].span)
    }

    /// From `start` to the last token that was taken.
    fn span_since(&self, start: Span) -> Span {
        Span { start: start.start, end: self.previous().end.max(start.end) }
    }

    fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(&self.source[span.start..span.end]).into_owned()
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        self.at = self.tokens.len().min(self.at + 1);
        span
    }

    fn is_symbol(&self, symbol: u8) -> bool {
        self.peek() == Some(&TokenKind::Symbol(symbol))
    }

    fn eat(&mut self, symbol: u8) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.keyword() == Some(keyword);
        self.at += usize::from(found);
        found
    }

    /// Takes `symbol`, which must follow `what`.
    fn expect(&mut self, symbol: u8, what: &str) -> Parse<()> {
        if self.eat(symbol) {
            return Ok(());
        }
        let message = format!("expected `{}` after {what}, found {}", char::from(symbol), self.found());
        Err(self.fail(Fault::new(message)))
    }

    /// Takes an integer, which `what` requires.
    fn integer(&mut self, what: &str) -> Parse<(i64, Span)> {
        match self.peek() {
            Some(&TokenKind::Integer(value)) => Ok((value, self.bump())),
            _ => Err(self.fail(Fault::new(format!("{what} needs a number, found {}", self.found())))),
        }
    }

    /// Takes the name of `what`: `a struct`, `an enum`.
    fn name(&mut self, what: &str) -> Parse<Name> {
        match self.peek() {
            Some(TokenKind::Identifier) => {
                let span = self.bump();
                Ok(Name { text: self.text(span), span })
            }
            Some(TokenKind::Keyword(_)) => {
                let word = self.text(self.span());
                Err(self.fail(Fault::new(format!("`{word}` is a keyword and cannot name {what}"))))
            }
            _ => Err(self.fail(Fault::new(format!("expected the name of {what}, found {}", self.found())))),
        }
    }

    /// Takes the `;` after `what`. If only the `;` is missing, what follows is still read.
    fn end(&mut self, what: &str) -> Parse<()> {
        if self.eat(b';') {
            return Ok(());
        }
        let before = self.previous();
        let span = Span { start: before.end.saturating_sub(1), end: before.end };
        let fault = Fault::new(format!("expected `;` after {what}, found {}", self.found()));
        self.report(span, fault);
        if self.at_end() || self.begins_line() || self.is_symbol(b'}') { Ok(()) } else { Err(Failed) }
    }

    /// Whether the next token is the first of its line.
    fn begins_line(&self) -> bool {
        self.source[self.previous().end..self.span().start].contains(&b'\n')
    }

    /// Skips to after the next `;`, or to the `}` of the current block.
    fn recover(&mut self) {
        let mut depth = 0_usize;
        while let Some(kind) = self.peek() {
            match kind {
                TokenKind::Symbol(b'{') => depth += 1,
                TokenKind::Symbol(b'}') if depth == 0 => return,
                TokenKind::Symbol(b'}') => depth -= 1,
                TokenKind::Symbol(b';') if depth == 0 => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The next token, for a message.
    fn found(&self) -> String {
        if self.at_end() {
            return "the end of the file".to_owned();
        }
        let text = self.text(self.span());
        match text.char_indices().nth(SHOWN_CHARS_MAX) {
            Some((cut, _)) => format!("`{}…`", &text[..cut]),
            None => format!("`{text}`"),
        }
    }

    /// Reports a fault at the next token.
    fn fail(&mut self, fault: Fault) -> Failed {
        self.report(self.span(), fault)
    }

    /// Reports a fault, unless there is one at this place already, or it is a consequence of a fault of the
    /// lexer: then the missing token exists, but could not be read.
    fn report(&mut self, span: Span, fault: Fault) -> Failed {
        let gap = self.previous().start..self.span().start.max(span.end);
        let follows = self.lexical.iter().any(|(cause, _)| {
            gap.contains(&cause.start) || (self.at_end() && cause.end == self.source.len())
        });
        let is_known = self.faults.last().is_some_and(|(other, _)| other.start == span.start);
        if !follows && !is_known && self.faults.len() < FAULTS_MAX {
            self.faults.push((span, fault));
        }
        Failed
    }
}

/// Longest piece of a token that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 30;

#[cfg(test)]
mod tests;
