//! Files in memory: what is written to them survives the end of the process, whatever ends it.
//!
//! A [`MappedFile`] has all its blocks before it is used, so that a full disk is an error here, and not a signal later;
//! and it is locked, so that it is used once. It knows nothing of its contents, and survives no power loss until it was
//! [synced](MappedFile::sync_data).
//!
//! What it cannot prevent is that another program shortens the file: then access to it ends the process with SIGBUS. So the
//! folder should belong to the user of this process alone.

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering, compiler_fence},
};

use rustix::{
    fs::{FallocateFlags, FileType, FlockOperation, Mode, OFlags},
    io::Errno,
    mm::{MapFlags, MremapFlags, ProtFlags},
    process::{Resource, getrlimit},
};

/// A file in memory. It is locked and stays open until it is dropped.
///
/// # Examples
/// ```
/// use shardcast_os::map::{MapError, MappedFile};
///
/// let path = std::env::temp_dir().join(format!("mapped-{}", std::process::id()));
/// let mut file = MappedFile::create(&path, 4096)?;
/// file.write(100, b"body");
/// file.publish(96, 4);
/// file.sync_data()?;
/// drop(file);
///
/// let file = MappedFile::open(&path, 1 << 20)?;
/// let mut bytes = [0; 12];
/// file.read(96, &mut bytes);
/// assert_eq!(bytes, *b"\x04\0\0\0\0\0\0\0\0\0\0\0");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MappedFile {
    file: OwnedFd,
    /// `len` bytes, mapped from the beginning of `file` until this value is dropped.
    memory: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and to no thread: it is used through `&self` and `&mut self` only.
unsafe impl Send for MappedFile {}

