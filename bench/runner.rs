//! Runs servers and load generators as separate processes, and collects their results.

use std::{
    env,
    error::Error,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde::de::DeserializeOwned;

use crate::outcome::Outcome;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where server and load generator run, and for how long.
#[derive(Clone, Debug)]
pub struct Bench {
    /// CPU of the server.
    pub server_cpu: usize,
    /// CPU of the load generator.
    pub load_cpu: usize,
    /// Seconds to measure in each run.
    pub seconds: f64,
}

impl Bench {
    /// Starts `server`, lets the load generator do `load`, and ends the server.
    ///
    /// # Errors
    /// One of them cannot be started, or fails.
    pub fn run(&self, server: &str, load: &str) -> Result<Outcome> {
        let server = Running::start(server, self.server_cpu)?;
        let mut command = command(&format!("bench-load {load}"))?;
        command.args(["--json", "--connect", &server.address, "--pid", &server.child.id().to_string()]);
        command.args(["--cpu", &self.load_cpu.to_string(), "--seconds", &self.seconds.to_string()]);
        read_json(command)
    }
}

/// Runs a benchmark that needs no server, and reads its result.
///
/// # Errors
/// It cannot be started, or fails.
pub fn run_alone<T: DeserializeOwned>(words: &str) -> Result<T> {
    read_json(command(words)?)
}

/// Builds all benchmarks if Cargo started this program: Cargo builds only the program that it runs.
///
/// # Errors
/// They do not build.
pub fn build() -> Result<()> {
    let Some(cargo) = env::var_os("CARGO") else { return Ok(()) };
    let arguments = ["build", "--quiet", "--release", "--package", "shardcast-bench", "--bins"];
    if !Command::new(cargo).args(arguments).status()?.success() {
        return Err("the benchmarks do not build".into());
    }
    Ok(())
}

/// A server; ends when it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(words: &str, cpu: usize) -> Result<Self> {
        let mut command = command(words)?;
        let child = command.args(["--cpu", &cpu.to_string()]).stdout(Stdio::piped()).spawn()?;
        let mut running = Self { child, address: String::new() };
        let out = running.child.stdout.take().ok_or("its output is piped")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().strip_prefix("ready ").ok_or_else(|| format!("{words} did not start"))?;
        address.clone_into(&mut running.address);
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `words` begin with a program in the same folder as this one.
fn command(words: &str) -> Result<Command> {
    let mut words = words.split_whitespace();
    let program = words.next().ok_or("a command has a program")?;
    let mut path: PathBuf = env::current_exe()?;
    path.set_file_name(program);
    let mut command = Command::new(path);
    command.args(words);
    Ok(command)
}

fn read_json<T: DeserializeOwned>(mut command: Command) -> Result<T> {
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The middle one of `values`; of an even number, the mean of the two.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
