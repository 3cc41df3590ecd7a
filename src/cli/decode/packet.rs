//! Packets, and what is in their buffers.

use shardcast::{
    Bytes,
    tars::{
        codec::{DecodeError, TarsReader, TypeCode},
        packet::{Version, split_frame},
        tup::Attributes,
    },
};

use super::{
    names::{self, Shape},
    tree::{Tree, hex, text},
};

/// Writes whole packets, one behind the other.
pub(super) fn print_frames(tree: &mut Tree, mut bytes: &[u8]) -> Result<(), String> {
    let mut number = 1;
    while !bytes.is_empty() {
        match split_frame(bytes, u32::MAX) {
            Ok(Some((body, len))) => {
                let (what, shape) = layout(body);
                tree.line(format_args!("packet {number}: {what} of {len} bytes"));
                let result = tree.within(|tree| print_packet(tree, body, &shape));
                result.map_err(|error| format!("packet {number}: {error}"))?;
                bytes = &bytes[len..];
                number += 1;
            }
            Ok(None) => return Err(format!("packet {number} is cut off: {} bytes are there", bytes.len())),
            Err(error) => return Err(format!("packet {number}: {error}")),
        }
    }
    Ok(())
}

/// Writes the arguments of a TUP call, whichever of the two forms they have.
pub(super) fn print_attributes(tree: &mut Tree, buffer: &[u8]) -> Result<(), String> {
    let buffer = Bytes::copy_from_slice(buffer);
    let attributes = Attributes::decode(Version::TUP, &buffer);
    let attributes =
        attributes.or_else(|error| Attributes::decode(Version::TUP_TYPED, &buffer).map_err(|_| error));
    print_arguments(tree, &attributes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

fn print_arguments(tree: &mut Tree, attributes: &Attributes) -> Result<(), DecodeError> {
    for (key, attribute) in attributes.iter() {
        let label = match attribute.type_name.as_str() {
            "" => key.to_string(),
            type_name => format!("{key} as {type_name}"),
        };
        let mut r = TarsReader::new(&attribute.field);
        match r.next_head()? {
            Some(head) => tree.value(&mut r, head, &label, &Shape::Unknown)?,
            None => tree.line(format_args!("{label}: nothing")),
        }
    }
    Ok(())
}

/// Requests have the name of a servant where responses have a number.
fn layout(body: &[u8]) -> (&'static str, Shape<'static>) {
    let mut r = TarsReader::new(body);
    match r.seek(5) {
        Ok(Some(head)) if matches!(head.code, TypeCode::String1 | TypeCode::String4) => {
            ("request", names::REQUEST)
        }
        _ => ("response", names::RESPONSE),
    }
}

fn print_packet(tree: &mut Tree, body: &[u8], shape: &Shape<'_>) -> Result<(), DecodeError> {
    let version = Version(TarsReader::new(body).optional_or(1, 0)?);
    let mut r = TarsReader::new(body);
    while let Some(head) = r.next_head()? {
        let field = shape.field(head.tag);
        let label = match field {
            Some(field) => format!("{} {}", head.tag, field.name),
            None => head.tag.to_string(),
        };
        if field.is_some_and(|field| field.name == "sBuffer") && head.code == TypeCode::SimpleList {
            let buffer = r.read_simple_list(head)?;
            print_buffer(tree, &label, buffer, version);
        } else {
            tree.value(&mut r, head, &label, &Shape::Unknown)?;
        }
    }
    r.finish()
}

/// What a buffer holds in the packet's version; its bytes when it holds something else.
fn print_buffer(tree: &mut Tree, label: &str, buffer: &[u8], version: Version) {
    let mut inner = Tree::default();
    let (what, result) = match version {
        _ if buffer.is_empty() => ("empty", Ok(())),
        Version::TUP | Version::TUP_TYPED => {
            let attributes = Attributes::decode(version, &Bytes::copy_from_slice(buffer));
            ("arguments", attributes.and_then(|attributes| print_arguments(&mut inner, &attributes)))
        }
        Version::JSON => return tree.line(format_args!("{label}: JSON {}", text(buffer))),
        _ => {
            let mut r = TarsReader::new(buffer);
            ("fields", inner.fields(&mut r, &Shape::Unknown).and_then(|()| r.finish()))
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
