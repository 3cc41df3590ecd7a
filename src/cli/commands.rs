//! What each subcommand does, and the exit code that it ends with.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use shardcast::StartError;

use crate::{
    args::{Args, Command, ConfigCommand, Overrides},
    bench, call,
    config::{self, Catalog, Inputs, Loaded, Report, SourceFile},
    decode::{self, DecodeArgs},
    demo, doctor,
    exit::EXIT_CONFIGURATION,
    idl, journal, logging, operate,
    output::{print, print_error, print_error_raw},
    protocols::Registry,
    serve, topics,
};

/// Runs one command.
///
/// # Errors
///
/// What failed while running. Errors in the configuration are printed here.
pub(crate) fn run(args: Args, registry: &Registry) -> anyhow::Result<ExitCode> {
    let catalog = registry.catalog();
    match args.command {
        Command::Serve(overrides) => with_configuration(catalog, &overrides, |loaded| {
            logging::start(&loaded.config.log).context("cannot start a thread for the log")?;
            let again = || match configuration(catalog, &overrides) {
                Ok(loaded) => Ok(loaded.config),
                Err(invalid) => Err(invalid.render(false)),
            };
            let served = serve::run(&loaded.config, registry, &again);
            logging::flush();
            served.map(|()| ExitCode::SUCCESS)
        })
        .or_else(unless_the_machine_is_not_fit),
        Command::Check { config } => {
            let name = config.display().to_string();
            let overrides = Overrides { config: Some(config), ..Overrides::default() };
            with_configuration(catalog, &overrides, |_| {
                done(print(&format!("configuration {name} is valid\n")))
            })
        }
        Command::Demo(args) => demo::run(&args, registry),
        Command::Sub(args) => topics::subscribe(&args, registry),
        Command::Pub(args) => topics::publish(&args, registry),
        Command::History(args) => topics::history(&args, registry),
        Command::Call(args) => call::run(&args),
        Command::Decode(args) => decode(&args),
        Command::Config(ConfigCommand::Show { origin, overrides }) => {
            with_configuration(catalog, &overrides, |loaded| {
                done(print(&config::print_effective(loaded, catalog, origin)))
            })
        }
        Command::Config(ConfigCommand::Doc) => done(print(&config::manual(catalog))),
        Command::Config(ConfigCommand::Schema) => {
            let schema = serde_json::to_string_pretty(catalog.schema())?;
            done(print(&(schema + "\n")))
        }
        Command::Config(ConfigCommand::Init) => done(print(&config::print_defaults(catalog))),
        Command::Doctor { json, overrides } => {
            with_configuration(catalog, &overrides, |loaded| doctor::run(&loaded.config, json))
        }
        Command::Conns(args) => done(operate::conns(&args)),
        Command::Top(args) => done(operate::top(&args)),
        Command::Kick(args) => operate::kick(&args),
        Command::Reload(args) => operate::reload(&args),
        Command::Drain(args) => done(operate::drain(&args)),
        Command::Gen(arguments) => idl::generate(&arguments),
        Command::Idl(command) => idl::run(&command),
        Command::Journal(command) => journal::run(&command),
        Command::Bench(command) => bench::run(command, registry).or_else(unless_the_machine_is_not_fit),
    }
}

fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

/// Prints the tree as far as it could be decoded, and then the error.
fn decode(args: &DecodeArgs) -> anyhow::Result<ExitCode> {
    let decoded = match decode::run(args) {
        Ok(decoded) => decoded,
        Err(error) => {
            print_error(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(EXIT_CONFIGURATION));
        }
    };
    print(&decoded.text)?;
    match decoded.fault {
        Some(fault) => Err(anyhow::Error::msg(fault)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What the operator must change before another try can work is reported like an error in the configuration.
fn unless_the_machine_is_not_fit(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    match error.downcast_ref::<StartError>() {
        Some(start) if start.is_configuration() => {
            print_error(format_args!("error: {error:#}"));
            Ok(ExitCode::from(EXIT_CONFIGURATION))
        }
        _ => Err(error),
    }
}

/// Continues with the configuration in effect, or prints all its errors.
fn with_configuration(
    catalog: &Catalog,
    overrides: &Overrides,
    go_on: impl FnOnce(&Loaded) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    match configuration(catalog, overrides) {
        Ok(loaded) => go_on(&loaded),
        Err(invalid) => {
            print_error_raw(&invalid.render(io::stderr().is_terminal()));
            Ok(ExitCode::from(EXIT_CONFIGURATION))
        }
    }
}

/// Why the configuration cannot be used.
enum Invalid {
    Unreadable(anyhow::Error),
    Wrong(Report),
}

impl Invalid {
    fn render(&self, colours: bool) -> String {
        match self {
            Self::Unreadable(error) => format!("error: {error:#}\n"),
            Self::Wrong(report) => report.render(colours),
        }
    }
}

/// The configuration in effect, read at this moment.
fn configuration(catalog: &Catalog, overrides: &Overrides) -> Result<Loaded, Invalid> {
    let file = overrides.config.as_deref().map(read_source).transpose().map_err(Invalid::Unreadable)?;
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    let inputs = Inputs { file, variables, flags: overrides.flags() };
    config::load(catalog, inputs).map_err(Invalid::Wrong)
}

fn read_source(path: &Path) -> anyhow::Result<SourceFile> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read the configuration {name}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        anyhow::bail!("{name}: larger than {FILE_BYTES_MAX} bytes");
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{name}: invalid UTF-8 at byte {place}")
    })?;
    Ok(SourceFile { name, text })
}

/// A configuration with every option and a hundred listeners has some 50 KB.
const FILE_BYTES_MAX: u64 = 1 << 20;
