//! A file that the caller named, read to its end: a plain one, or a pipe such as a shell's `<(...)`
//! makes. A FIFO that nobody writes to is told instead of waited for.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use vmid::{exit::Stop, span};

/// More than any site, any list of guests has: the state of 10,000 guests has 30 MiB.
const LARGEST: u64 = 256 << 20;

/// How long it takes at most until somebody writes to a FIFO that was named.
const WRITER: Duration = Duration::from_secs(3);

/// How long a writer may be silent; ssh gives up a dead host after about two minutes.
const SILENCE: Duration = Duration::from_secs(300);

/// All of the file.
///
/// # Errors
///
/// It can't be read: the call is wrong, as it named the file.
pub fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let text = open(path).and_then(|file| read_all(file, WRITER, SILENCE));
    let name = match path.display().to_string() {
        empty if empty.is_empty() => "\"\"".to_owned(),
        name => name,
    };
    text.map_err(|error| Stop::file(&name, error))
}

/// Without waiting for the other end of a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

fn read_all(file: File, writer: Duration, silence: Duration) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut heard = Instant::now();
    // Whether a writer was there, or else any file's end; none while it is not known.
    let mut written = None;
    loop {
        let before = text.len();
        let read = (&file)
            .take(LARGEST + 1 - before as u64)
            .read_to_end(&mut text);
        if text.len() as u64 > LARGEST {
            return Err(told(&format!("it is larger than {} MiB", LARGEST >> 20)));
        }
        if text.len() > before {
            heard = Instant::now();
        }
        match (read, written) {
            (Err(error), _) if error.kind() == ErrorKind::WouldBlock => {
                if heard.elapsed() >= silence {
                    let silence = span::shown(silence);
                    return Err(told(&format!("nothing came for {silence}, nor its end")));
                }
                written = Some(true);
                readable(&file, silence)?;
            }
            (Err(error), _) => return Err(error),
            (Ok(_), _) if !text.is_empty() => return Ok(text),
            (Ok(_), Some(true)) => return Ok(text),
            (Ok(_), Some(false)) => return Err(told("nobody writes to this FIFO")),
            (Ok(_), None) => written = Some(readable(&file, writer)?),
        }
    }
}

/// Something, or the end, came within `patience`; a plain file's end is always there.
fn readable(file: &File, patience: Duration) -> io::Result<bool> {
    let mut watched = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut watched, patience)? > 0)
}

fn told(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write as _,
        os::fd::OwnedFd,
        process::{Command, Stdio},
        thread,
    };

    const SOON: Duration = Duration::from_millis(200);

    fn fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    }

    #[test]
    fn plain_files_and_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain");
        for text in ["", "text"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap(), text.as_bytes());
        }
        let folder = read(folder.path()).unwrap_err().to_string();
        assert!(folder.ends_with(": is a directory"), "{folder}");
        assert_eq!(
            read(Path::new("nowhere")).unwrap_err().to_string(),
            "nowhere: no such file or directory"
        );
        let endless = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(endless, "/dev/zero: it is larger than 256 MiB");
    }

    #[test]
    fn a_fifo_without_a_writer_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(&fifo(folder.path())).unwrap();
        let error = read_all(file, SOON, SOON).unwrap_err();
        assert_eq!(error.to_string(), "nobody writes to this FIFO");
    }

    #[test]
    fn a_fifo_with_a_late_or_slow_writer_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let file = open(&path).unwrap();
        let writer = thread::spawn(move || {
            thread::sleep(SOON);
            let mut file = OpenOptions::new().write(true).open(path).unwrap();
            for piece in ["one", " two"] {
                thread::sleep(2 * SOON);
                file.write_all(piece.as_bytes()).unwrap();
            }
        });
        let text = read_all(file, 10 * SOON, 10 * SOON).unwrap();
        assert_eq!(text, b"one two");
        writer.join().unwrap();
    }

    #[test]
    fn a_writer_that_never_writes_is_told() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_NONBLOCK).unwrap();
        let error = read_all(File::from(reader), SOON, SOON).unwrap_err();
        assert_eq!(error.to_string(), "nothing came for 200ms, nor its end");
        drop(writer);
    }

    #[test]
    fn a_pipe_whose_writer_is_done_is_read_at_once() {
        for said in ["", "said"] {
            let mut child = Command::new("printf")
                .arg(said)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let pipe = OwnedFd::from(child.stdout.take().unwrap());
            child.wait().unwrap();
            let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pipe));
            let started = Instant::now();
            assert_eq!(read(Path::new(&path)).unwrap(), said.as_bytes());
            assert!(started.elapsed() < WRITER, "{said:?} took too long");
        }
    }
}
