use std::time::Duration;

use super::{ANY_HOST, Endpoint, EndpointError, EndpointReason, ObjectRef, Transport};

/// A part of the string, and its position.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

impl<'a> Piece<'a> {
    /// Its words, between blanks.
    fn words(self) -> impl Iterator<Item = Self> {
        self.text
            .split(blank)
            .scan(self.at, |at, text| {
                let word = Self { at: *at, text };
                *at += text.len() + 1;
                Some(word)
            })
            .filter(|word| !word.text.is_empty())
    }

    fn fail<T>(self, reason: EndpointReason) -> Result<T, EndpointError> {
        Err(EndpointError { at: self.at, reason })
    }

    fn trim_end(self) -> Self {
        Self { text: self.text.trim_end_matches(blank), ..self }
    }

    /// Without the `:` that separates it from the next endpoint. Two colons are the end of an IPv6 address.
    fn without_separator(self) -> Self {
        let Self { at, text } = self.trim_end();
        let colons = text.len() - text.trim_end_matches(':').len();
        let text = if matches!(colons, 1 | 3) { &text[..text.len() - 1] } else { text };
        Self { at, text }.trim_end()
    }

    fn split_at(self, mid: usize) -> (Self, Self) {
        let (front, back) = self.text.split_at(mid - self.at);
        (Self { at: self.at, text: front }, Self { at: mid, text: back })
    }
}

pub(super) fn object(text: &str) -> Result<ObjectRef, EndpointError> {
    let (name, list) = match text.split_once('@') {
        Some((name, list)) => (name, Some(Piece { at: name.len() + 1, text: list })),
        None => (text, None),
    };
    let (name, hash) = match name.split_once('#') {
        Some((name, hash)) => (name, Some(hash.trim().to_owned())),
        None => (name, None),
    };
    if name.trim().is_empty() {
        return Piece { at: 0, text: name }.fail(EndpointReason::NoName);
    }
    let endpoints = match list {
        Some(list) => split(list)?.into_iter().map(endpoint).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok(ObjectRef { name: name.trim().to_owned(), hash, endpoints })
}

pub(super) fn endpoint(piece: Piece<'_>) -> Result<Endpoint, EndpointError> {
    let mut words = piece.words().peekable();
    let Some(first) = words.next() else { return piece.fail(EndpointReason::NoTransport) };
    let Some(transport) = Transport::from_word(first.text) else {
        return first.fail(EndpointReason::NoTransport);
    };
    let mut endpoint = Endpoint::new(transport);
    while let Some(word) = words.next() {
        let option = option(word)?;
        let value = words.next_if(|next| !next.text.starts_with('-'));
        apply(&mut endpoint, word, option, value)?;
    }
    if endpoint.weight_type != 0 && endpoint.weight.is_none() {
        endpoint.weight = Some(WEIGHT_MAX);
    }
    Ok(endpoint)
}

/// Splits a list before each separate transport word.
fn split(list: Piece<'_>) -> Result<Vec<Piece<'_>>, EndpointError> {
    let at = list.at + list.text.len() - list.text.trim_start_matches(|c| blank(c) || c == ':').len();
    let (_, mut rest) = list.split_at(at);
    if rest.text.is_empty() {
        return list.fail(EndpointReason::NoEndpoint);
    }
    let mut pieces = Vec::new();
    for start in starts(rest).into_iter().filter(|start| *start > at) {
        let (piece, next) = rest.split_at(start);
        pieces.push(piece.without_separator());
        rest = next;
    }
    pieces.push(rest.without_separator());
    Ok(pieces)
}

/// Where endpoints begin. The text directly after an option, up to a `:`, is its value, whatever it looks
/// like.
fn starts(list: Piece<'_>) -> Vec<usize> {
    let mut value_next = false;
    let mut starts = Vec::new();
    for word in list.words() {
        let mut at = word.at;
        for name in word.text.split(':') {
            let is_value = value_next && at == word.at;
            if !is_value && Transport::from_word(name).is_some() {
                starts.push(at);
            }
            at += name.len() + 1;
        }
        value_next = word.text.starts_with('-');
    }
    starts
}

fn option(word: Piece<'_>) -> Result<char, EndpointError> {
    let mut chars = word.text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('-'), Some(letter), None) => Ok(letter),
        _ => word.fail(EndpointReason::NoOption),
    }
}

fn apply(
    endpoint: &mut Endpoint,
    word: Piece<'_>,
    option: char,
    value: Option<Piece<'_>>,
) -> Result<(), EndpointError> {
    let text = || value.ok_or(EndpointError { at: word.at, reason: EndpointReason::NoValue(option) });
    let number = |max| number(option, text()?, max);
    match option {
        'h' => {
            let host = text()?.text;
            endpoint.host = if host == "*" { ANY_HOST } else { host }.to_owned();
        }
        'p' => endpoint.port = u16::try_from(number(u16::MAX.into())?).expect("limited to u16::MAX"),
        't' => endpoint.timeout = Duration::from_millis(number(INT_MAX)?.into()),
        'g' => endpoint.grid = number(INT_MAX)?,
        'q' => endpoint.qos = number(INT_MAX)?,
        'w' => endpoint.weight = Some(u8::try_from(number(INT_MAX)?).unwrap_or(u8::MAX).min(WEIGHT_MAX)),
        'v' => endpoint.weight_type = number(INT_MAX)?,
        'e' => endpoint.auth = number(1)? == 1,
        's' => endpoint.set_division = text()?.text.to_owned(),
        _ => {}
    }
    Ok(())
}

fn number(option: char, value: Piece<'_>, max: u32) -> Result<u32, EndpointError> {
    match value.text.parse() {
        Ok(number) if number <= max => Ok(number),
        _ => value.fail(EndpointReason::BadNumber { option, max }),
    }
}

fn blank(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// TarsCpp keeps these numbers in a signed int.
const INT_MAX: u32 = i32::MAX as u32;
const WEIGHT_MAX: u8 = 100;
