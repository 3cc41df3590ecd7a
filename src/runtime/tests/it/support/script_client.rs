use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use super::PATIENCE;

/// A peer that speaks [`Script`](super::Script), line by line.
pub(crate) struct ScriptClient {
    pub(crate) stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl ScriptClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let lines = BufReader::new(stream.try_clone().expect("a descriptor"));
        Self { stream, lines }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("it is read");
    }

    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        line.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn receives(&mut self, expected: &[&str]) {
        let received: Vec<_> = expected.iter().map(|_| self.line()).collect();
        assert_eq!(received, expected);
    }

    /// All lines until the end of the stream.
    #[track_caller]
    pub(crate) fn rest(mut self) -> Vec<String> {
        let mut text = String::new();
        self.lines.read_to_string(&mut text).expect("an end, not a reset");
        text.lines().map(str::to_owned).collect()
    }
}
