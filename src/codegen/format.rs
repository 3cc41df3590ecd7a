//! Formats a `.tars` file: the same tokens and comments, with blanks and line ends in the right places.
//!
//! It works on tokens, not on the tree, so that nothing can get lost, and on bytes, so that comments stay in
//! their character set. One of several blank lines between definitions is kept.
//!
//! # Examples
//! ```
//! use std::path::Path;
//!
//! use shardcast_build::format::format;
//!
//! let formatted = format(Path::new("demo.tars"), b"module Demo{enum Source{APP,PARTNER=5};};");
//! let formatted = String::from_utf8(formatted.expect("a valid file"))?;
//! assert!(formatted.starts_with("module Demo\n{\n"));
//!
//! let diagnostics = format(Path::new("demo.tars"), b"module Demo { struct; };").unwrap_err();
//! assert_eq!((diagnostics[0].line, diagnostics[0].column), (1, 21));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

use std::path::Path;

use crate::{
    Diagnostic, Severity,
    lexer::{Keyword, Token, TokenKind, tokenize},
    parser::parse,
};

/// `source`, formatted. Formatting twice gives the same result as formatting once.
///
/// # Errors
/// The faults of its grammar; `path` is for their places. An invalid file is not changed.
pub fn format(path: &Path, source: &[u8]) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let (_, faults) = parse(source);
    if !faults.is_empty() {
        let diagnostic = |(span, fault)| Diagnostic::new(Severity::Error, path, source, span, fault);
        return Err(faults.into_iter().map(diagnostic).collect());
    }
    let (tokens, _) = tokenize(source);
    let mut formatter = Formatter {
        source,
        tokens: &tokens,
        out: Vec::with_capacity(source.len()),
        line_start: 0,
        blocks: Vec::new(),
        starter: None,
        in_statement: false,
        broken: false,
        brackets: 0,
        line_due: false,
    };
    (0..tokens.len()).for_each(|index| formatter.token(index));
    if !formatter.out.is_empty() {
        formatter.out.push(b'\n');
    }
    Ok(formatter.out)
}

struct Formatter<'a> {
    source: &'a [u8],
    tokens: &'a [Token],
    out: Vec<u8>,
    /// Where the last line of `out` begins.
    line_start: usize,
    /// The keywords that opened the enclosing blocks.
    blocks: Vec<Option<Keyword>>,
    /// The keyword that began the statement.
    starter: Option<Keyword>,
    /// A part of the statement has been written.
    in_statement: bool,
    /// Its parameters are below each other.
    broken: bool,
    /// Number of open `(`, `[` and `<`.
    brackets: usize,
    /// The next token begins a line, except a comment that was on this one.
    line_due: bool,
}

impl<'a> Formatter<'a> {
    fn token(&mut self, index: usize) {
        let tokens: &'a [Token] = self.tokens;
        let token = &tokens[index];
        if let TokenKind::Symbol(b'}') = token.kind {
            self.blocks.pop();
            self.in_statement = false;
        }
        match self.gap(index) {
            Gap::None => {}
            Gap::Blank => self.out.push(b' '),
            Gap::Lines(count) => self.lines(count),
        }
        if token.kind == TokenKind::Comment {
            return self.comment(self.text(token));
        }
        self.out.extend_from_slice(self.text(token));
        self.advance(index);
    }

    /// What is between the token at `index` and the one before it.
    fn gap(&self, index: usize) -> Gap {
        let Some(before) = index.checked_sub(1).map(|before| &self.tokens[before]) else { return Gap::None };
        let token = &self.tokens[index];
        let newlines = self.newlines(before.span.end, token.span.start);
        if token.kind == TokenKind::Comment && newlines == 0 {
            return Gap::Blank;
        }
        let after_line_comment = before.kind == TokenKind::Comment && self.text(before).starts_with(b"//");
        let beside_comment = before.kind == TokenKind::Comment || token.kind == TokenKind::Comment;
        let braces = [b'{', b'}'].map(TokenKind::Symbol);
        let is_due = self.line_due && !(before.kind == TokenKind::Comment && newlines == 0);
        if is_due || braces.contains(&token.kind) || after_line_comment || (beside_comment && newlines > 0) {
            let may_be_blank = before.kind != braces[0] && !braces.contains(&token.kind);
            return Gap::Lines(if newlines > 1 && may_be_blank { 2 } else { 1 });
        }
        if beside_comment || needs_blank(&before.kind, &token.kind) { Gap::Blank } else { Gap::None }
    }

