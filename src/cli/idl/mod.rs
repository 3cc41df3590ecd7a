//! `gen` and `idl`: the .tars compiler on the command line.

mod args;
mod breaking;
mod check;
mod format;

use std::process::ExitCode;

use shardcast_build::{Diagnostic, Error};

pub(crate) use args::{GEN_EXAMPLES, Generate, IDL_EXAMPLES, IdlCommand};

use crate::{
    exit::EXIT_CONFIGURATION,
    output::{print, print_error},
};

/// Runs `shardcast gen`: prints the names of the files that it wrote.
pub(crate) fn generate(arguments: &Generate) -> anyhow::Result<ExitCode> {
    let generated = match arguments.builder().generate(&arguments.files) {
        Ok(generated) => generated,
        Err(error) => return refuse(error),
    };
    warn(&generated.warnings);
    let names: Vec<String> = generated.files.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&names.concat()).map(|()| ExitCode::SUCCESS)
}

/// Runs one of the commands of `shardcast idl`.
pub(crate) fn run(command: &IdlCommand) -> anyhow::Result<ExitCode> {
    match command {
        IdlCommand::Check { files, reading, code, deny_warnings, json } => {
            check::run(files, code.options(reading.builder()).deny_warnings(*deny_warnings), *json)
        }
        IdlCommand::Fmt { files, check } => format::run(files, *check),
        IdlCommand::Breaking { old, new, reading, json } => {
            breaking::run(old, new, &reading.builder(), *json)
        }
    }
}

fn warn(warnings: &[Diagnostic]) {
    warnings.iter().for_each(|warning| print_error(format_args!("{warning}\n")));
}

/// Prints the errors of the files. Errors of the system are returned.
fn refuse(error: Error) -> anyhow::Result<ExitCode> {
    match error {
        Error::Write { .. } => Err(error.into()),
        Error::Invalid(_) => {
            print_error(error);
            Ok(ExitCode::from(EXIT_CONFIGURATION))
        }
        error => {
            print_error(format_args!("error: {error}"));
            Ok(ExitCode::from(EXIT_CONFIGURATION))
        }
    }
}
