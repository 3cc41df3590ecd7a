//! Splits the bytes of a `.tars` file into tokens.
//!
//! It works on bytes, because comments and strings may be in any character set (GBK is common). It drops
//! nothing silently: comments are tokens, for the formatter and for doc comments. It continues after a fault,
//! so that one run reports several. It deliberately knows no grammar: an identifier in the wrong place is a
//! matter for the parser.
//!
//! # Examples
//! ```
//! use shardcast_build::{
//!     Fault, Span,
//!     lexer::{FAULTS_MAX, Keyword, Token, TokenKind, tokenize},
//! };
//!
//! let source = b"module Demo { }; // empty";
//! let (tokens, faults) = tokenize(source);
//! assert_eq!(faults, []);
//! assert_eq!(tokens[0], Token { kind: TokenKind::Keyword(Keyword::Module), span: Span { start: 0, end: 6 } });
//! let kinds: Vec<TokenKind> = tokens[1..].iter().map(|token| token.kind.clone()).collect();
//! let symbol = TokenKind::Symbol;
//! let expected = [TokenKind::Identifier, symbol(b'{'), symbol(b'}'), symbol(b';'), TokenKind::Comment];
//! assert_eq!(kinds, expected);
//!
//! // A file that is anything else has many faults: not all of them are kept.
//! let (_, faults) = tokenize(&[b'?'; 1000]);
//! let (Span { start, .. }, Fault { message, .. }) = &faults[0];
//! assert_eq!((*start, faults.len(), message.is_empty()), (0, FAULTS_MAX, false));
//! ```

use crate::diagnostic::{Fault, Span};

/// The tokens of `source` in order, and the faults found, at most [`FAULTS_MAX`].
pub fn tokenize(source: &[u8]) -> (Vec<Token>, Vec<(Span, Fault)>) {
    let mut lexer = Lexer { source, at: 0, faults: Vec::new() };
    if source.starts_with(b"\xEF\xBB\xBF") {
        lexer.at = 3; // a byte order mark; some editors write it
    }
    let mut tokens = Vec::new();
    while lexer.faults.len() < FAULTS_MAX && lexer.skip_blanks() {
        let start = lexer.at;
        let kind = lexer.token();
        let span = Span { start, end: lexer.at };
        match kind {
            Ok(kind) => tokens.push(Token { kind, span }),
            Err(fault) => lexer.report(span, fault),
        }
    }
    (tokens, lexer.faults)
}

/// More faults than this in one file are not useful.
pub const FAULTS_MAX: usize = 50;

/// A token and its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its kind.
    pub kind: TokenKind,
    /// Its position.
    pub span: Span,
}

/// The kind of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// `#include`, the only directive.
    Include,
    /// A name; its text is the token's span.
    Identifier,
    /// A reserved word. The parser accepts it as the name of an operation.
    Keyword(Keyword),
    /// Decimal, octal (`017`) or hexadecimal (`0x1f`), with its sign.
    Integer(i64),
    /// With its sign; a suffix `f` is dropped.
    Float(f64),
    /// The bytes between the quotes, escapes resolved.
    Text(Vec<u8>),
    /// `::`
    Scope,
    /// One of `; { } ( ) [ ] < > , : = *`.
    Symbol(u8),
    /// `// …` without the end of the line, or `/* … */`.
    Comment,
}

macro_rules! keywords {
    ($($variant:ident $word:literal),* $(,)?) => {
        /// The reserved words of the language.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Keyword {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl Keyword {
            /// The keyword spelled like this, if there is one.
            pub fn from_word(word: &[u8]) -> Option<Self> {
                $(if word == $word.as_bytes() { return Some(Self::$variant); })*
                None
            }
        }
    };
}

keywords! {
    Void "void", Struct "struct", Bool "bool", Byte "byte", Short "short", Int "int", Double "double",
    Float "float", Long "long", String "string", Vector "vector", Map "map", Key "key",
    RouteKey "routekey", Module "module", Interface "interface", Out "out", Require "require",
    Optional "optional", False "false", True "true", Enum "enum", Const "const", Unsigned "unsigned",
}

