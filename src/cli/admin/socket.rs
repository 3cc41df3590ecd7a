//! The Unix socket where operators may act: its path, and who may use it.
//!
//! Only the owner can use its directory and the socket, and the uid of each peer is checked as
//! well: this server's own and root may act, others are refused.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use crate::config::SOCKET_PATH_MAX;

/// A listening socket; dropping it removes the file.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    /// Device and inode: a file that replaced it is not removed.
    file: (u64, u64),
}

/// The possible paths of the socket of a server with the admin port `port`, the best one first.
pub(crate) fn default_paths(port: u16) -> Vec<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let directories = directories(std::env::var_os("XDG_RUNTIME_DIR"), uid);
    directories.into_iter().map(|directory| directory.join(format!("admin-{port}.sock"))).collect()
}

/// The first of [`default_paths`] with a socket that only this user can have created.
pub(crate) fn find(port: u16) -> Option<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    default_paths(port).into_iter().find(|path| {
        let ours = |found: fs::Metadata| found.uid() == uid;
        let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket() && ours(it));
        is_socket && path.parent().is_some_and(|directory| is_private(directory, uid).is_ok())
    })
}

impl Socket {
    /// Listens at the best of the default paths.
    ///
    /// # Errors
    ///
    /// None of them can be used; this is the error of the last one.
    pub(super) fn at_default_path(port: u16) -> io::Result<Self> {
        let uid = rustix::process::geteuid().as_raw();
        let mut why = io::Error::from(io::ErrorKind::NotFound);
        for path in default_paths(port) {
            let made = make_directory(&path, uid).and_then(|()| Self::at(&path));
            match made {
                Ok(socket) => return Ok(socket),
                Err(error) => why = io::Error::new(error.kind(), format!("{}: {error}", path.display())),
            }
        }
        Err(why)
    }

    /// Listens at `path`. A socket without a listener is replaced.
    ///
    /// # Errors
    ///
    /// Another server listens there, something else is there, or the system refuses.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is too long for a socket"));
        }
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let found = fs::symlink_metadata(path)?;
        Ok(Self { listener, path: path.to_owned(), file: (found.dev(), found.ino()) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.file);
        if ours {
            // A file that remains is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the process at the other end runs as this user or as root; its uid if not.
pub(super) fn check_peer(stream: &UnixStream) -> Result<(), String> {
    let uid = rustix::net::sockopt::socket_peercred(stream).map(|peer| peer.uid.as_raw());
    let own = rustix::process::geteuid().as_raw();
    match uid {
        Ok(uid) if uid == own || uid == 0 => Ok(()),
        Ok(uid) => Err(format!("uid {uid}")),
        Err(error) => Err(format!("an unknown user ({error})")),
    }
}

fn directories(runtime: Option<OsString>, uid: u32) -> Vec<PathBuf> {
    let runtime = runtime.map(PathBuf::from).filter(|path| path.is_absolute());
    let mut all: Vec<PathBuf> = runtime.into_iter().map(|path| path.join("shardcast")).collect();
    let of_login = PathBuf::from(format!("/run/user/{uid}/shardcast"));
    if !all.contains(&of_login) {
        all.push(of_login);
    }
    all.push(PathBuf::from(format!("/tmp/shardcast-{uid}")));
    all
}

/// Creates the directory of `path`, but not its parents, and checks that it is private.
fn make_directory(path: &Path, uid: u32) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => is_private(directory, uid),
    }
}

/// A directory in a place such as /tmp may belong to anyone, or be a link to anywhere.
fn is_private(directory: &Path, uid: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(directory)?;
    let safe = found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0;
    let text = format!("{} is not a directory that only uid {uid} can access", directory.display());
    if safe { Ok(()) } else { Err(io::Error::new(io::ErrorKind::PermissionDenied, text)) }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is not a socket"));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server is listening there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_private_to_a_user() {
        let paths = |runtime: Option<&str>| directories(runtime.map(OsString::from), 7);
        let fixed = ["/run/user/7/shardcast", "/tmp/shardcast-7"].map(PathBuf::from);
        assert_eq!(paths(None), fixed);
        assert_eq!(paths(Some("/run/user/7")), fixed);
        assert_eq!(paths(Some("not/absolute")), fixed);
        assert_eq!(paths(Some("/x"))[0], PathBuf::from("/x/shardcast"));
    }

    #[test]
    fn a_directory_that_others_can_enter_or_that_is_a_link_is_not_used() {
        let place = folder();
        let place = place.path();
        let uid = rustix::process::geteuid().as_raw();
        let (own, open, link) = (place.join("own/s"), place.join("open/s"), place.join("link/s"));
        assert!(make_directory(&own, uid).is_ok());
        assert!(make_directory(&own, uid).is_ok(), "it is there, and still ours");
        assert!(make_directory(&own, uid + 1).is_err(), "it belongs to another user");
        fs::create_dir(place.join("open")).expect("made");
        fs::set_permissions(place.join("open"), fs::Permissions::from_mode(0o755)).expect("ours");
        assert!(make_directory(&open, uid).is_err());
        std::os::unix::fs::symlink(place.join("own"), place.join("link")).expect("made");
        assert!(make_directory(&link, uid).is_err());
        assert!(make_directory(&place.join("a/b/c"), uid).is_err(), "nothing is made above it");
    }

    #[test]
    fn the_socket_is_its_owners_and_goes_with_the_server() {
        let place = folder();
        let path = place.path().join("s");
        let socket = Socket::at(&path).expect("a free path");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let peer = UnixStream::connect(&path).expect("it listens");
        assert_eq!(check_peer(&peer), Ok(()), "both ends are this process");
        let error = Socket::at(&path).expect_err("another server listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_anything_else_is_not() {
        let place = folder();
        let place = place.path();
        let stale = place.join("s");
        drop(UnixListener::bind(&stale).expect("a free path"));
        assert!(stale.exists(), "the file outlives its listener");
        drop(Socket::at(&stale).expect("replaced"));
        let file = place.join("f");
        fs::write(&file, "precious").expect("written");
        assert!(Socket::at(&file).is_err());
        assert_eq!(fs::read_to_string(&file).expect("still there"), "precious");
        let long = place.join("x".repeat(SOCKET_PATH_MAX));
        assert!(Socket::at(&long).is_err());
    }

    #[test]
    fn a_file_that_replaced_the_socket_is_kept() {
        let place = folder();
        let path = place.path().join("s");
        let socket = Socket::at(&path).expect("a free path");
        fs::remove_file(&path).expect("ours");
        fs::write(&path, "another").expect("written");
        drop(socket);
        assert!(path.exists());
    }

    /// A private folder with a short path.
    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder of our own")
    }
}
