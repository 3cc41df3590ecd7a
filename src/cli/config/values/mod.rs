//! Types of single values: what a person writes in the file, in the environment or on the command line.
//!
//! Each parses a text and prints the same text again; its error names what is expected.

mod address;
mod choice;
mod data_dir;
mod duration;
mod epoch_file;
mod log;
mod secret;
mod size;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use address::{AdminListen, AdminSocket, ListenAddr, SOCKET_PATH_MAX};
pub(crate) use choice::{Cpus, Overflow, Shards, Spin};
pub(crate) use data_dir::DataDir;
pub(crate) use duration::HumanDuration;
pub(crate) use epoch_file::EpochFile;
pub(crate) use log::{LogFormat, LogLevel};
pub(crate) use secret::Secret;
pub(crate) use size::{ByteSize, MemorySize};
