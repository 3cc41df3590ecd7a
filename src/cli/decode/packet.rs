//! Packets and their buffers.

use std::collections::HashMap;

use shardcast::{
    Bytes,
    tars::{
        codec::{DecodeError, TarsReader, TypeCode},
        packet::{RequestRef, ResponseRef, Version, split_frame, status_key},
        tup::{Attributes, Key},
    },
};

use super::{
    names::{self, Names, Shape},
    tree::{Tree, hex, label, text},
};

/// Writes whole packets, one after the other. A response has no method; a request with the same number before
/// it gives the names.
pub(super) fn print_frames(tree: &mut Tree, mut bytes: &[u8], names: &Names) -> Result<(), String> {
    let mut calls = HashMap::new();
    let mut number = 1;
    while !bytes.is_empty() {
        let (body, len) = match split_frame(bytes, u32::MAX) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(format!("packet {number} is incomplete: only {} bytes", bytes.len())),
            Err(error) => return Err(format!("packet {number}: {error}")),
        };
        let packet = Packet::new(body, &mut calls);
        tree.line(format_args!("packet {number}: {} of {len} bytes", packet.what));
        let result = tree.within(|tree| packet.print(tree, names));
        result.map_err(|error| format!("packet {number}: {error}"))?;
        bytes = &bytes[len..];
        number += 1;
    }
    Ok(())
}

/// Writes the arguments of a TUP call, whichever of the two forms they have.
pub(super) fn print_attributes(tree: &mut Tree, buffer: &[u8], call: Shape<'_>) -> Result<(), String> {
    let buffer = Bytes::copy_from_slice(buffer);
    let attributes = Attributes::decode(Version::TUP, &buffer);
    let attributes =
        attributes.or_else(|error| Attributes::decode(Version::TUP_TYPED, &buffer).map_err(|_| error));
    let printed = attributes.and_then(|attributes| print_arguments(tree, &attributes, call));
    printed.map_err(|error| error.to_string())
}

fn print_arguments(tree: &mut Tree, attributes: &Attributes, call: Shape<'_>) -> Result<(), DecodeError> {
    for (key, attribute) in attributes.iter() {
        let label = match attribute.type_name.as_str() {
            "" => key.to_string(),
            type_name => format!("{key} as {type_name}"),
        };
        let shape = match key {
            Key::Name(name) => call.argument(name),
            Key::Tag(_) => Shape::Unknown,
        };
        let mut r = TarsReader::new(&attribute.field);
        match r.next_head()? {
            Some(head) => tree.value(&mut r, head, &label, shape)?,
            None => tree.line(format_args!("{label}: nothing")),
        }
    }
    Ok(())
}

/// Servant and method of a call.
type Call = (String, String);

/// A packet, as far as it can be read.
struct Packet<'b> {
    body: &'b [u8],
    what: &'static str,
    shape: Shape<'static>,
    version: Version,
    call: Call,
}

impl<'b> Packet<'b> {
    /// Requests have the name of a servant where responses have a number.
    fn new(body: &'b [u8], calls: &mut HashMap<i32, Call>) -> Self {
        if let Ok(request) = RequestRef::decode(body) {
            let call = (request.servant.into_owned(), request.func.into_owned());
            calls.insert(request.request_id, call.clone());
            return Self { body, what: "request", shape: names::REQUEST, version: request.version, call };
        }
        let response = ResponseRef::decode(body).ok();
        let version = response.as_ref().map_or(Version::TARS, |response| response.version);
        let called = response.as_ref().and_then(|response| calls.get(&response.request_id).cloned());
        let pushed = response.and_then(|response| response.status.get(status_key::PUSH_FUNC));
        let call = called.or_else(|| Some((String::new(), pushed?.into_owned()))).unwrap_or_default();
        Self { body, what: "response", shape: names::RESPONSE, version, call }
    }

    fn print(&self, tree: &mut Tree, names: &Names) -> Result<(), DecodeError> {
        let mut r = TarsReader::new(self.body);
        while let Some(head) = r.next_head()? {
            let (label, inner) = label(head.tag, self.shape);
            if label.ends_with("sBuffer") && head.code == TypeCode::SimpleList {
                let buffer = r.read_simple_list(head)?;
                self.print_buffer(tree, &label, buffer, names.call(&self.call.0, &self.call.1));
            } else {
                tree.value(&mut r, head, &label, inner)?;
            }
        }
        r.finish()
    }

    /// The values of a buffer, in the form of the packet's version; its bytes if it has another form.
    fn print_buffer(&self, tree: &mut Tree, label: &str, buffer: &[u8], call: Shape<'_>) {
        let mut inner = Tree::default();
        let (what, result) = match self.version {
            _ if buffer.is_empty() => ("empty", Ok(())),
            Version::TUP | Version::TUP_TYPED => {
                let attributes = Attributes::decode(self.version, &Bytes::copy_from_slice(buffer));
                let result = attributes.and_then(|all| print_arguments(&mut inner, &all, call));
                ("arguments", result)
            }
            Version::JSON => return tree.line(format_args!("{label}: JSON {}", text(buffer))),
            _ => {
                let mut r = TarsReader::new(buffer);
                ("fields", inner.fields(&mut r, call).and_then(|()| r.finish()))
            }
        };
        match result {
            Ok(()) => {
                tree.line(format_args!("{label}: {what}"));
                tree.within(|tree| tree.append(inner));
            }
            Err(_) => tree.line(format_args!("{label}: {}", hex(buffer))),
        }
    }
}
