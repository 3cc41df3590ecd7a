//! The flags of `gen` and `idl`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use shardcast_build::{Builder, BytesType, MapType, StringType};

use crate::flags::Reading;

#[derive(Args, Debug)]
pub(crate) struct Generate {
    /// .tars files; included files are compiled too
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Directory for the Rust files: one per module, and mod.rs
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Path of the generated modules, such as crate::idl [default: super]
    #[arg(long, value_name = "PATH")]
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) code: Code,
}

/// What code is generated. It decides which names are in use, so a check depends on it too.
#[derive(Args, Debug)]
pub(crate) struct Code {
    /// Type of a map
    #[arg(long, value_name = "TYPE", default_value = "btree")]
    pub(crate) map: Map,
    /// Type of a string
    #[arg(long, value_name = "TYPE", default_value = "utf8")]
    pub(crate) strings: Strings,
    /// Type of a vector<byte>
    #[arg(long, value_name = "TYPE", default_value = "vec")]
    pub(crate) bytes: Bytes,
    /// Use the Rust path RUST for a type or module, and do not generate it
    #[arg(long = "extern", value_name = "NAME=RUST", value_parser = pair)]
    pub(crate) externs: Vec<(String, String)>,
    /// Use Option for optional fields
    #[arg(long)]
    pub(crate) optional: bool,
    /// Derive Serialize and Deserialize, with the JSON mapping of Tars
    #[arg(long)]
    pub(crate) serde: bool,
    /// Keep names as they are in the files, not by the conventions of Rust
    #[arg(long)]
    pub(crate) keep_names: bool,
    /// Generate nothing that servers need
    #[arg(long)]
    pub(crate) no_server: bool,
    /// Generate nothing that clients need
    #[arg(long)]
    pub(crate) no_client: bool,
    /// Also generate hello_sync, async_hello and promise_hello for each call
    #[arg(long, conflicts_with = "no_client")]
    pub(crate) call_variants: bool,
}

impl Generate {
    pub(crate) fn builder(&self) -> Builder {
        let mut builder = self.code.options(self.reading.builder()).out_dir(&self.out);
        if let Some(prefix) = &self.prefix {
            builder = builder.module_prefix(prefix);
        }
        builder
    }
}

impl Code {
    pub(crate) fn options(&self, mut builder: Builder) -> Builder {
        for (name, path) in &self.externs {
            builder = builder.extern_path(name, path);
        }
        builder
            .map_type(match self.map {
                Map::Btree => MapType::BTree,
                Map::Hash => MapType::Hash,
            })
            .string_type(match self.strings {
                Strings::Utf8 => StringType::Utf8,
                Strings::Lossy => StringType::Lossy,
                Strings::Bytes => StringType::Bytes,
            })
            .bytes_type(match self.bytes {
                Bytes::Vec => BytesType::Vec,
                Bytes::Bytes => BytesType::Bytes,
            })
            .optional_fields(self.optional)
            .serde(self.serde)
            .keep_names(self.keep_names)
            .build_server(!self.no_server)
            .build_client(!self.no_client)
            .call_variants(self.call_variants)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Map {
    Btree,
    Hash,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Strings {
    Utf8,
    Lossy,
    Bytes,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bytes {
    Vec,
    Bytes,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdlCommand {
    /// Report all errors of .tars files
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// .tars files; included files are checked too
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        code: Code,
        /// Treat warnings as errors
        #[arg(long)]
        deny_warnings: bool,
        /// Print errors and warnings as a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Format .tars files
    #[command(after_help = FMT_EXAMPLES)]
    Fmt {
        /// .tars files, or "-" for standard input and output
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Only list the files that are not formatted
        #[arg(long)]
        check: bool,
    },
    /// Report changes between two versions that break peers or code
    #[command(after_help = BREAKING_EXAMPLES)]
    Breaking {
        /// .tars file, or directory of such files, before the change
        old: PathBuf,
        /// The same after the change
        new: PathBuf,
        #[command(flatten)]
        reading: Reading,
        /// Print the changes as a JSON array
        #[arg(long)]
        json: bool,
    },
}

/// `NAME=RUST`
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, path) = text.split_once('=').ok_or("expected Module::Type=rust::path")?;
    Ok((name.to_owned(), path.to_owned()))
}

pub(crate) const GEN_EXAMPLES: &str = "\
Examples:
  shardcast gen hello.tars --out src/idl
  shardcast gen -I idl idl/user.tars --out src/idl --serde --map hash";

pub(crate) const IDL_EXAMPLES: &str = "\
Examples:
  shardcast idl check idl/*.tars
  shardcast idl fmt idl/*.tars";

const CHECK_EXAMPLES: &str = "\
Exit code 0: valid; 2: not valid.

Examples:
  shardcast idl check -I idl idl/user.tars
  shardcast idl check --json user.tars | jq '.[].message'";

const FMT_EXAMPLES: &str = "\
Exit code 0: formatted; 1: with --check, a file is not; 2: a file cannot be read.

Examples:
  shardcast idl fmt idl/*.tars
  shardcast idl fmt --check idl/*.tars";

const BREAKING_EXAMPLES: &str = "\
Exit code 0: no breaking change; 1: a breaking change; 2: a file is not valid.

Examples:
  shardcast idl breaking released/user.tars user.tars
  shardcast idl breaking --json released idl | jq '.[].code'";