    /// Tracks the structure after a token was written.
    fn advance(&mut self, index: usize) {
        self.line_due = false;
        if !self.in_statement {
            self.starter = match self.tokens[index].kind {
                TokenKind::Keyword(keyword) => Some(keyword),
                _ => None,
            };
        }
        self.in_statement = true;
        match self.tokens[index].kind {
            TokenKind::Symbol(b'{') => {
                self.blocks.push(self.starter);
                self.end_statement();
            }
            TokenKind::Symbol(b';') => self.end_statement(),
            TokenKind::Symbol(b'(') => {
                self.brackets += 1;
                self.broken = self.is_too_long(index);
                self.line_due = self.broken;
            }
            TokenKind::Symbol(b'[' | b'<') => self.brackets += 1,
            TokenKind::Symbol(b')' | b']' | b'>') => self.brackets = self.brackets.saturating_sub(1),
            TokenKind::Symbol(b',') if self.brackets == 1 && self.broken => self.line_due = true,
            TokenKind::Symbol(b',') if self.brackets == 0 && self.in_enum() => self.end_statement(),
            TokenKind::Text(_) if self.blocks.is_empty() => self.end_statement(), // of an include
            _ => {}
        }
    }

    fn end_statement(&mut self) {
        self.in_statement = false;
        self.broken = false;
        self.brackets = 0;
        self.line_due = true;
    }

    fn in_enum(&self) -> bool {
        self.blocks.last() == Some(&Some(Keyword::Enum))
    }

    /// Whether the parameters after the `(` at `index` do not fit on its line.
    fn is_too_long(&self, index: usize) -> bool {
        let rest = &self.tokens[index + 1..];
        let len = rest.iter().position(|token| token.kind == TokenKind::Symbol(b';')).unwrap_or(rest.len());
        let mut width = self.column() + 1;
        for (at, token) in rest[..len].iter().enumerate() {
            let before = &self.tokens[index + at].kind;
            let is_apart = needs_blank(before, &token.kind) || token.kind == TokenKind::Comment;
            width += token.span.end - token.span.start + usize::from(is_apart);
        }
        width > WIDTH_MAX
    }

    /// Ends the line, and indents the next one.
    fn lines(&mut self, count: usize) {
        (0..count).for_each(|_| self.line_end());
        let depth = self.blocks.len() + usize::from(self.in_statement && self.continues());
        self.out.extend(std::iter::repeat_n(b' ', depth * INDENT));
    }

    /// Whether the new line continues a statement; a `{` on its own line does not.
    fn continues(&self) -> bool {
        self.brackets > 0 || !self.starter.is_some_and(|starter| BLOCKS.contains(&starter))
    }

    fn comment(&mut self, text: &[u8]) {
        let indent = self.column();
        for (number, line) in text.split(|&b| b == b'\n').enumerate() {
            let line = line.trim_ascii_end();
            if number == 0 {
                self.out.extend_from_slice(line);
                continue;
            }
            self.line_end();
            if line.trim_ascii_start().starts_with(b"*") {
                self.out.extend(std::iter::repeat_n(b' ', indent + 1));
                self.out.extend_from_slice(line.trim_ascii_start());
            } else {
                self.out.extend_from_slice(line);
            }
        }
    }

    fn line_end(&mut self) {
        self.out.push(b'\n');
        self.line_start = self.out.len();
    }

    /// Bytes on the line so far.
    fn column(&self) -> usize {
        self.out.len() - self.line_start
    }

    fn text(&self, token: &Token) -> &'a [u8] {
        &self.source[token.span.start..token.span.end]
    }

    fn newlines(&self, from: usize, to: usize) -> usize {
        self.source[from..to].iter().filter(|&&b| b == b'\n').count()
    }
}

enum Gap {
    None,
    Blank,
    /// That many line ends.
    Lines(usize),
}

fn needs_blank(before: &TokenKind, token: &TokenKind) -> bool {
    use TokenKind::{Identifier, Scope, Symbol};
    let is_joined = matches!(
        (before, token),
        (_, Symbol(b';' | b',' | b')' | b']' | b'>' | b'<' | b'(' | b'[' | b':'))
            | (Symbol(b'(' | b'[' | b'<' | b':' | b'*') | Scope, _)
            | (Identifier, Scope)
    );
    !is_joined
}

/// What begins a block.
const BLOCKS: &[Keyword] = &[Keyword::Module, Keyword::Struct, Keyword::Enum, Keyword::Interface];
const INDENT: usize = 4;
/// Parameters that would go beyond this width are written below each other.
const WIDTH_MAX: usize = 100;
