//! Lines of Rust, formatted as rustfmt formats them.
//!
//! This is not a printer for all of Rust: it knows the few emitted constructs, and where rustfmt with its
//! default settings breaks each. A test runs rustfmt over everything that is emitted.
//!
//! It is not `quote` and `prettyplease`, because their output is read less easily and is not what rustfmt
//! writes. prettyplease 0.2.37 for the code of `tests/golden/long.tars` has no blank line between items and
//! functions, no comment at the top, lines of more than 100 columns, and 23 places that rustfmt changes (4 for
//! `opt.tars`, 7 for `rich.tars`). And each build script would compile `syn`.

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

    /// `head`, and a block around the output of `inside`, `{}` if there is none.
    pub(super) fn block(&mut self, head: &str, inside: impl FnOnce(&mut Self)) {
        self.block_in_call(head, "", inside);
    }

    /// `head {`, the output of `inside`, and `}tail`: a closure as the last argument of a call.
    pub(super) fn block_in_call(&mut self, head: &str, tail: &str, inside: impl FnOnce(&mut Self)) {
        let before = self.text.len();
        self.line(&format!("{head} {{"));
        let begin = self.text.len();
        self.indented(inside);
        if self.text.len() == begin {
            self.text.truncate(before);
            return self.line(&format!("{head} {{}}{tail}"));
        }
        self.line(&format!("}}{tail}"));
    }

    /// `impl<bounded: bound> of`, with the bound below if it does not fit.
    pub(super) fn bounded_impl(
        &mut self,
        bounded: &str,
        bound: &str,
        of: &str,
        inside: impl FnOnce(&mut Self),
    ) {
        let line = format!("impl<{bounded}: {bound}> {of}");
        if self.fits(line.len() + 2) {
            return self.block(&line, inside);
        }
        self.line(&format!("impl<{bounded}> {of}"));
        self.line("where");
        self.indented(|code| code.line(&format!("{bounded}: {bound},")));
        self.line("{");
        self.indented(inside);
        self.line("}");
    }

    pub(super) fn indented(&mut self, inside: impl FnOnce(&mut Self)) {
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
        self.signature(name, parameters, result, " {");
        self.indented(inside);
        self.line("}");
    }

    /// Like [`function`](Self::function), with an empty block.
    pub(super) fn empty_function(&mut self, name: &str, parameters: &[&str]) {
        let line = format!("{name}({}) {{}}", parameters.join(", "));
        if self.fits(line.len()) { self.line(&line) } else { self.function(name, parameters, "", |_| {}) }
    }

    /// The declaration of a function, with `tail` after it.
    pub(super) fn signature(&mut self, name: &str, parameters: &[&str], result: &str, tail: &str) {
        let result = if result.is_empty() { String::new() } else { format!(" -> {result}") };
        let line = format!("{name}({}){result}{tail}", parameters.join(", "));
        if self.fits(line.len()) {
            return self.line(&line);
        }
        if parameters.is_empty() {
            self.line(&format!("{name}()"));
            return self.line(format!("{result}{tail}").trim_start());
        }
        self.line(&format!("{name}("));
        self.indented(|code| parameters.iter().for_each(|parameter| code.ty("", parameter, ",")));
        self.result(&result, tail);
    }

    /// The end of a declaration whose parameters are below each other. rustfmt subtracts the indent twice.
    fn result(&mut self, result: &str, tail: &str) {
        let width = WIDTH_MAX - self.indent * INDENT;
        let ty = result.trim_start_matches(" -> ").trim_start_matches("impl ");
        match ty.strip_suffix('>').and_then(|_| result.split_once('<')) {
            Some((outer, inner)) if ty.len() > width - RESULT_SPACE => {
                self.line(&format!("){outer}<"));
                let inner = inner.strip_suffix('>').unwrap_or(inner);
                self.indented(|code| arguments(inner).iter().for_each(|argument| code.ty("", argument, ",")));
                self.line(&format!(">{tail}"));
            }
            _ if tail == " {" && !self.fits(self.indent * INDENT + result.len() + 3) => {
                self.line(&format!("){result}"));
                self.line("{");
            }
            _ => self.line(&format!("){result}{tail}")),
        }
    }

    /// `head(arguments)tail`, with the arguments below each other if they do not fit.
    pub(super) fn call(&mut self, head: &str, arguments: &[&str], tail: &str) {
        if self.fits_call(head, arguments, tail) {
            return self.line(&format!("{head}({}){tail}", arguments.join(", ")));
        }
        self.line(&format!("{head}("));
        let are_short = arguments.iter().all(|argument| is_short(argument));
        self.indented(|code| code.items(arguments, are_short));
        self.line(&format!("){tail}"));
    }

    /// Whether a call is one line.
    pub(super) fn fits_call(&self, head: &str, arguments: &[&str], tail: &str) -> bool {
        let joined = arguments.join(", ");
        // rustfmt keeps two columns free for the end of an argument or a field.
        let end = if tail == "?," { 2 } else { 0 };
        let len = head.len() + joined.len() + tail.len() + 2;
        joined.len() <= ARGUMENTS_WIDTH_MAX && self.fits(len + end)
    }

    /// Like [`call`](Self::call), with calls as arguments.
    pub(super) fn call_of(&mut self, head: &str, arguments: &[Call], tail: &str) {
        let joined = arguments.iter().map(Call::field).collect::<Vec<_>>().join(", ");
        let line = format!("{head}({joined}){tail}");
        if joined.len() <= ARGUMENTS_WIDTH_MAX && self.fits(line.len()) {
            return self.line(&line);
        }
        self.line(&format!("{head}("));
        self.indented(|code| arguments.iter().for_each(|argument| code.call_or_line(argument, ",")));
        self.line(&format!("){tail}"));
    }

    /// `let name = call;`, with the call on a separate line if it fits only there.
    pub(super) fn let_call(&mut self, name: &str, call: &Call) {
        let line = call.line();
        let fits = self.fits(format!("let {name} = {line};").len());
        if !fits && call.joined().len() <= ARGUMENTS_WIDTH_MAX && self.fits(INDENT + line.len() + 1) {
            self.line(&format!("let {name} ="));
            return self.indented(|code| code.line(&format!("{line};")));
        }
        self.call_after(&format!("let {name} = "), call, ";");
    }

    /// `pattern => call,`, with the call in a block if it fits only there.
    pub(super) fn arm(&mut self, pattern: &str, call: &Call) {
        let line = call.line();
        let fits = self.fits(format!("{pattern} => {line},").len());
        if !fits && call.joined().len() <= ARGUMENTS_WIDTH_MAX && self.fits(INDENT + line.len()) {
            return self.block(&format!("{pattern} =>"), |code| code.line(&line));
        }
        self.call_after(&format!("{pattern} => "), call, ",");
    }

    fn call_after(&mut self, head: &str, call: &Call, tail: &str) {
        let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
        self.call(&format!("{head}{}", call.head), &arguments, &format!("{}{tail}", call.tail));
    }

    /// `head(argument, |…| { … })`, with the arguments below each other if they do not fit; `bars` are the
    /// parameters of the closure, which makes `calls`.
    pub(super) fn call_with(&mut self, head: &str, argument: &str, bars: &str, calls: &[Call]) {
        if let Some(closure) = closure_line(bars, calls) {
            let joined = format!("{argument}, {closure}");
            if joined.len() <= ARGUMENTS_WIDTH_MAX && self.fits(head.len() + joined.len() + 2) {
                return self.line(&format!("{head}({joined})"));
            }
        }
        let first = format!("{argument}, {bars} {{");
        if !calls.is_empty() && first.len() <= ARGUMENTS_WIDTH_MAX && self.fits(head.len() + 1 + first.len())
        {
            return self.block_of_calls(&format!("{head}({argument}, {bars}"), calls, ")");
        }
        self.line(&format!("{head}("));
        self.indented(|code| {
            code.line(&format!("{argument},"));
            code.closure(bars, calls);
        });
        self.line(")");
    }

    /// A closure that makes `calls`, as one of several arguments below each other.
    pub(super) fn closure(&mut self, bars: &str, calls: &[Call]) {
        match closure_line(bars, calls).map(|line| line + ",") {
            Some(line) if self.fits(line.len()) => self.line(&line),
            _ => self.block_of_calls(bars, calls, ","),
        }
    }

    fn block_of_calls(&mut self, head: &str, calls: &[Call], tail: &str) {
        self.block_in_call(head, tail, |code| calls.iter().for_each(|call| code.call_after("", call, ";")));
    }

    /// `head[item, item]`, filled with as many items in a line as fit if all are short, else below each other.
    pub(super) fn list(&mut self, head: &str, items: &[String]) {
        let joined = items.join(", ");
        let line = format!("{head}[{joined}]");
        if joined.len() <= LIST_WIDTH_MAX && self.fits(line.len()) {
            return self.line(&line);
        }
        self.line(&format!("{head}["));
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let are_short = items.iter().all(|item| is_short(item));
        self.indented(|code| code.items(&items, are_short));
        self.line("]");
    }

    /// Items with a comma after each, as many in a line as fit if `in_lines`, else below each other.
    fn items(&mut self, items: &[&str], in_lines: bool) {
        let mut line = String::new();
        for item in items {
            let goes_on = in_lines && self.fits(line.len() + item.len() + 2);
            if !line.is_empty() && !goes_on {
                self.line(&line);
                line.clear();
            }
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(&format!("{space}{item},"));
        }
        self.line(&line);
    }

    /// `head { field, field }tail`, with the fields below each other unless they are very short.
    pub(super) fn literal(&mut self, head: &str, fields: &[Call], tail: &str) {
        if let Some(line) = short_literal(head, fields, tail) {
            return self.line(&line);
        }
        self.line(&format!("{head} {{"));
        self.indented(|code| fields.iter().for_each(|field| code.call_or_line(field, ",")));
        self.line(&format!("}}{tail}"));
    }

    /// A closure whose value is `ok(name { field, field })`, in a block unless it is one line; `closure` ends
    /// with the bar, and `end` follows the closure.
    pub(super) fn closure_of_literal(
        &mut self,
        closure: &str,
        [ok, name]: [&str; 2],
        fields: &[Call],
        end: &str,
    ) {
        if let Some(line) = literal_line(closure, [ok, name], fields) {
            let line = line + end;
            if self.fits(line.len()) {
                return self.line(&line);
            }
        }
        self.block_in_call(closure, end, |code| code.literal_in_call([ok, name], fields));
    }

    /// `ok(name { field, field })`, with the literal below if its name is long.
    pub(super) fn literal_in_call(&mut self, [ok, name]: [&str; 2], fields: &[Call]) {
        if name.len() + 2 <= ARGUMENTS_WIDTH_MAX {
            return self.literal(&format!("{ok}({name}"), fields, ")");
        }
        self.line(&format!("{ok}("));
        self.indented(|code| code.literal(name, fields, ","));
        self.line(")");
    }

    fn call_or_line(&mut self, call: &Call, tail: &str) {
        if call.arguments.is_empty() {
            return self.line(&format!("{}{tail}", call.field()));
        }
        self.call_after("", call, tail);
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
        self.ty(&format!("{name}: "), ty, ",");
    }

    /// A type, or a parameter with its type, with the part between its `<` and `>` below each other if it does
    /// not fit. Types nest only as deep as the parser allows.
    fn ty(&mut self, head: &str, ty: &str, tail: &str) {
        let (ty, end) = ty.strip_suffix(']').map_or((ty, ""), |ty| (ty, "]"));
        let generic = ty.strip_suffix('>').and_then(|ty| ty.split_once('<'));
        match generic {
            Some((outer, inner)) if !self.fits(head.len() + ty.len() + end.len() + tail.len()) => {
                self.line(&format!("{head}{outer}<"));
                self.indented(|code| arguments(inner).iter().for_each(|argument| code.ty("", argument, ",")));
                self.line(&format!(">{end}{tail}"));
            }
            _ => self.line(&format!("{head}{ty}{end}{tail}")),
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

/// A closure that makes at most one call, in one line.
pub(super) fn closure_line(bars: &str, calls: &[Call]) -> Option<String> {
    match calls {
        [] => Some(format!("{bars} {{}}")),
        [call] if call.joined().len() <= ARGUMENTS_WIDTH_MAX => Some(format!("{bars} {}", call.line())),
        _ => None,
    }
}

/// A closure whose value is `ok(name { field, field })`, if the fields are very short.
pub(super) fn literal_line(closure: &str, [ok, name]: [&str; 2], fields: &[Call]) -> Option<String> {
    short_literal(&format!("{ok}({name}"), fields, ")").map(|literal| format!("{closure} {literal}"))
}

/// Whether rustfmt puts several such arguments or items in a line.
fn is_short(item: &str) -> bool {
    item.len() <= SHORT_ITEM_WIDTH_MAX && !item.contains(['(', '|'])
}

/// `head { field, field }tail`, if the fields are very short.
fn short_literal(head: &str, fields: &[Call], tail: &str) -> Option<String> {
    let joined = fields.iter().map(Call::field).collect::<Vec<_>>().join(", ");
    (joined.len() <= LITERAL_WIDTH_MAX).then(|| format!("{head} {{ {joined} }}{tail}"))
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

/// `head(arguments)tail`; as the field of a literal, without arguments just `head` and `tail`.
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

    /// In one line.
    pub(super) fn line(&self) -> String {
        format!("{}({}){}", self.head, self.joined(), self.tail)
    }

    fn joined(&self) -> String {
        self.arguments.join(", ")
    }

    fn field(&self) -> String {
        if self.arguments.is_empty() { format!("{}{}", self.head, self.tail) } else { self.line() }
    }
}

const INDENT: usize = 4;
/// rustfmt's `max_width`.
const WIDTH_MAX: usize = 100;
/// rustfmt's `fn_call_width`.
const ARGUMENTS_WIDTH_MAX: usize = 60;
/// rustfmt's `array_width`.
const LIST_WIDTH_MAX: usize = 60;
/// What rustfmt leaves free in a line with a result type.
const RESULT_SPACE: usize = 3;
/// rustfmt's `short_array_element_width_threshold`.
const SHORT_ITEM_WIDTH_MAX: usize = 10;
/// rustfmt's `struct_lit_width`.
const LITERAL_WIDTH_MAX: usize = 18;
