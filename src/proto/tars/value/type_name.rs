//! The names of types in TUP version 2.

use super::TarsValue;

impl TarsValue {
    /// The narrowest possible type of the value, as named in TUP version 2: `list<int32>`.
    ///
    /// An unknown part is `?`, as in Java: the elements of an empty container, and the name of a struct.
    /// Readers of version 2 ignore the name.
    pub fn type_name(&self) -> String {
        let mut name = String::new();
        self.push_type_name(&mut name);
        name
    }

    /// Recurses as deeply as the value is nested.
    fn push_type_name(&self, out: &mut String) {
        match self {
            Self::Int(value) if i8::try_from(*value).is_ok() => out.push_str("char"),
            Self::Int(value) if i16::try_from(*value).is_ok() => out.push_str("short"),
            Self::Int(value) if i32::try_from(*value).is_ok() => out.push_str("int32"),
            Self::Int(_) => out.push_str("int64"),
            Self::Float(_) => out.push_str("float"),
            Self::Double(_) => out.push_str("double"),
            Self::String(_) => out.push_str("string"),
            Self::Bytes(_) => out.push_str("list<char>"),
            Self::List(values) => {
                out.push_str("list<");
                push_or_unknown(values.first(), out);
                out.push('>');
            }
            Self::Map(pairs) => {
                out.push_str("map<");
                push_or_unknown(pairs.first().map(|(key, _)| key), out);
                out.push(',');
                push_or_unknown(pairs.first().map(|(_, value)| value), out);
                out.push('>');
            }
            Self::Struct(_) => out.push('?'),
        }
    }
}

fn push_or_unknown(value: Option<&TarsValue>, out: &mut String) {
    match value {
        Some(value) => value.push_type_name(out),
        None => out.push('?'),
    }
}
