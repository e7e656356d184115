//! Files that a tool writes or adds to: its journals, histories, address files, locks.
//!
//! Opened without following a link in the last part of the path, and only if they are plain
//! files: a link in a shared folder could lead a root's run anywhere, a FIFO would hang it for
//! ever. Files that are only read (a site, a list of guests) may be anything and aren't opened here.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use nix::fcntl::OFlag;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For reading; it must be there.
    Read,
    /// For reading and writing; it must be there.
    Change,
    /// For reading and writing; made (0600) if it isn't there.
    ChangeOrMake,
    /// For writing, new (0600): it must not be there.
    MakeNew,
}

/// Opens a plain file, and nothing else; nothing in it is changed by that.
///
/// # Errors
///
/// It is a link, a folder, a FIFO, a device; or what the system says.
pub fn open(path: &Path, mode: Mode) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(mode != Mode::Read)
        .create(mode == Mode::ChangeOrMake)
        .create_new(mode == Mode::MakeNew)
        .mode(0o600)
        // A FIFO without a writer must not hold us up before we see that it is one.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) => return Err(why(path, error)),
    };
    match not_plain(&file.metadata()?) {
        None => Ok(file),
        Some(what) => Err(refused(what)),
    }
}

/// All of a plain file, at most `most` bytes of it.
///
/// # Errors
///
/// As [`open`]; it is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_all(&mut open(path, Mode::Read)?, most)
}

/// The rest of an open file, at most `most` bytes.
///
/// # Errors
///
/// It is longer; or what the system says.
pub fn read_all(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        let what = format!("it is larger than {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}

/// What a file is, if it is no plain one.
fn not_plain(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a folder"),
        _ if kind.is_symlink() => Some("a symbolic link"),
        _ if kind.is_fifo() => Some("a FIFO"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

fn refused(what: &str) -> io::Error {
    let message = format!("it is {what}, and must be a plain file");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// A clearer word for what the system refused: ELOOP for a link, ENXIO for a FIFO or socket, EISDIR.
fn why(path: &Path, error: io::Error) -> io::Error {
    match path.symlink_metadata().ok().as_ref().and_then(not_plain) {
        Some(what) if error.kind() != io::ErrorKind::AlreadyExists => refused(what),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn only_plain_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("plain"), "kept").unwrap();
        std::os::unix::fs::symlink(path("plain"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        let cases = [
            ("link", "a symbolic link"),
            ("dangling", "a symbolic link"),
            ("fifo", "a FIFO"),
            ("socket", "a socket"),
            ("folder", "a folder"),
        ];
        for (name, what) in cases {
            for mode in [Mode::Read, Mode::Change, Mode::ChangeOrMake] {
                let error = open(&path(name), mode).expect_err(name);
                assert_eq!(
                    error.to_string(),
                    format!("it is {what}, and must be a plain file")
                );
            }
            assert!(open(&path(name), Mode::MakeNew).is_err(), "{name}");
        }
        assert!(!path("nowhere").exists());
        assert!(open(&path("plain"), Mode::MakeNew).is_err());
        assert_eq!(read(&path("plain"), 4).unwrap(), b"kept");
        assert!(read(&path("plain"), 3).is_err(), "longer than allowed");
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        assert!(open(&path, Mode::Change).is_err(), "it is not there");
        open(&path, Mode::ChangeOrMake).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