struct Lexer<'a> {
    source: &'a [u8],
    /// Never beyond `source.len()`.
    at: usize,
    faults: Vec<(Span, Fault)>,
}

impl<'a> Lexer<'a> {
    /// Reads the token that begins here. It always advances, so that every input ends.
    fn token(&mut self) -> Result<TokenKind, Fault> {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => Ok(self.line_comment()),
            (b'/', b'*') => self.block_comment(),
            (b'"', _) => self.text(),
            (b'#', _) => self.directive(),
            (b':', b':') => Ok(self.advance(2, TokenKind::Scope)),
            (b, _) if b";{}()[]<>,:=*".contains(&b) => Ok(self.advance(1, TokenKind::Symbol(b))),
            (b, _) if starts_word(b) => Ok(self.word()),
            (b'0'..=b'9', _) | (b'+' | b'-' | b'.', b'0'..=b'9') => self.number(),
            (b'+' | b'-', b'.') if self.peek(2).is_ascii_digit() => self.number(),
            (b, _) => Err(self.stray(b)),
        }
    }

    fn line_comment(&mut self) -> TokenKind {
        self.skip_line();
        TokenKind::Comment
    }

    fn block_comment(&mut self) -> Result<TokenKind, Fault> {
        let body = self.at + 2;
        let Some(len) = self.source[body..].windows(2).position(|two| two == b"*/") else {
            self.at = self.source.len();
            return Err(Fault::new("this comment is never closed").hint("close it with `*/`"));
        };
        self.at = body + len + 2;
        Ok(TokenKind::Comment)
    }

    fn directive(&mut self) -> Result<TokenKind, Fault> {
        self.at += 1;
        let word = self.take_while(continues_word);
        if word == b"include" {
            self.skip_unless_text_follows();
            return Ok(TokenKind::Include);
        }
        self.skip_line();
        Err(Fault::new("unknown directive").hint("the only directive is `#include \"file.tars\"`"))
    }

    /// Anything else in place of the file name is one fault, reported by the parser.
    fn skip_unless_text_follows(&mut self) {
        let blanks = self.source[self.at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if self.peek(blanks) != b'"' {
            self.skip_line();
        }
    }

    fn word(&mut self) -> TokenKind {
        let word = self.take_while(continues_word);
        Keyword::from_word(word).map_or(TokenKind::Identifier, TokenKind::Keyword)
    }

    fn number(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        if matches!(self.peek(0), b'+' | b'-') {
            self.at += 1;
        }
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') {
            self.at += 2;
            let digits = self.take_while(|b| b.is_ascii_hexdigit());
            return integer(self.source[start] == b'-', digits, 16);
        }
        let digits = self.take_while(|b| b.is_ascii_digit());
        let is_float = self.fraction() | self.exponent();
        let text = &self.source[start..self.at];
        if !is_float {
            let radix = if digits.len() > 1 && digits[0] == b'0' { 8 } else { 10 };
            return integer(text[0] == b'-', digits, radix);
        }
        if matches!(self.peek(0), b'f' | b'F') {
            self.at += 1;
        }
        float(text)
    }

    fn fraction(&mut self) -> bool {
        let found = self.peek(0) == b'.';
        if found {
            self.at += 1;
            self.take_while(|b| b.is_ascii_digit());
        }
        found
    }

    fn exponent(&mut self) -> bool {
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        let found = matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit();
        if found {
            self.at += 1 + sign;
            self.take_while(|b| b.is_ascii_digit());
        }
        found
    }

    fn text(&mut self) -> Result<TokenKind, Fault> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.source.get(self.at) {
                Some(b'"') => return Ok(self.advance(1, TokenKind::Text(text))),
                Some(b'\\') => text.extend(self.escape()),
                Some(b'\n') | None => {
                    let fault = Fault::new("this string is never closed");
                    return Err(fault.hint("close it with `\"` on the same line"));
                }
                Some(&byte) => {
                    self.at += 1;
                    text.push(byte);
                }
            }
        }
    }

    /// The byte that an escape means; an invalid one is reported and gives no byte.
    fn escape(&mut self) -> Option<u8> {
        let start = self.at;
        let letter = self.peek(1);
        self.at = self.source.len().min(start + 2);
        let byte = match letter {
            b'n' => Ok(b'\n'),
            b'r' => Ok(b'\r'),
            b't' => Ok(b'\t'),
            b'v' => Ok(0x0b),
            b'f' => Ok(0x0c),
            b'a' => Ok(0x07),
            b'b' => Ok(0x08),
            b'\\' | b'"' | b'\'' | b'?' => Ok(letter),
            b'x' => byte_escape(self.take_while(|b| b.is_ascii_hexdigit()), 16),
            b'0'..=b'7' => {
                let digits = self.source[start + 1..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7'));
                self.at = start + 1 + digits.count();
                byte_escape(&self.source[start + 1..self.at], 8)
            }
            _ => {
                self.at = start + 1; // what follows may be the line's end, or a character of two bytes
                Err(Fault::new("unknown escape in a string").hint("write `\\\\` for a backslash"))
            }
        };
        let span = Span { start, end: self.at };
        byte.map_err(|fault| self.report(span, fault)).ok()
    }

    /// Takes everything that cannot begin a token: a word in another alphabet is one fault, not many.
    fn stray(&mut self, byte: u8) -> Fault {
        if byte.is_ascii() {
            self.at += 1;
            return Fault::new(format!("unexpected character `{}`", byte.escape_ascii()));
        }
        self.take_while(|b| !b.is_ascii());
        Fault::new("only ASCII is allowed outside comments and strings")
    }

    /// Whether anything except blanks is left.
    fn skip_blanks(&mut self) -> bool {
        self.take_while(|b| b.is_ascii_whitespace() || b == 0x0b);
        self.at < self.source.len()
    }

    /// Skips to the line's end, which is `\n` or `\r\n`.
    fn skip_line(&mut self) {
        let line = self.take_while(|b| b != b'\n');
        self.at -= usize::from(line.ends_with(b"\r"));
    }

    fn report(&mut self, span: Span, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push((span, fault));
        }
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        let rest = &self.source[start..];
        self.at += rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len());
        &self.source[start..self.at]
    }

    /// The byte `ahead` places further; after the end it is 0, which begins no token.
    fn peek(&self, ahead: usize) -> u8 {
        self.source.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn advance(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }
}