impl MappedFile {
    /// Creates a file of `len` bytes, all 0, which only the user of this process may read.
    ///
    /// # Errors
    /// There is such a file already, or it cannot be created; then there is none.
    pub fn create(path: &Path, len: u64) -> Result<Self, MapError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
        lock(&file)?;
        let created = allocate(&file, 0, len).and_then(|()| Self::map(file, len));
        created.inspect_err(|_| {
            // The caller learns why there is no file; that it also cannot be removed would not help.
            let _ = rustix::fs::unlink(path);
        })
    }

    /// Opens a file of at most `len_max` bytes.
    ///
    /// # Errors
    /// There is no such file, it is not an ordinary file, it is used already (here or in another process), its length is 0
    /// or more than `len_max`, or the disk has no room for blocks that it lacks.
    pub fn open(path: &Path, len_max: u64) -> Result<Self, MapError> {
        let file = open_locked(path)?;
        let stat = rustix::fs::fstat(&file)?;
        let len = u64::try_from(stat.st_size).unwrap_or(0);
        if !(1..=len_max).contains(&len) {
            return Err(MapError::Length { len });
        }
        allocate(&file, len, len)?;
        Self::map(file, len)
    }

    /// Makes the file `len` bytes long; new bytes are 0. A file that is as long already stays as it is.
    ///
    /// # Errors
    /// There is no room, in the file system or in the address space. The file is as it was.
    pub fn grow(&mut self, len: u64) -> Result<(), MapError> {
        if len <= self.len_bytes() {
            return Ok(());
        }
        let new_len = address_len(len)?;
        let grown = allocate(&self.file, self.len_bytes(), len).and_then(|()| {
            // SAFETY: `memory` is a mapping of `len` bytes that belongs to `self`; no reference into it exists, since
            // `self` is borrowed mutably and its functions return none. Its new place is stored below.
            let moved = unsafe {
                rustix::mm::mremap(self.memory.as_ptr().cast(), self.len, new_len, MremapFlags::MAYMOVE)
            };
            Ok(moved?)
        });
        match grown {
            Ok(memory) => {
                self.memory = NonNull::new(memory.cast()).expect("a mapping is not at address 0");
                self.len = new_len;
                Ok(())
            }
            Err(error) => {
                // Blocks that were allocated before the disk was full are released.
                let _ = rustix::fs::ftruncate(&self.file, self.len_bytes());
                Err(error)
            }
        }
    }

    /// Its length in bytes.
    pub const fn len_bytes(&self) -> u64 {
        self.len as u64
    }

    /// Copies the bytes from `at` on into all of `into`.
    ///
    /// # Panics
    /// They are not all within the file.
    #[inline]
    pub fn read(&self, at: u64, into: &mut [u8]) {
        let from = self.at(at, into.len());
        // SAFETY: `at` checked that these bytes are within the mapping, which nothing else in this process writes while
        // `self` is borrowed; `into` is memory of this process, so they do not overlap.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) }
    }

    /// Appends `len` bytes from `at` on to `out`.
    ///
    /// # Panics
    /// They are not all within the file.
    #[inline]
    pub fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        let from = self.at(at, len);
        out.reserve(len);
        let filled = out.len();
        // SAFETY: as in `read`; `out` has room for `len` more bytes, which are initialised when its length counts them.
        unsafe {
            ptr::copy_nonoverlapping(from, out.as_mut_ptr().add(filled), len);
            out.set_len(filled + len);
        }
    }

    /// Writes `bytes` from `at` on, in any order.
    ///
    /// # Panics
    /// They are not all within the file.
    #[inline]
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let to = self.at(at, bytes.len());
        // SAFETY: `at` checked that these bytes are within the mapping, which is writable and belongs to `self`; `bytes`
        // is memory of this process, so they do not overlap.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    /// Writes one little-endian word at `at`, in one store: after everything that was written before, and before everything
    /// that is written later, for a process that opens the file when this one was killed.
    ///
    /// # Panics
    /// `at` is not a multiple of 8, or the word is not within the file.
    #[inline]
    pub fn publish(&mut self, at: u64, word: u64) {
        assert!(at.is_multiple_of(8), "a word at byte {at} is not written in one store");
        let to = self.at(at, 8).cast::<u64>();
        // SAFETY: `at` checked that the word is within the mapping, which is writable, belongs to `self`, and begins at a
        // page, so that the word is aligned. Nothing else in this process uses it while `self` is borrowed mutably.
        let place = unsafe { AtomicU64::from_ptr(to) };
        place.store(word.to_le(), Ordering::Release);
        // A killed process leaves what it did up to one instruction: it suffices that the compiler keeps the order.
        compiler_fence(Ordering::SeqCst);
    }

    /// Writes the data to the disk (`fdatasync`), and waits for it.
    ///
    /// # Errors
    /// The disk cannot be written. The system may take for written what it could not write: a later call that succeeds
    /// proves nothing, unless everything was written to this file again.
    pub fn sync_data(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.file)?)
    }

    fn map(file: OwnedFd, len: u64) -> Result<Self, MapError> {
        let (len, access) = (address_len(len)?, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping at a place that the system chooses changes no memory that is in use.
        let memory = unsafe { rustix::mm::mmap(ptr::null_mut(), len, access, MapFlags::SHARED, &file, 0)? };
        let memory = NonNull::new(memory.cast()).expect("a mapping is not at address 0");
        Ok(Self { file, memory, len })
    }

    /// The address of `len` bytes at `at`, which are within the mapping.
    #[inline]
    fn at(&self, at: u64, len: usize) -> *mut u8 {
        let is_within = at <= self.len as u64 && len as u64 <= self.len as u64 - at;
        if !is_within {
            self.panic_outside(at, len);
        }
        // SAFETY: `at` is not after the end of the mapping, as was just checked.
        unsafe { self.memory.as_ptr().add(at as usize) }
    }

    #[cold]
    fn panic_outside(&self, at: u64, len: usize) -> ! {
        panic!("{len} bytes at {at} are not within a file of {} bytes", self.len)
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: `memory` is a mapping of `len` bytes that belongs to `self`, and is not used after this.
        let unmapped = unsafe { rustix::mm::munmap(self.memory.as_ptr().cast(), self.len) };
        debug_assert_eq!(unmapped, Ok(()), "the mapping was as long");
    }
}

