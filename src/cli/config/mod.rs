//! The configuration: one struct, four layers, and everything generated from them.
//!
//! [`options`] defines it, [`catalog`] lists it with what each [`protocol`] adds, [`layers`] reads it, [`check`](mod@check) judges it,
//! [`print`](mod@print) and [`manual`](mod@manual) write it. What it deliberately is not: the library's
//! configuration, which is plain data without a file format; [`convert`] builds it.

mod catalog;
mod check;
mod convert;
mod key;
mod layers;
mod manual;
mod options;
mod print;
mod protocol;
mod report;
mod suggest;
mod values;

pub(crate) use catalog::Catalog;
pub(crate) use key::Key;
pub(crate) use layers::{Flag, Inputs, Loaded, SourceFile, load};
pub(crate) use manual::manual;
pub(crate) use options::{AdminOptions, Config, ListenerOptions, LogOptions};
pub(crate) use print::{print_defaults, print_effective};
pub(crate) use protocol::{DefaultListener, Fault, Options, Protocol, Service};
pub(crate) use report::Report;
pub(crate) use values::{
    AdminSocket, ByteSize, DataDir, HumanDuration, LogFormat, LogLevel, SOCKET_PATH_MAX, Secret,
};
