//! `shardcast decode`: Tars bytes as a tree.
//!
//! What it deliberately is not: a decoder of its own; it prints what the library reads.

mod input;
mod names;
mod packet;
mod tree;

#[cfg(test)]
mod tests;

use clap::Args;
use shardcast::tars::{codec::TarsReader, packet::split_frame};

use names::Shape;
use tree::Tree;

/// What to decode, and as what.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The arguments of one TUP call: what the buffer of a packet of version 3 or 2 holds
    #[arg(long, conflicts_with = "frames")]
    tup: bool,
    /// Whole packets, one behind the other; without this, packets are recognised by their lengths
    #[arg(long)]
    frames: bool,
    /// Hexadecimal digits; or a file of them, or of the bytes themselves; "-" for standard input
    #[arg(value_name = "HEX|FILE|-")]
    input: String,
}

/// What came out of it: the tree as far as it goes, and what is wrong with the rest.
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) fault: Option<String>,
}

/// Reads and decodes the input.
///
/// # Errors
/// There is no such input.
pub(crate) fn run(args: &DecodeArgs) -> anyhow::Result<Decoded> {
    let bytes = input::read(&args.input)?;
    Ok(decode(
        &bytes,
        if args.tup {
            As::Tup
        } else if args.frames {
            As::Frames
        } else {
            As::Whatever
        },
    ))
}

/// What the bytes are taken for.
enum As {
    Tup,
    Frames,
    /// Packets if their lengths say so, else fields.
    Whatever,
}

fn decode(bytes: &[u8], what: As) -> Decoded {
    let mut tree = Tree::default();
    let result = match what {
        As::Tup => packet::print_attributes(&mut tree, bytes),
        As::Frames => packet::print_frames(&mut tree, bytes),
        As::Whatever if are_frames(bytes) => packet::print_frames(&mut tree, bytes),
        As::Whatever => {
            let mut r = TarsReader::new(bytes);
            tree.fields(&mut r, &Shape::Unknown).and_then(|()| r.finish()).map_err(|error| error.to_string())
        }
    };
    Decoded { text: tree.into_text(), fault: result.err() }
}

/// Whether the bytes are packets without a rest.
fn are_frames(mut bytes: &[u8]) -> bool {
    loop {
        match split_frame(bytes, u32::MAX) {
            Ok(Some((_, len))) if len == bytes.len() => return true,
            Ok(Some((_, len))) => bytes = &bytes[len..],
            _ => return false,
        }
    }
}