impl AsFd for MappedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile").field("file", &self.file).field("len", &self.len).finish_non_exhaustive()
    }
}

/// A file cannot be mapped, or cannot grow.
///
/// # Examples
/// ```
/// use shardcast_os::map::{MapError, MappedFile};
///
/// let error = MappedFile::open("/dev/null".as_ref(), 4096).expect_err("a device");
/// assert!(matches!(error, MapError::NotAFile));
/// assert_eq!(error.code(), "not-a-file");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// There is a file of this name already.
    #[error("the file exists already")]
    Exists,
    /// There is no file of this name, or no folder for it.
    #[error("the file does not exist")]
    Missing,
    /// It is used already, by this process or by another one.
    #[error("the file is in use")]
    InUse,
    /// It is not an ordinary file: a symbolic link, a folder, a device.
    #[error("it is not an ordinary file")]
    NotAFile,
    /// Its length is 0, or more than allowed.
    #[error("the file has {len} bytes")]
    Length {
        /// Its length in bytes.
        len: u64,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The disk quota of the user is used up.
    #[error("the disk quota is used up")]
    DiskQuota,
    /// The system allows no file of this size (RLIMIT_FSIZE, or the file system).
    #[error("the system allows no file of this size")]
    TooLarge,
    /// Another error of the system.
    #[error(transparent)]
    System(io::Error),
}

impl MapError {
    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists => "file-exists",
            Self::Missing => "file-missing",
            Self::InUse => "file-in-use",
            Self::NotAFile => "not-a-file",
            Self::Length { .. } => "file-length",
            Self::DiskFull => "disk-full",
            Self::DiskQuota => "disk-quota",
            Self::TooLarge => "file-too-large",
            Self::System(_) => "io-error",
        }
    }
}

impl From<Errno> for MapError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::EXIST => Self::Exists,
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::ISDIR | Errno::NXIO => Self::NotAFile,
            Errno::NOSPC => Self::DiskFull,
            Errno::DQUOT => Self::DiskQuota,
            Errno::FBIG => Self::TooLarge,
            _ => Self::System(error.into()),
        }
    }
}

/// Opens and locks the file that has this name now: it may be replaced meanwhile.
fn open_locked(path: &Path) -> Result<OwnedFd, MapError> {
    // Without NONBLOCK, opening a device or a pipe could take any time.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    for _ in 0..REPLACED_MAX {
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let here = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(here.st_mode) != FileType::RegularFile {
            return Err(MapError::NotAFile);
        }
        lock(&file)?;
        let there = rustix::fs::lstat(path)?;
        if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) {
            return Ok(file);
        }
    }
    Err(MapError::InUse)
}

fn lock(file: &OwnedFd) -> Result<(), MapError> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN) => Err(MapError::InUse),
        result => Ok(result?),
    }
}

/// Gives the file all its blocks up to `len`, and makes it as long. It has `from` bytes now.
fn allocate(file: &OwnedFd, from: u64, len: u64) -> Result<(), MapError> {
    // Beyond this limit, the system would also send a signal that ends the process.
    let max = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX).min(i64::MAX as u64);
    match len {
        0 => return Err(MapError::Length { len }),
        _ if len > max => return Err(MapError::TooLarge),
        _ => {}
    }
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len)) {
        // A file system that cannot: blocks that are there stay, and written ones are allocated.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, from, len),
        result => Ok(result?),
    }
}

fn write_zeros(file: &OwnedFd, mut at: u64, len: u64) -> Result<(), MapError> {
    while at < len {
        let count = (len - at).min(ZEROS.len() as u64) as usize;
        at += rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &ZEROS[..count], at))? as u64;
    }
    Ok(())
}

/// A length that the address space may have room for.
fn address_len(len: u64) -> Result<usize, MapError> {
    usize::try_from(len).map_err(|_| MapError::TooLarge)
}

/// How often a file may be replaced while it is opened.
const REPLACED_MAX: usize = 3;

static ZEROS: [u8; 16 << 10] = [0; 16 << 10];
