//! `shardcast call`: calls a method of any Tars server, with arguments and results in JSON.
//!
//! With the .tars file of the interface, both are converted to and from fields, which every server understands.

mod arguments;
mod convert;
mod results;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use shardcast::tars::{
    packet::ReturnCode,
    rpc::{Communicator, RpcError},
};
use shardcast_build::{
    Schema,
    schema::{Definition, Operation},
};

use crate::{
    config::HumanDuration,
    exit::EXIT_CONFIGURATION,
    flags::{Reading, seconds_or_unit},
    output::{escape, print, print_error},
};

/// What to call, and with what.
#[derive(Args, Debug)]
pub(crate) struct CallArgs {
    /// The server: HOST:PORT
    #[arg(value_name = "ADDR", value_parser = address)]
    address: (String, u16),
    /// The object, such as App.Server.Obj
    object: String,
    /// The method; Interface.method if several interfaces have it
    method: String,
    /// The arguments: a JSON object with the names of the .tars file
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// .tars file with the interface; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    idl: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Time limit: seconds, or with a unit such as 500ms
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = timeout)]
    timeout: Duration,
}

/// Calls, and prints the results as one line of JSON.
///
/// # Errors
/// The call has failed.
pub(crate) fn run(args: &CallArgs) -> anyhow::Result<ExitCode> {
    let (schema, body) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(error) => {
            print_error(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(EXIT_CONFIGURATION));
        }
    };
    let operation = operation(&schema, &args.object, &args.method)?;
    let (host, port) = &args.address;
    let proxy = Communicator::new().proxy(&format!("{}@tcp -h {host} -p {port}", args.object))?;
    let called = proxy.with_timeout(args.timeout).call_raw(operation.name.as_str(), body).wait();
    let results = match called {
        Ok(body) => results::decode(&schema, operation, &body)?,
        Err(RpcError::Server { code, text }) => anyhow::bail!(failure(code, &text)),
        Err(error) => return Err(error).with_context(|| format!("cannot call {host}:{port}")),
    };
    print(&(escape::json(&Value::Object(results).to_string()).into_owned() + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The interface, and the encoded arguments.
fn prepare(args: &CallArgs) -> anyhow::Result<(Schema, Vec<u8>)> {
    let (schema, _warnings) = args.reading.builder().schema(&args.idl)?;
    let operation = operation(&schema, &args.object, &args.method)?;
    let arguments = serde_json::from_str(&args.arguments).context("the arguments are not JSON")?;
    let body = arguments::encode(&schema, operation, &arguments)?;
    Ok((schema, body))
}

/// The operation `method` or `Interface.method`. Of several, it is that of the interface for which the object is named.
fn operation<'s>(schema: &'s Schema, object: &str, method: &str) -> anyhow::Result<&'s Operation> {
    let (interface, method) = match method.rsplit_once('.') {
        Some((interface, method)) => (Some(interface), method),
        None => (None, method),
    };
    let all = schema.modules.iter().flat_map(|module| {
        module.definitions.iter().filter_map(move |definition| match definition {
            Definition::Interface(it) => Some((&module.name, it)),
            _ => None,
        })
    });
    let named = all.filter(|(module, it)| {
        interface.is_none_or(|wanted| wanted == it.name || wanted == format!("{module}.{}", it.name))
    });
    let (interfaces, operations): (Vec<_>, Vec<_>) = named
        .filter_map(|(_, it)| Some((&*it.name, it.operations.iter().find(|one| one.name == method)?)))
        .unzip();
    let object = object.rsplit('.').next().unwrap_or_default();
    let is_of_object = |name: &&str| object.strip_prefix(name).is_some_and(|rest| rest == "Obj");
    match (&operations[..], interfaces.iter().position(is_of_object)) {
        ([], _) => anyhow::bail!("the .tars files have no method `{method}`"),
        ([only], _) => Ok(*only),
        (several, Some(index)) => Ok(several[index]),
        _ => anyhow::bail!(
            "several interfaces have the method `{method}`: write {}",
            interfaces.iter().map(|it| format!("{it}.{method}")).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// The failure of a call, with the name of its code if it is one of the framework.
fn failure(code: i32, text: &str) -> String {
    let name = ReturnCode(code).name().map(|name| format!(" ({name})")).unwrap_or_default();
    let separator = if text.is_empty() { "" } else { ": " };
    format!("the server responded with code {code}{name}{separator}{text}")
}

fn address(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| "expected HOST:PORT".to_owned())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("expected HOST:PORT".to_owned());
    }
    Ok((host.to_owned(), port))
}

fn timeout(text: &str) -> Result<Duration, String> {
    let HumanDuration(timeout) = seconds_or_unit(text).parse()?;
    if timeout.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(timeout) }
}
