//! The life of a file of kept messages: imported, inspected, damaged, verified, repaired.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use shardcast::{
    Listener, Server,
    tcpshm::{Client, ClientOptions, Handler, Message, Peer, Protocol, ServerOptions},
};
use tempfile::TempDir;

#[test]
fn a_recorded_queue_is_imported_with_its_numbers() {
    let imported = Import::new();
    let expected = format!(
        "imported: {}\nmessages 3, first 2, next 5, received 0\nlast server: server\n",
        imported.journal.display()
    );
    assert_eq!(imported.output, expected);
    let last_server = imported.journal.with_file_name("client.lastserver");
    assert_eq!(fs::read(last_server).expect("it was imported"), b"server");
    assert_eq!(verify(&imported.journal), (0, "ok FILE messages 3 bytes 160 received 0\n".to_owned()));
}

#[test]
fn two_imported_ends_go_on_where_they_were() {
    let client = Import::new();
    let folder = tempfile::tempdir().expect("a folder");
    let queue = recorded().with_file_name("server_client.ptcp");
    let names = ["--local", "server", "--remote", "client"];
    success(&[&["journal", "import", path(&queue), "--dir", path(folder.path())][..], &names].concat());

    let protocol = Protocol::open("server", &ServerOptions::new(folder.path())).expect("a folder");
    let listener = Listener::new("orders", "127.0.0.1:0").protocol(protocol, |_| Echo.service());
    let server = Server::builder().listen(listener).shards(1).start().expect("started");
    let address = server.address("orders").expect("it listens");
    let options = ClientOptions::new(client.folder.path());
    let mut client = Client::connect("client", address, options).expect("the numbers match");
    for (kind, len) in [(3, 12), (4, 16), (5, 100)] {
        let message = client.recv().expect("an echo");
        assert_eq!((message.message_type, message.body.len()), (kind, len));
        client.pop(message.sequence).expect("it is the next one");
    }
}

/// Returns each message to its sender.
struct Echo;

impl Handler for Echo {
    type Data = ();

    fn message(&self, peer: &Peer, message: Message<'_>) {
        peer.send(message.message_type(), message.body()).expect("there is room");
        message.pop();
    }
}

#[test]
fn what_is_inspected_is_what_was_sent() {
    let imported = Import::new();
    let text = success(&["journal", "inspect", "--messages", path(&imported.journal)]);
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("salt: ")).collect();
    let expected = [
        "length: 65536",
        "version: 1",
        "local: client",
        "remote: server",
        "slot 0: generation 1, this boot, first 2, messages 0, durable 0, received 0, process",
        "slot 1: not written",
        "slot 2: not written",
        "slot 3: not written",
        "capacity: 61440",
        "records: of slot 0, first 2, next 5, bytes 160",
        "message 2: type 3, 12 bytes, a2a2a2a2a2a2a2a2a2a2a2a2",
        "message 3: type 4, 16 bytes, a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3",
        "message 4: type 5, 100 bytes, a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4...",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn nothing_is_imported_twice_or_over_another_journal() {
    let imported = Import::new();
    let before = fs::read(&imported.journal).expect("a file");
    let output = imported.again();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("file-exists"), "{error}");
    assert_eq!(fs::read(&imported.journal).expect("a file"), before);
}

#[test]
fn a_folder_that_is_in_use_gets_no_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = fs::File::create(folder.path().join("client.lock")).expect("a file");
    lock.lock().expect("it is new");
    let output = import(&recorded(), folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("folder-in-use"), "{output:?}");
    assert!(!folder.path().join("client_server.journal").exists());
}

#[test]
fn a_queue_that_a_process_has_in_memory_is_not_imported() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = folder.path().join("client_server.ptcp");
    fs::copy(recorded(), &queue).expect("copied");
    let mapped = shardcast_os::map::MappedFile::open(&queue, 1 << 20).expect("a file");
    let output = import(&queue, folder.path());
    let expected = format!("queue-in-use: process {} uses the file", std::process::id());
    assert!(String::from_utf8_lossy(&output.stderr).contains(&expected), "{output:?}");
    drop(mapped);
    assert_eq!(import(&queue, folder.path()).status.code(), Some(0));
}

