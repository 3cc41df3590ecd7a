//! HTTP clients at the admin port that are slow and many: operators are served at the Unix socket, and connections of
//! peers are not disturbed.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
};

use super::{Failure, Outcome, Trial, same};
use crate::{
    bystanders::Bystanders,
    server::{PATIENCE, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (crowd, requests) = (trial.size(2_000).max(300), trial.size(300));
    let random = trial.random.clone();
    let socket = std::env::temp_dir().join(format!(
        "shardcast-stress-{}-{}.sock",
        std::process::id(),
        crate::random::seed_of_the_clock()
    ));
    let admin = format!("socket = {socket:?}");
    let server = trial.start(&Setup { admin, ..Setup::default() })?;
    let (address, admin) = (server.address, server.admin);
    let mut bystanders = Bystanders::start(address, 2, 0, &random)?;
    let mut slow = Vec::new();
    for number in 0..crowd {
        // Those that the system or the server refuses are gone.
        let Ok(mut stream) = TcpStream::connect(admin) else { continue };
        let _ = stream.write_all(BEGINNINGS[number as usize % BEGINNINGS.len()].as_bytes());
        slow.push(stream);
    }
    for number in 0..requests {
        // One more byte from some of them, and a new one.
        for stream in slow.iter_mut().skip(number as usize % 7).step_by(7) {
            let _ = stream.write_all(b"x");
        }
        slow.extend(TcpStream::connect(admin));
        same("the status of /livez", 200, ask(&socket, "GET", "/livez")?)?;
        same("the status of /metrics", 200, ask(&socket, "GET", "/metrics")?)?;
        same("the status of /reload", 200, ask(&socket, "POST", "/reload")?)?;
    }
    bystanders.publish_more(20)?;
    drop(slow);
    let server = trial.server()?;
    server.eventually(|server| Ok(server.get("/livez").err().map(|it| it.to_string())))?;
    bystanders.end()?;
    Ok(format!("{crowd} slow clients, {} requests of operators", 3 * requests))
}

/// Sends a request at the Unix socket; the status of the answer.
fn ask(socket: &Path, method: &str, path: &str) -> Outcome<u16> {
    let failed = |error: std::io::Error| Failure(format!("{method} {path} at the Unix socket: {error}"));
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    status.ok_or_else(|| Failure(format!("{method} {path} at the Unix socket was answered `{answer}`")))
}

/// Nothing, a part of a request, a request whose body does not follow, and one whose answer is not read.
const BEGINNINGS: [&str; 4] = [
    "",
    "GET /metr",
    "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
];
