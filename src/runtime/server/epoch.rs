//! The first epoch of a run: it is greater than every epoch of an earlier run, also if the clock was set back.
//!
//! Without a file, it is the time of the calendar in microseconds: in a run, no shard creates more than one topic per
//! microsecond, and each topic takes one epoch. That fails if the clock is set back over a restart. So a file keeps the
//! first epoch of the next run: that of this run and [`RESERVE`]. A run begins with the greater of clock and file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

/// The first epoch of this run. If there is a `file`, the epochs of this run are reserved in it.
pub(super) fn first(file: Option<&Path>) -> u64 {
    let clock = clock();
    let Some(path) = file else { return clock };
    match reserve(path, clock) {
        Ok(epoch) => epoch,
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "epochs grow with the clock only: the file of epochs cannot be used");
            clock
        }
    }
}

/// Microseconds since 1970.
fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0).min(EPOCH_MAX)
}

/// Takes the epochs of a run out of the file. Several servers may share it: each locks it meanwhile.
fn reserve(path: &Path, clock: u64) -> io::Result<u64> {
    if let Some(directory) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(beside(path, "lock"))?;
    take(&lock)?;
    let stored = stored(path).unwrap_or_else(|why| {
        tracing::warn!(path = %path.display(), why, "the file of epochs is not valid, and is replaced");
        0
    });
    let epoch = clock.max(stored);
    write(path, (epoch + RESERVE).min(EPOCH_MAX))?;
    Ok(epoch)
}

/// Another server holds it for the time of one write.
fn take(lock: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock"))
}

/// The first epoch that is free; 0 if there is no file.
fn stored(path: &Path) -> Result<u64, String> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.to_string()),
    };
    let number = str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
    let number = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let epoch = number.and_then(|text| text.parse().ok()).filter(|epoch| *epoch <= EPOCH_MAX);
    epoch.ok_or_else(|| "expected one number".to_owned())
}

/// Replaces the file as a whole: after a crash, it has the old number or the new one.
fn write(path: &Path, epoch: u64) -> io::Result<()> {
    let temporary = beside(path, "new");
    let mut file = File::create(&temporary)?;
    file.write_all(format!("{epoch}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

/// The file's name with an extension.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Epochs of one run. A shard that created a million topics per second, without a pause, would take 12 days to use them;
/// it is slower, and the clock covers every run that is longer. 2^40 a run leaves epochs for more than 4 million runs.
const RESERVE: u64 = 1 << 40;

/// No run begins later, so that no epoch overflows.
const EPOCH_MAX: u64 = 1 << 62;

/// More than the greatest number has digits.
const FILE_BYTES_MAX: u64 = 64;

/// A second in all.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder of our own")
    }

    #[test]
    fn epochs_grow_although_the_clock_was_set_back() {
        let place = folder();
        let path = place.path().join("state/shardcast/epoch");
        assert_eq!(reserve(&path, 1_000).expect("a new file"), 1_000);
        let mut last = 1_000;
        // Back, the same, and far ahead.
        for clock in [10, 1_000, last + 5 * RESERVE] {
            let epoch = reserve(&path, clock).expect("it is ours");
            assert!(epoch >= last + RESERVE && epoch >= clock, "{last} -> {epoch}");
            last = epoch;
        }
        assert_eq!(stored(&path), Ok(last + RESERVE));
        assert_eq!(
            fs::read_dir(place.path().join("state/shardcast")).expect("there").count(),
            2,
            "file and lock"
        );
    }

    #[test]
    fn a_file_in_the_future_counts() {
        let place = folder();
        let path = place.path().join("epoch");
        let future = clock() + 3_600_000_000;
        fs::write(&path, format!("{future}\n")).expect("written");
        assert_eq!(first(Some(&path)), future);
        assert_eq!(first(Some(&path)), future + RESERVE);
        assert!(first(None) < future);
    }

    #[test]
    fn an_invalid_file_counts_as_none_and_is_replaced() {
        let long = "1".repeat(1 << 20);
        let greatest = EPOCH_MAX + 1;
        for text in [
            "",
            "\n",
            "12",
            "x\n",
            "-1\n",
            "+1\n",
            " 1\n",
            "1\n1\n",
            &long,
            &format!("{greatest}\n"),
            "\u{ff}\n",
        ] {
            let place = folder();
            let path = place.path().join("epoch");
            fs::write(&path, text).expect("written");
            assert!(stored(&path).is_err(), "{text:.20?}");
            assert_eq!(reserve(&path, 7).expect("replaced"), 7);
            assert_eq!(stored(&path), Ok(7 + RESERVE));
        }
        let place = folder();
        let path = place.path().join("epoch");
        fs::write(&path, format!("{EPOCH_MAX}\n")).expect("written");
        assert_eq!(reserve(&path, 7).expect("the last one"), EPOCH_MAX);
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_clock() {
        let place = folder();
        let file = place.path().join("file");
        fs::write(&file, "").expect("written");
        let before = clock();
        assert!(first(Some(&file.join("epoch"))) >= before);
        assert!(first(Some(place.path())) >= before, "a directory");
    }

    #[test]
    fn servers_that_share_a_file_get_different_epochs() {
        let place = folder();
        let path = place.path().join("epoch");
        let starts = (0..8).map(|_| {
            let path = path.clone();
            thread::spawn(move || reserve(&path, 5).expect("it is ours"))
        });
        let threads: Vec<_> = starts.collect();
        let mut epochs: Vec<_> = threads.into_iter().map(|it| it.join().expect("no panic")).collect();
        epochs.sort_unstable();
        assert!(epochs.windows(2).all(|pair| pair[1] - pair[0] >= RESERVE), "{epochs:?}");
    }
}
