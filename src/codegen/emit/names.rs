//! Names of `.tars` files as Rust writes them.

/// `HelloWorld2`, `hello_world2` and `HELLO_WORLD2` as `hello_world2`: a field, a parameter, a module.
pub(super) fn snake(name: &str) -> String {
    let words: Vec<String> = words(name).iter().map(|word| word.to_ascii_lowercase()).collect();
    legal(words.join("_"))
}

/// `hello_world` as `HelloWorld`: a type. A name that has this form already is unchanged: `HTTPServer`.
pub(super) fn camel(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('_') {
        return legal(name.to_owned());
    }
    let capitalised = words(name).into_iter().map(|word| {
        let (first, rest) = word.split_at(1);
        // In a name of several words, a word in mixed case keeps its case, one in capitals does not.
        let rest = if rest.bytes().all(|b| !b.is_ascii_lowercase()) {
            rest.to_ascii_lowercase()
        } else {
            rest.to_owned()
        };
        first.to_ascii_uppercase() + &rest
    });
    legal(capitalised.collect())
}

/// `helloWorld` as `HELLO_WORLD`: a const, an enumerator.
pub(super) fn screaming(name: &str) -> String {
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        return legal(name.to_owned());
    }
    let words: Vec<String> = words(name).iter().map(|word| word.to_ascii_uppercase()).collect();
    legal(words.join("_"))
}

/// One name of several parts, each in its form already: `r#type` and `_sync` as `type_sync`.
pub(super) fn joined(parts: &[&str]) -> String {
    legal(parts.iter().map(|part| part.strip_prefix("r#").unwrap_or(part)).collect())
}

/// A name for our own use: `wanted`, with as many `_` as it takes not to be one of `taken`.
pub(super) fn free(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.to_owned();
    while taken(&name) {
        name = joined(&[&name, "_"]);
    }
    name
}

/// The same name, as far as Rust allows.
pub(super) fn kept(name: &str) -> String {
    legal(name.to_owned())
}

/// Where a word begins: after `_`, at a capital after a small letter or digit, and at the last of several
/// capitals if a small letter follows.
fn words(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for at in 0..=bytes.len() {
        let (before, here, after) = (at.checked_sub(1).map(|i| bytes[i]), bytes.get(at), bytes.get(at + 1));
        let ends = match (before, here) {
            (_, None | Some(b'_')) => true,
            (Some(before), Some(here)) if here.is_ascii_uppercase() => {
                !before.is_ascii_uppercase() || after.is_some_and(u8::is_ascii_lowercase)
            }
            _ => false,
        };
        if ends {
            words.extend(Some(&name[start..at]).filter(|word| !word.is_empty()));
            start = at + usize::from(here == Some(&b'_'));
        }
    }
    words
}

/// `name` as an identifier: keywords raw, and the few that cannot be raw with `_` after them.
fn legal(name: String) -> String {
    match name.as_str() {
        "" => "unnamed".to_owned(),
        "self" | "Self" | "super" | "crate" | "_" => name + "_",
        word if KEYWORDS.contains(&word) => format!("r#{name}"),
        word if word.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        _ => name,
    }
}

/// The reserved words of every edition, except those that cannot be raw.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_the_form_that_rust_expects() {
        for (name, as_snake, as_camel, as_screaming) in [
            ("iRequestId", "i_request_id", "IRequestId", "I_REQUEST_ID"),
            ("HTTPServer", "http_server", "HTTPServer", "HTTP_SERVER"),
            ("E_COLOR_RED", "e_color_red", "EColorRed", "E_COLOR_RED"),
            ("user_info", "user_info", "UserInfo", "USER_INFO"),
            ("userInfo_t", "user_info_t", "UserInfoT", "USER_INFO_T"),
            ("vec2d", "vec2d", "Vec2d", "VEC2D"),
            ("int32Value", "int32_value", "Int32Value", "INT32_VALUE"),
            ("X", "x", "X", "X"),
            ("_x1", "x1", "X1", "X1"),
            ("_1x", "_1x", "_1x", "_1X"),
            ("_", "unnamed", "unnamed", "__"),
            ("type", "r#type", "Type", "TYPE"),
            ("self", "self_", "Self_", "SELF"),
            ("Self", "self_", "Self_", "SELF"),
            ("gen", "r#gen", "Gen", "GEN"),
        ] {
            assert_eq!(
                (snake(name), camel(name), screaming(name)),
                (as_snake.into(), as_camel.into(), as_screaming.into())
            );
        }
    }

    #[test]
    fn names_of_several_parts_are_one_name() {
        assert_eq!(joined(&["r#type", "_sync"]), "type_sync");
        assert_eq!(joined(&["promise_", "r#in"]), "promise_in");
        let taken = ["call", "call_", "r#type"];
        let free = |name| free(name, |name| taken.contains(&name));
        assert_eq!(["cx", "call", "r#type"].map(free), ["cx", "call__", "type_"]);
    }

    #[test]
    fn kept_names_only_avoid_keywords() {
        assert_eq!(["iId", "match", "crate", "_"].map(kept), ["iId", "r#match", "crate_", "__"]);
    }
}
