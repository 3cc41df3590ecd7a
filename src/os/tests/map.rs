//! Files in memory: who may use them, how they grow, and what a full disk does.
#![cfg(not(loom))]

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, symlink},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use shardcast_os::map::{MapError, MappedFile};

#[test]
fn what_was_written_is_there_after_the_file_was_opened_again() {
    let path = place("again");
    let mut file = MappedFile::create(&path, 10_000).expect("there is room");
    file.write(9_995, b"at the end"[..5].as_ref());
    file.write(3, b"bytes");
    file.publish(16, 0x0807_0605_0403_0201);
    file.sync_data().expect("it can be written");
    drop(file);
    let file = MappedFile::open(&path, 10_000).expect("it is there");
    assert_eq!(file.len_bytes(), 10_000);
    let mut out = b"before ".to_vec();
    file.read_to(3, 5, &mut out);
    file.read_to(16, 8, &mut out);
    file.read_to(9_995, 5, &mut out);
    assert_eq!(out, b"before bytes\x01\x02\x03\x04\x05\x06\x07\x08at th");
    let mut word = [9; 4];
    file.read(8, &mut word);
    assert_eq!(word, [0; 4]);
    assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600);
}

#[test]
fn what_was_written_is_there_after_a_kill() {
    let path = place("kill");
    if is_child("what_was_written_is_there_after_a_kill") {
        let mut file = MappedFile::create(&path, 4096).expect("there is room");
        for word in 0..512 {
            file.publish(word * 8, word + 1);
        }
        rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).expect("it is permitted");
    }
    let status = child("what_was_written_is_there_after_a_kill").status().expect("it runs");
    assert!(!status.success());
    let file = MappedFile::open(&path, 4096).expect("the lock ended with the process");
    let mut bytes = Vec::new();
    file.read_to(0, 4096, &mut bytes);
    assert_eq!(bytes, (1..=512u64).flat_map(u64::to_le_bytes).collect::<Vec<_>>());
}

#[test]
fn a_file_is_used_once() {
    let path = place("once");
    let file = MappedFile::create(&path, 4096).expect("there is room");
    for _ in 0..2 {
        assert_eq!(code(MappedFile::open(&path, 4096)), "file-in-use");
        assert_eq!(code(MappedFile::create(&path, 4096)), "file-exists");
    }
    drop(file);
    let file = MappedFile::open(&path, 4096).expect("it is free");
    // A file that replaces it is another one.
    let newer = place("once-newer");
    drop(MappedFile::create(&newer, 8192).expect("there is room"));
    fs::rename(&newer, &path).expect("the same folder");
    let second = MappedFile::open(&path, 8192).expect("it is free");
    assert_eq!((file.len_bytes(), second.len_bytes()), (4096, 8192));
}

#[test]
fn only_ordinary_files_of_a_possible_length_are_opened() {
    let path = place("ordinary");
    let sized = |len| {
        let file = fs::File::create(&path).expect("a file");
        file.set_len(len).expect("it can be longer");
    };
    assert_eq!(code(MappedFile::open(&path, 100)), "file-missing");
    assert_eq!(code(MappedFile::create(&path, 0)), "file-length");
    assert!(!path.exists(), "no file is left");
    for (len, expected) in [(0, "file-length"), (101, "file-length"), (u32::MAX.into(), "file-length")] {
        sized(len);
        assert_eq!(code(MappedFile::open(&path, 100)), expected, "{len}");
    }
    sized(100);
    assert!(MappedFile::open(&path, 100).is_ok());
    let link = place("ordinary-link");
    symlink(&path, &link).expect("a link");
    assert_eq!(code(MappedFile::open(&link, 100)), "not-a-file");
    assert_eq!(code(MappedFile::create(&link, 100)), "file-exists");
    assert_eq!(code(MappedFile::open(path.parent().expect("a folder"), 100)), "not-a-file");
    let pipe = place("ordinary-pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    assert_eq!(code(MappedFile::open(&pipe, 100)), "not-a-file");
}

#[test]
fn an_opened_file_has_all_its_blocks() {
    let path = place("blocks");
    fs::File::create(&path).and_then(|file| file.set_len(1 << 20)).expect("a file");
    let blocks = || fs::metadata(&path).expect("it is there").blocks() * 512;
    assert_eq!(blocks(), 0);
    let file = MappedFile::open(&path, 1 << 20).expect("there is room");
    assert!(blocks() >= 1 << 20);
    drop(file);
}

#[test]
fn a_file_grows_and_keeps_its_bytes() {
    let path = place("grow");
    let mut file = MappedFile::create(&path, 5000).expect("there is room");
    let mut expected = 0;
    for len in [5000, 5001, 70_000, 69_000, 1 << 22] {
        file.write(expected, &[7]);
        expected += 1;
        file.grow(len).expect("there is room");
        assert!(file.len_bytes() >= len);
        assert_eq!(fs::metadata(&path).expect("it is there").len(), file.len_bytes());
        let mut bytes = Vec::new();
        file.read_to(0, file.len_bytes() as usize, &mut bytes);
        assert_eq!(bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 7 * expected);
    }
    assert_eq!(code(file.grow(u64::MAX)), "file-too-large");
    assert_eq!(file.len_bytes(), 1 << 22);
}

#[test]
#[expect(clippy::type_complexity, reason = "a list of calls")]
fn access_outside_of_the_file_is_an_error_of_the_program() {
    let mut file = MappedFile::create(&place("outside"), 4096).expect("there is room");
    let calls: [(&str, fn(&mut MappedFile)); 6] = [
        ("5 bytes at 4092 are not within", |it| it.read(4092, &mut [0; 5])),
        ("1 bytes at 4096 are not within", |it| it.read_to(4096, 1, &mut Vec::new())),
        ("9 bytes at 18446744073709551615 are not within", |it| it.write(u64::MAX, &[0; 9])),
        ("8 bytes at 4096 are not within", |it| it.publish(4096, 0)),
        ("a word at byte 4 is not written in one store", |it| it.publish(4, 0)),
        ("0 bytes at 4097 are not within", |it| it.read(4097, &mut [])),
    ];
    for (expected, call) in calls {
        let panic = catch_unwind(AssertUnwindSafe(|| call(&mut file))).expect_err("outside");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with(expected), "{text}");
    }
    file.read(4096, &mut []);
    file.write(4088, &[1; 8]);
}

