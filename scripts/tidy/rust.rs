//! The part of Rust's grammar that separates code from comments and strings, and that reads paths.

use std::ops::{Range, RangeInclusive};

/// A Rust file as tokens.
pub(super) struct Code {
    pub(super) tokens: Vec<Token>,
    /// Lines of the items under `#[cfg(test)]`.
    test_lines: Vec<RangeInclusive<usize>>,
}

/// An identifier, a number, `::`, or one other character of code.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    /// Under `#[cfg(test)]`.
    pub(super) in_test: bool,
}

/// A path as written after `use` or in an expression, with `{}` groups expanded.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct CodePath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    pub(super) in_test: bool,
}

impl Code {
    pub(super) fn new(text: &str) -> Self {
        let mut tokens = tokens(&blank_comments_and_strings(text));
        let mut test_lines = Vec::new();
        for range in test_items(&tokens) {
            test_lines.push(tokens[range.start].line..=tokens[range.end - 1].line);
            tokens[range].iter_mut().for_each(|token| token.in_test = true);
        }
        Self { tokens, test_lines }
    }

    /// Whether a line, which may be a comment, is under `#[cfg(test)]`.
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The text of the token at `index`; empty after the end.
    pub(super) fn text(&self, index: usize) -> &str {
        text_at(&self.tokens, index)
    }

    /// The paths that begin with one of `roots`.
    pub(super) fn paths(&self, roots: &[&str]) -> Vec<CodePath> {
        let mut paths = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            // `::std::net` begins here, `other::core` does not.
            let is_inner = index > 1 && self.text(index - 1) == "::" && is_word(self.text(index - 2));
            if roots.contains(&token.text.as_str()) && !is_inner {
                self.path(index, &mut Vec::new(), &mut paths);
            }
        }
        paths
    }

    /// Reads the path, or the group of paths, that begins at `index`; returns the index after it.
    fn path(&self, mut index: usize, before: &mut Vec<String>, paths: &mut Vec<CodePath>) -> usize {
        let depth = before.len();
        let start = index;
        loop {
            if self.text(index) == "{" && before.len() < PATH_SEGMENTS_MAX {
                index += 1;
                while index < self.tokens.len() && self.text(index) != "}" {
                    let next = self.path(index, before, paths);
                    index = next.max(index + 1);
                }
                before.truncate(depth);
                return index + 1;
            }
            if !is_word(self.text(index)) && self.text(index) != "*" {
                break;
            }
            before.push(self.text(index).to_owned());
            index += 1;
            if self.text(index) != "::" {
                break;
            }
            index += 1;
        }
        if before.len() > depth {
            let Token { line, in_test, .. } = self.tokens[start];
            paths.push(CodePath { segments: before.clone(), line, in_test });
        }
        before.truncate(depth);
        index
    }
}

/// The same text with blanks in place of comments, strings and characters; lines stay where they are.
pub(super) fn blank_comments_and_strings(text: &str) -> String {
    let mut left = text;
    let mut code = String::with_capacity(text.len());
    let mut after_word = false;
    while let Some(first) = left.chars().next() {
        let len = match first {
            '/' if left.starts_with("//") => left.find('\n').unwrap_or(left.len()),
            '/' if left.starts_with("/*") => block_comment_len(left),
            '"' => 1 + quoted_len(&left[1..], '"'),
            '\'' => character_len(left),
            'r' | 'b' | 'c' if !after_word => raw_string_len(left),
            _ => 0,
        };
        if len == 0 {
            code.push(first);
            after_word = is_word_char(first);
            left = &left[first.len_utf8()..];
        } else {
            code.extend(left[..len].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            after_word = false;
            left = &left[len..];
        }
    }
    code
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match (rest.starts_with(b"/*"), rest.starts_with(b"*/")) {
            (true, _) => (depth, at) = (depth + 1, at + 2),
            (_, true) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Bytes up to and including the closing `quote`.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Bytes of a character literal; 0 for a lifetime.
fn character_len(text: &str) -> usize {
    let mut inner = text[1..].chars();
    match (inner.next(), inner.next()) {
        (Some('\\'), _) => 1 + quoted_len(&text[1..], '\''),
        (Some(character), Some('\'')) => 2 + character.len_utf8(),
        _ => 0,
    }
}

/// Bytes of a raw string with its prefix; 0 if this is not one.
fn raw_string_len(text: &str) -> usize {
    let rest = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let Some(rest) = rest.strip_prefix('r') else { return 0 };
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let Some(body) = rest[hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    let body_len = body.find(&end).map_or(body.len(), |at| at + end.len());
    text.len() - body.len() + body_len
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut left = line.trim_start();
        while let Some(first) = left.chars().next() {
            let len = match first {
                _ if is_word_char(first) => left.find(|c| !is_word_char(c)).unwrap_or(left.len()),
                ':' if left.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            tokens.push(Token { text: left[..len].to_owned(), line: number + 1, in_test: false });
            left = left[len..].trim_start();
        }
    }
    tokens
}

/// The items under `#[cfg(test)]`, each with its attribute.
fn test_items(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = attribute_end(tokens, at);
        let attribute = &tokens[at..end.max(at)];
        let names = |word: &str| attribute.iter().any(|token| token.text == word);
        if text_at(attribute, 2) == "cfg" && names("test") && !names("not") {
            let end = item_end(tokens, end);
            items.push(at..end);
            at = end;
        } else {
            at = end.max(at + 1);
        }
    }
    items
}

/// Index after the attribute that begins at `at`; `at` if none does.
pub(super) fn attribute_end(tokens: &[Token], at: usize) -> usize {
    if text_at(tokens, at) != "#" || text_at(tokens, at + 1) != "[" {
        return at;
    }
    group_end(tokens, at + 1)
}

/// Index after the item that begins at `at`: its `;`, or its block.
pub(super) fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match text_at(tokens, at) {
            ";" => return at + 1,
            "{" => return group_end(tokens, at),
            "(" | "[" => at = group_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Index after the bracket that closes the one at `at`.
pub(super) fn group_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

fn text_at(tokens: &[Token], index: usize) -> &str {
    tokens.get(index).map_or("", |token| &token.text)
}

fn is_word(text: &str) -> bool {
    text.starts_with(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The greatest depth of nested groups in a path.
const PATH_SEGMENTS_MAX: usize = 32;