#[test]
fn a_repair_keeps_what_is_before_the_damage_and_the_damaged_file() {
    let imported = Import::new();
    let damaged = imported.damage();
    let damage = "journal-record at byte 4120: a record has a wrong checksum";
    assert_eq!(verify(&imported.journal), (1, format!("damaged FILE {damage}\n")));

    let report = success(&["journal", "repair", path(&imported.journal)]);
    let name = imported.journal.display();
    let expected = format!(
        "damage: {damage}\nkept: messages 1, first 2, next 3, received 0\nlost: at least 0\n\
         repaired: {name}\ndamaged: {name}.damaged\n"
    );
    assert_eq!(report, expected);
    assert_eq!(verify(&imported.journal), (0, "ok FILE messages 1 bytes 24 received 0\n".to_owned()));
    assert_eq!(fs::read(format!("{name}.damaged")).expect("it was kept"), damaged);

    let report = success(&["journal", "repair", path(&imported.journal)]);
    assert!(report.ends_with("nothing to repair: the file was left alone\n"), "{report}");
}

#[test]
fn a_repair_overwrites_nothing() {
    let imported = Import::new();
    let damaged = imported.damage();
    let other = imported.folder.path().join("client_server.journal.damaged");
    fs::write(&other, "older").expect("written");
    for arguments in [vec![], vec!["--output", path(&other)]] {
        let mut arguments = arguments;
        arguments.push(path(&imported.journal));
        let output = shardcast(&[&["journal", "repair"][..], &arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("file-exists"), "{output:?}");
    }
    assert_eq!(fs::read(&imported.journal).expect("a file"), damaged);
    assert_eq!(fs::read(&other).expect("a file"), b"older");
    let mut names: Vec<_> = fs::read_dir(imported.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["client.lastserver", "client.lock", "client_server.journal", "client_server.journal.damaged"]
    );
}

#[test]
fn a_repair_can_write_elsewhere() {
    let imported = Import::new();
    let damaged = imported.damage();
    let output = imported.folder.path().join("kept");
    success(&["journal", "repair", "--output", path(&output), path(&imported.journal)]);
    assert_eq!(verify(&output), (0, "ok FILE messages 1 bytes 24 received 0\n".to_owned()));
    assert_eq!(fs::read(&imported.journal).expect("a file"), damaged);
}

#[test]
fn a_file_in_use_is_read_but_not_repaired() {
    let imported = Import::new();
    imported.damage();
    let file = fs::File::open(&imported.journal).expect("a file");
    file.lock().expect("not in use");
    let output = shardcast(&["journal", "repair", path(&imported.journal)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("file-in-use"), "{output:?}");
    assert_eq!(verify(&imported.journal).0, 1);
    let text = success(&["journal", "inspect", path(&imported.journal)]);
    assert!(
        text.ends_with("damaged: journal-record at byte 4120: a record has a wrong checksum\n"),
        "{text}"
    );
}

/// A folder with the journal of the recorded queue.
struct Import {
    folder: TempDir,
    journal: PathBuf,
    output: String,
}

impl Import {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let output = import(&recorded(), folder.path());
        assert!(output.status.success(), "{output:?}");
        let journal = folder.path().join("client_server.journal");
        Self { folder, journal, output: String::from_utf8(output.stdout).expect("text") }
    }

    fn again(&self) -> Output {
        import(&recorded(), self.folder.path())
    }

    /// Changes a bit in the body of the second message, and returns the bytes of the file.
    fn damage(&self) -> Vec<u8> {
        let mut bytes = fs::read(&self.journal).expect("a file");
        bytes[4096 + 24 + 8] ^= 1;
        fs::write(&self.journal, &bytes).expect("written");
        bytes
    }
}

fn import(queue: &Path, folder: &Path) -> Output {
    shardcast(&[
        "journal",
        "import",
        path(queue),
        "--dir",
        path(folder),
        "--local",
        "client",
        "--remote",
        "server",
    ])
}

/// The exit code and the line, with the name of the file left out.
fn verify(file: &Path) -> (i32, String) {
    let output = shardcast(&["journal", "verify", path(file)]);
    let line = String::from_utf8(output.stdout).expect("text").replace(path(file), "FILE");
    (output.status.code().expect("it was not killed"), line)
}

fn success(arguments: &[&str]) -> String {
    let output = shardcast(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn shardcast(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shardcast")).args(arguments).output().expect("it runs")
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/journal.in/client_server.ptcp")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}
