//! New files, which are there as a whole or not at all.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

/// A file under a name of its own, until it gets the right one. It is removed when it is dropped.
pub(super) struct NewFile {
    path: PathBuf,
}

impl NewFile {
    /// Writes a file that only the user of this process may read, and syncs it.
    pub(super) fn write(target: &Path, bytes: &[u8]) -> io::Result<Self> {
        let new = Self { path: with_suffix(target, &format!(".{}.new", process::id())) };
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new.path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(new)
    }

    /// Gives it a name that no file has.
    pub(super) fn keep_as(self, target: &Path) -> io::Result<()> {
        fs::hard_link(&self.path, target)?;
        sync_folder(target)
    }

    /// Replaces a file.
    pub(super) fn replace(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        sync_folder(target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After `replace` there is none; otherwise there is nowhere to report it to, and it does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Names survive a power loss when their folder is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::File::open(folder)?.sync_all()
}
