//! `shardcast decode`: Tars bytes as a tree.
//!
//! What it deliberately is not: another decoder. It prints what the library decodes.

mod input;
mod names;
mod packet;
mod tree;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use shardcast::tars::{codec::TarsReader, packet::split_frame};

use crate::flags::Reading;

use names::{Names, Shape};
use tree::Tree;

/// What to decode, and how.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The input has the arguments of a TUP call, as in the buffer of a packet
    #[arg(long, conflicts_with = "frames")]
    tup: bool,
    /// The input has whole packets; by default, they are recognized by length
    #[arg(long)]
    frames: bool,
    /// .tars file with the names of fields; may be repeated
    #[arg(long, value_name = "FILE")]
    idl: Vec<PathBuf>,
    /// Struct of the .tars files to decode, such as Module.Struct
    #[arg(long = "type", value_name = "STRUCT", requires = "idl", conflicts_with_all = ["tup", "frames"])]
    structure: Option<String>,
    /// Function of the .tars files whose arguments to decode, such as hello
    #[arg(long, value_name = "FUNCTION", requires = "idl", conflicts_with_all = ["frames", "structure"])]
    func: Option<String>,
    #[command(flatten)]
    reading: Reading,
    /// Hexadecimal digits, a file of them or of bytes, or "-" for standard input
    #[arg(value_name = "HEX|FILE|-")]
    input: String,
}

/// The tree as far as it could be decoded, and the error after it.
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) fault: Option<String>,
}

/// Reads and decodes the input.
///
/// # Errors
/// There is no such input, no such struct, or the .tars files are faulty.
pub(crate) fn run(args: &DecodeArgs) -> anyhow::Result<Decoded> {
    let mut names = Names::default();
    if !args.idl.is_empty() {
        names.schema = Some(args.reading.builder().schema(&args.idl)?.0);
    }
    let bytes = input::read(&args.input)?;
    let call = match &args.func {
        Some(func) => names.function(func).with_context(|| format!("no function `{func}`"))?,
        None => Shape::Unknown,
    };
    let what = match &args.structure {
        Some(path) => As::Fields(names.structure(path).with_context(|| format!("no struct `{path}`"))?),
        None if args.tup => As::Attributes(call),
        None if args.func.is_some() => As::Fields(call),
        None if args.frames || are_frames(&bytes) => As::Frames(&names),
        None => As::Fields(Shape::Unknown),
    };
    Ok(decode(&bytes, what))
}

/// The form of the bytes.
enum As<'n> {
    /// The arguments of one TUP call, maybe of a known function.
    Attributes(Shape<'n>),
    /// Whole packets.
    Frames(&'n Names),
    /// Fields, maybe of a known struct or call.
    Fields(Shape<'n>),
}

fn decode(bytes: &[u8], what: As<'_>) -> Decoded {
    let mut tree = Tree::default();
    let result = match what {
        As::Attributes(call) => packet::print_attributes(&mut tree, bytes, call),
        As::Frames(names) => packet::print_frames(&mut tree, bytes, names),
        As::Fields(shape) => {
            let mut r = TarsReader::new(bytes);
            let result = tree.fields(&mut r, shape).and_then(|()| r.finish());
            result.map_err(|error| error.to_string())
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
