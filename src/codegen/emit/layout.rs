//! Lines of Rust, formatted as rustfmt formats them.
//!
//! This is not a printer for all of Rust: it knows the few emitted constructs, and where rustfmt with its
//! default settings breaks each. A test runs rustfmt over everything that is emitted.

/// The code written so far.
#[derive(Default)]
pub(super) struct Code {
    text: String,
    indent: usize,
}

impl Code {
    /// One line that fits already.
    pub(super) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', self.indent * INDENT));
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// A blank line, unless a block has just begun.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    /// `head`, and a block around the output of `inside`.
    pub(super) fn block(&mut self, head: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.indented(inside);
        self.line("}");
    }

    /// `head {`, the output of `inside`, and `}tail`: a closure as the last argument of a call.
    pub(super) fn block_in_call(&mut self, head: &str, tail: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.indented(inside);
        self.line(&format!("}}{tail}"));
    }

    fn indented(&mut self, inside: impl FnOnce(&mut Self)) {
        self.indent += 1;
        inside(self);
        self.indent -= 1;
    }

    /// `name(parameters) -> result { … }`, with the parameters below each other if they do not fit.
    pub(super) fn function(
        &mut self,
        name: &str,
        parameters: &[&str],
        result: &str,
        inside: impl FnOnce(&mut Self),
    ) {
        let result = if result.is_empty() { String::new() } else { format!(" -> {result}") };
        let head = format!("{name}({}){result}", parameters.join(", "));
        if self.fits(head.len() + 2) {
            return self.block(&head, inside);
        }
        self.line(&format!("{name}("));
        self.indented(|code| parameters.iter().for_each(|parameter| code.line(&format!("{parameter},"))));
        self.block(&format!("){result}"), inside);
    }

    /// `head(arguments)tail`, with the arguments below each other if they do not fit.
    pub(super) fn call(&mut self, head: &str, arguments: &[&str], tail: &str) {
        let joined = arguments.join(", ");
        let line = format!("{head}({joined}){tail}");
        if joined.len() <= ARGUMENTS_WIDTH_MAX && self.fits(line.len()) {
            return self.line(&line);
        }
        self.line(&format!("{head}("));
        self.indented(|code| arguments.iter().for_each(|argument| code.line(&format!("{argument},"))));
        self.line(&format!("){tail}"));
    }

    /// `head { field, field }tail`, with the fields below each other unless they are very short.
    pub(super) fn literal(&mut self, head: &str, fields: &[Call], tail: &str) {
        let joined = fields.iter().map(Call::line).collect::<Vec<_>>().join(", ");
        if joined.len() <= LITERAL_WIDTH_MAX {
            return self.line(&format!("{head} {{ {joined} }}{tail}"));
        }
        self.line(&format!("{head} {{"));
        self.indented(|code| fields.iter().for_each(|field| code.call_or_line(field, ",")));
        self.line(&format!("}}{tail}"));
    }

    fn call_or_line(&mut self, call: &Call, tail: &str) {
        if call.arguments.is_empty() {
            return self.line(&format!("{}{}{tail}", call.head, call.tail));
        }
        let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
        self.call(&call.head, &arguments, &format!("{}{tail}", call.tail));
    }

    /// `name: type,`, with the type on a separate line if it fits only there, or else in pieces.
    pub(super) fn declare(&mut self, name: &str, ty: &str) {
        if self.fits(name.len() + ty.len() + 3) {
            return self.line(&format!("{name}: {ty},"));
        }
        if self.fits(INDENT + ty.len() + 1) {
            self.line(&format!("{name}:"));
            return self.indented(|code| code.line(&format!("{ty},")));
        }
        self.ty(&format!("{name}: "), ty);
    }

    /// A type, with the part between its `<` and `>` below each other if it does not fit. Types nest only as
    /// deep as the parser allows.
    fn ty(&mut self, head: &str, ty: &str) {
        let generic = ty.strip_suffix('>').and_then(|ty| ty.split_once('<'));
        match generic {
            Some((outer, inner)) if !self.fits(head.len() + ty.len() + 1) => {
                self.line(&format!("{head}{outer}<"));
                self.indented(|code| arguments(inner).iter().for_each(|argument| code.ty("", argument)));
                self.line(">,");
            }
            _ => self.line(&format!("{head}{ty},")),
        }
    }

    /// `left = right;`, with the right side on a separate line if it does not fit; a string only if it fits
    /// there.
    pub(super) fn assign(&mut self, left: &str, right: &str) {
        let line = format!("{left} = {right};");
        let is_text = right.ends_with('"');
        if self.fits(line.chars().count()) || (is_text && !self.fits(INDENT + right.chars().count() + 1)) {
            return self.line(&line);
        }
        self.line(&format!("{left} ="));
        self.indented(|code| code.line(&format!("{right};")));
    }

    /// `left = &[(a, b), (a, b)];`, with the pairs below each other if they do not fit.
    pub(super) fn assign_pairs(&mut self, left: &str, pairs: &[[String; 2]]) {
        let items: Vec<String> = pairs.iter().map(|[a, b]| format!("({a}, {b})")).collect();
        let joined = items.join(", ");
        let line = format!("{left} = &[{joined}];");
        if joined.len() <= LIST_WIDTH_MAX && self.fits(line.len()) {
            return self.line(&line);
        }
        if joined.len() <= LIST_WIDTH_MAX && self.fits(INDENT + joined.len() + 4) {
            return self.assign(left, &format!("&[{joined}]"));
        }
        self.line(&format!("{left} = &["));
        self.indented(|code| pairs.iter().for_each(|[a, b]| code.call("", &[a, b], ",")));
        self.line("];");
    }

    fn fits(&self, len: usize) -> bool {
        self.indent * INDENT + len <= WIDTH_MAX
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// The parts between the `<` and `>` of a type: `K, Vec<V>` is `K` and `Vec<V>`.
fn arguments(inner: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut arguments = Vec::new();
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(&inner[start..at]);
                start = at + 2;
            }
            _ => {}
        }
    }
    arguments.push(&inner[start..]);
    arguments
}

/// `head(arguments)tail`, or without arguments just `head` and `tail`: the field of a literal.
pub(super) struct Call {
    head: String,
    arguments: Vec<String>,
    tail: &'static str,
}

impl Call {
    pub(super) fn new(head: String, arguments: Vec<String>, tail: &'static str) -> Self {
        Self { head, arguments, tail }
    }

    pub(super) fn plain(text: String) -> Self {
        Self::new(text, Vec::new(), "")
    }

    fn line(&self) -> String {
        let Self { head, arguments, tail } = self;
        if arguments.is_empty() {
            format!("{head}{tail}")
        } else {
            format!("{head}({}){tail}", arguments.join(", "))
        }
    }
}

const INDENT: usize = 4;
/// rustfmt's `max_width`.
const WIDTH_MAX: usize = 100;
/// rustfmt's `fn_call_width`.
const ARGUMENTS_WIDTH_MAX: usize = 60;
/// rustfmt's `array_width`.
const LIST_WIDTH_MAX: usize = 60;
/// rustfmt's `struct_lit_width`.
const LITERAL_WIDTH_MAX: usize = 18;
