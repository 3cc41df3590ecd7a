//! Comments of `.tars` files as documentation.

use super::layout::Code;

impl Code {
    /// Documents the next item. If its Rust name differs from its `name` in the .tars file, that name becomes
    /// an alias.
    pub(super) fn docs(&mut self, lines: &[String], name: &str, rust_name: &str) {
        for line in lines {
            self.line(format!("/// {}", escape(line)).trim_end());
        }
        if rust_name.strip_prefix("r#").unwrap_or(rust_name) != name {
            self.line(&format!("#[doc(alias = \"{name}\")]"));
        }
    }
}

/// The authors of these comments did not write Markdown: links, tags, code and lists are escaped.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for (at, c) in line.trim().char_indices() {
        let is_mark = matches!(c, '[' | ']' | '<' | '>' | '`' | '*' | '_' | '\\' | '|' | '~');
        let begins_block = at == 0 && matches!(c, '#' | '-' | '+' | '=');
        if is_mark && !(c == '_' && is_within_word(line.trim(), at)) || begins_block {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}

/// An underscore between letters is not markup.
fn is_within_word(line: &str, at: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line[..at].ends_with(is_word) && line[at + 1..].starts_with(is_word)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_markdown_would_take_for_marks_is_text() {
        for (line, expected) in [
            ("the x of a_point", "the x of a_point"),
            ("see [1] and <b>", r"see \[1\] and \<b\>"),
            ("# no heading", r"\# no heading"),
            ("- no item", r"\- no item"),
            ("``` no code", r"\`\`\` no code"),
            ("_x_ 2*3", r"\_x\_ 2\*3"),
            ("a\u{7}b", "a b"),
        ] {
            assert_eq!(escape(line), expected);
        }
    }
}