/// The limit of a process, which needs no privileges.
#[test]
fn a_limit_of_the_size_of_files_is_an_error_and_no_signal() {
    const NAME: &str = "a_limit_of_the_size_of_files_is_an_error_and_no_signal";
    let path = place("limit");
    if is_child(NAME) {
        setrlimit(Resource::Fsize, Rlimit { current: Some(65_536), maximum: Some(65_536) }).expect("lower");
        assert_eq!(code(MappedFile::create(&path, 65_537)), "file-too-large");
        assert!(!path.exists(), "no file is left");
        let mut file = MappedFile::create(&path, 65_536).expect("it is small enough");
        file.write(0, b"kept");
        assert_eq!(code(file.grow(65_537)), "file-too-large");
        let mut bytes = [0; 4];
        file.read(0, &mut bytes);
        assert_eq!((file.len_bytes(), bytes), (65_536, *b"kept"));
        return;
    }
    // Through a pipe: the limit applies to the output of this test too, which may be a long file.
    let output = child(NAME).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_is_an_error_and_no_signal() {
    println!("{}", mounted("a_full_disk_is_an_error_and_no_signal", "-t tmpfs -o size=256k", fill));
}

#[test]
fn a_file_system_that_allocates_nothing_in_advance_is_written() {
    const NAME: &str = "a_file_system_that_allocates_nothing_in_advance_is_written";
    let run = mounted(NAME, "-t ramfs", |folder| {
        let path = folder.join("file");
        let mut file = MappedFile::create(&path, 70_000).expect("there is room");
        file.write(69_996, b"last");
        file.grow(100_000).expect("there is room");
        drop(file);
        let file = MappedFile::open(&path, 100_000).expect("it is there");
        let mut bytes = Vec::new();
        file.read_to(69_996, 8, &mut bytes);
        assert_eq!((file.len_bytes(), &*bytes), (100_000, &b"last\0\0\0\0"[..]));
        let file = fs::metadata(&path).expect("it is there");
        assert!(file.blocks() * 512 >= 100_000);
    });
    println!("{run}");
}

/// Runs `test`, which is the test `name`, in a file system of its own.
fn mounted(name: &str, file_system: &str, test: fn(&Path)) -> &'static str {
    let folder = place(name);
    if is_child(name) {
        test(&folder);
        return "run";
    }
    fs::create_dir_all(&folder).expect("a folder");
    let mount = format!("mount {file_system} none '{}'", folder.display());
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", script]).env(CHILD, name);
        command
    };
    if !unshare(&mount).output().is_ok_and(|it| it.status.success()) {
        return "skipped: this user may not mount a file system";
    }
    let program = env::current_exe().expect("the path of this binary");
    let script = format!("{mount} && exec '{}' {name} --exact --nocapture", program.display());
    assert!(unshare(&script).status().expect("it runs").success());
    "run"
}

/// In a file system of 256 KiB.
fn fill(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let mut file = MappedFile::create(&path("first"), 128 << 10).expect("there is room");
    (0..128).for_each(|page| file.write(page << 10, &[7; 1024]));
    assert_eq!(code(MappedFile::create(&path("second"), 192 << 10)), "disk-full");
    assert!(!path("second").exists(), "no file is left");
    let other = MappedFile::create(&path("other"), 64 << 10).expect("there is room");
    for _ in 0..2 {
        assert_eq!(code(file.grow(256 << 10)), "disk-full");
        assert_eq!(
            (file.len_bytes(), fs::metadata(path("first")).expect("it is there").len()),
            (128 << 10, 128 << 10)
        );
    }
    // It is as usable as before, and grows when there is room again.
    file.write((128 << 10) - 4, b"last");
    drop(other);
    fs::remove_file(path("other")).expect("it is there");
    file.grow(192 << 10).expect("there is room again");
    let mut bytes = Vec::new();
    file.read_to(0, 128 << 10, &mut bytes);
    assert!(bytes[..(128 << 10) - 4].iter().all(|&byte| byte == 7) && bytes.ends_with(b"last"));
    // A file with fewer blocks than its length needs them when it is opened.
    fs::File::create(path("sparse")).and_then(|file| file.set_len(128 << 10)).expect("it needs no blocks");
    assert_eq!(code(MappedFile::open(&path("sparse"), 1 << 20)), "disk-full");
}

fn code<T>(result: Result<T, MapError>) -> &'static str {
    result.err().map_or("no error", |error| error.code())
}

/// A path of this test, where nothing is.
fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("map");
    fs::create_dir_all(&folder).expect("a folder for tests");
    let path = folder.join(name);
    if env::var_os(CHILD).is_none() {
        let _ = fs::remove_file(&path);
    }
    path
}

/// This binary, about to run the test `name` alone.
fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of this binary"));
    command.args([name, "--exact", "--nocapture"]).env(CHILD, name);
    command
}

fn is_child(name: &str) -> bool {
    env::var(CHILD).is_ok_and(|it| it == name)
}

const CHILD: &str = "SHARDCAST_OS_MAP";