fn integer(negative: bool, digits: &[u8], radix: u32) -> Result<TokenKind, Fault> {
    if digits.is_empty() {
        return Err(Fault::new("a hexadecimal number needs digits"));
    }
    let mut value: i64 = 0;
    for &digit in digits {
        let Some(digit) = char::from(digit).to_digit(radix) else {
            return Err(Fault::new("an octal number has the digits 0 to 7 only")
                .hint("a leading 0 makes a number octal; leave it out"));
        };
        // Counted downwards, because the smallest number has no positive counterpart.
        value = value
            .checked_mul(i64::from(radix))
            .and_then(|value| value.checked_sub(i64::from(digit)))
            .ok_or_else(out_of_range)?;
    }
    if negative { Ok(value) } else { value.checked_neg().ok_or_else(out_of_range) }.map(TokenKind::Integer)
}

fn out_of_range() -> Fault {
    Fault::new("this integer does not fit 64 bits")
}

fn float(text: &[u8]) -> Result<TokenKind, Fault> {
    let value = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let mantissa = text.iter().take_while(|b| !matches!(b, b'e' | b'E'));
    let is_zero = mantissa.clone().all(|b| !matches!(b, b'1'..=b'9'));
    match value {
        Some(value) if value.is_finite() && (value != 0.0 || is_zero) => Ok(TokenKind::Float(value)),
        _ => Err(Fault::new("this number does not fit a double")),
    }
}

fn byte_escape(digits: &[u8], radix: u32) -> Result<u8, Fault> {
    let value = str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, radix).ok());
    match value {
        Some(0) => Err(Fault::new("a string cannot hold a zero byte")),
        Some(byte) => Ok(byte),
        None => Err(Fault::new("this escape is not one byte").hint("give a value from 1 to 255")),
    }
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests;
