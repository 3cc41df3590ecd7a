//! `shardcast kick`.

use std::process::ExitCode;

use super::{args::KickArgs, client::Client};
use crate::{
    exit::EXIT_RUNTIME,
    output::{print, print_error},
};

/// Closes connections, and prints for each whether it was open.
///
/// # Errors
///
/// The token cannot be read, or nothing can be printed.
pub(crate) fn kick(args: &KickArgs) -> anyhow::Result<ExitCode> {
    let client = Client::actor(&args.actor)?;
    let mut code = ExitCode::SUCCESS;
    for id in &args.ids {
        let now = if args.now { "&now" } else { "" };
        match client.post(&format!("/kick?id={id}{now}")) {
            Ok(_) => print(&format!("kicked {id}\n"))?,
            Err(error) => {
                print_error(format_args!("error: {error:#}"));
                code = ExitCode::from(EXIT_RUNTIME);
            }
        }
    }
    Ok(code)
}
