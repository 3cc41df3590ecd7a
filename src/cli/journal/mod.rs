//! `shardcast journal`: the files in which messages are kept.
//!
//! What it deliberately is not: another reader of them. It prints what the library finds.

mod inspect;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use shardcast::journal::{self, ByteOrder, Import, JournalError, JournalFile, Repaired, Verified};

use crate::{
    exit::{EXIT_CONFIGURATION, EXIT_RUNTIME},
    output::{escape, print, print_error},
};

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Print what is in a file
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect {
        /// Print a line for each message
        #[arg(long)]
        messages: bool,
        /// The journal; it may be in use
        file: PathBuf,
    },
    /// Check files as a server does that opens them
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The journals; they may be in use
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Replace a damaged file with what can be kept of it
    #[command(after_help = REPAIR_EXAMPLES)]
    Repair {
        /// New file for what is kept, in place of replacing the damaged one
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The journal; it must not be in use
        file: PathBuf,
    },
    /// Make a journal of a .ptcp file
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Folder for the journal
    #[arg(long)]
    dir: PathBuf,
    /// Name of the end that sends the messages
    #[arg(long, value_name = "NAME")]
    local: String,
    /// Name of the end that receives them
    #[arg(long, value_name = "NAME")]
    remote: String,
    /// Messages have big-endian headers (ToLittleEndian is false)
    #[arg(long)]
    big_endian: bool,
    /// The .ptcp file; no process may use it
    file: PathBuf,
}

/// Runs one of the commands of `shardcast journal`.
///
/// # Errors
/// A file cannot be read or written, or nothing in it can be used.
pub(crate) fn run(command: &JournalCommand) -> anyhow::Result<ExitCode> {
    match command {
        JournalCommand::Inspect { messages, file } => {
            let found = JournalFile::read_intact(file)
                .map_err(|error| failed(&file.display().to_string(), error.code(), &error))?;
            print(&inspect::report(&found, *messages)).map(|()| ExitCode::SUCCESS)
        }
        JournalCommand::Verify { files } => verify(files),
        JournalCommand::Repair { output, file } => {
            let repaired = journal::repair(file, output.as_deref())
                .map_err(|error| failed(&file.display().to_string(), error.code(), &error))?;
            print(&repair_report(&repaired, &name(file))).map(|()| ExitCode::SUCCESS)
        }
        JournalCommand::Import(arguments) => import(arguments),
    }
}

fn verify(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut exit = ExitCode::SUCCESS;
    for path in files {
        let line = match JournalFile::read_intact(path).map(|file| file.verify()) {
            Ok(Ok(found)) => format!("ok {} {}\n", name(path), counts(&found)),
            Ok(Err(damage)) => {
                exit = ExitCode::from(EXIT_RUNTIME);
                format!("damaged {} {}\n", name(path), describe(&damage))
            }
            Err(error) => {
                exit = ExitCode::from(EXIT_RUNTIME);
                let error = failed(&path.display().to_string(), error.code(), &error);
                print_error(format_args!("error: {error}"));
                continue;
            }
        };
        print(&line)?;
    }
    Ok(exit)
}

fn repair_report(repaired: &Repaired, path: &str) -> String {
    match repaired {
        Repaired::Intact(found) => {
            format!("ok {path} {}\nnothing to repair: the file was left alone\n", counts(found))
        }
        Repaired::Repaired { damage, first, next, received, lost_min, repaired, damaged } => format!(
            "damage: {}\nkept: messages {}, first {first}, next {next}, received {received}\n\
             lost: at least {lost_min}\nrepaired: {}\ndamaged: {}\n",
            describe(damage),
            next - first,
            name(repaired),
            name(damaged),
        ),
    }
}

fn import(arguments: &ImportArgs) -> anyhow::Result<ExitCode> {
    let ImportArgs { dir, local, remote, big_endian, file } = arguments;
    let mut what = match Import::new(file, dir, local, remote) {
        Ok(what) => what,
        Err(error) => {
            print_error(format_args!("error: {error}"));
            return Ok(ExitCode::from(EXIT_CONFIGURATION));
        }
    };
    if *big_endian {
        what.byte_order = ByteOrder::Big;
    }
    let imported =
        journal::import(&what).map_err(|error| failed(&file.display().to_string(), error.code(), &error))?;
    let (first, next) = (imported.first, imported.next);
    let mut text = format!(
        "imported: {}\nmessages {}, first {first}, next {next}, received {}\n",
        name(&imported.path),
        next - first,
        imported.received
    );
    if imported.has_last_server {
        text += &format!("last server: {}\n", escape::line(remote));
    }
    print(&text).map(|()| ExitCode::SUCCESS)
}

/// An error about a file.
fn failed(file: &str, code: &str, error: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{file}: {code}: {error}")
}

fn describe(damage: &JournalError) -> String {
    format!("{} at byte {}: {}", damage.code(), damage.at, damage.what)
}

fn counts(found: &Verified) -> String {
    let Verified { messages, bytes, received, dropped } = found;
    let dropped = if *dropped > 0 { format!(" dropped {dropped}") } else { String::new() };
    format!("messages {messages} bytes {bytes} received {received}{dropped}")
}

fn name(path: &std::path::Path) -> String {
    escape::line(&path.display().to_string()).into_owned()
}

pub(crate) const JOURNAL_EXAMPLES: &str = "\
Examples:
  shardcast journal verify data/*.journal
  shardcast journal inspect --messages data/server_client.journal";

const INSPECT_EXAMPLES: &str = "\
Prints names, slots and records, also of a damaged file. Reads a file that is in use as well.

Examples:
  shardcast journal inspect data/server_client.journal
  shardcast journal inspect --messages data/server_client.journal | tail";

const VERIFY_EXAMPLES: &str = "\
Prints a line for each file: ok, or damaged with a code and where. Exit code 1: one is damaged.

Examples:
  shardcast journal verify data/*.journal
  shardcast journal verify data/*.journal | grep -v ^ok";

const REPAIR_EXAMPLES: &str = "\
Keeps the messages before the damage. The damaged file stays, with .damaged after its name.
An intact file is left alone.

Examples:
  shardcast journal repair data/server_client.journal
  shardcast journal repair --output kept.journal data/server_client.journal";

const IMPORT_EXAMPLES: &str = "\
Writes <DIR>/<local>_<remote>.journal with all messages that were not acknowledged, and the
name of a client's last server. The .ptcp file stays. Stop the process that uses it first.

Examples:
  shardcast journal import cdir/client_server.ptcp --dir data --local client --remote server
  shardcast journal import s_c.ptcp --dir data --local s --remote c --big-endian";
