//! Standard input, and whether pairs wait in it: looked at without taking anything out, since what
//! stands there may be somebody else's (a loop's list, the facts that `--facts /dev/stdin` names).

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd},
        unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _},
    },
    path::Path,
    time::Duration,
};

use nix::{
    fcntl::{OFlag, SpliceFFlags, tee},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, recv},
    unistd::pipe2,
};

/// How much of what waits is looked at.
const PEEKED: usize = 4096;

/// What waits in standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A terminal: a person who types nothing.
    Terminal,
    /// Nothing, and nothing will come: it is empty, closed, or a device.
    Nothing,
    /// Nothing yet, but it is open.
    Open,
    /// What begins as records do.
    Records,
    /// Something else.
    Other,
}

/// Standard input, or what stands for it in tests.
pub struct Stdin<'a>(pub BorrowedFd<'a>);

impl Stdin<'_> {
    /// What waits, after at most `patience` for the first byte of a pipe or socket.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn waiting(&self, patience: Duration) -> io::Result<Waiting> {
        if self.0.is_terminal() {
            return Ok(Waiting::Terminal);
        }
        let file = File::from(self.0.try_clone_to_owned()?);
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        let mut bytes = [0; PEEKED];
        let length = if kind.is_file() {
            let at = io::Seek::stream_position(&mut &file)?;
            file.read_at(&mut bytes, at)?
        } else if kind.is_fifo() || kind.is_socket() {
            if !self.readable(patience)? {
                return Ok(Waiting::Open);
            }
            match kind.is_fifo() {
                true => self.peek_pipe(&mut bytes)?,
                false => recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::MSG_PEEK)?,
            }
        } else {
            return Ok(Waiting::Nothing);
        };
        Ok(match bytes[..length].trim_ascii_start() {
            _ if length == 0 => Waiting::Nothing,
            [b'{' | b'[', ..] | [0xef, 0xbb, 0xbf, ..] => Waiting::Records,
            _ => Waiting::Other,
        })
    }

    /// All that comes.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        File::from(self.0.try_clone_to_owned()?).read_to_end(&mut text)?;
        Ok(text)
    }

    /// `path` is this very input, as `/dev/stdin` is.
    #[must_use]
    pub fn is(&self, path: &Path) -> bool {
        let own = self.0.try_clone_to_owned().map(File::from);
        let own = own.and_then(|file| file.metadata());
        let (Ok(own), Ok(named)) = (own, path.metadata()) else {
            return false;
        };
        (own.dev(), own.ino()) == (named.dev(), named.ino())
    }

    /// Something came within `patience`, if only the end.
    fn readable(&self, patience: Duration) -> io::Result<bool> {
        let mut watched = [PollFd::new(self.0, PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        Ok(poll(&mut watched, patience)? > 0)
    }

    /// A copy of the first bytes of a pipe, which stay in it (tee(2)).
    fn peek_pipe(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let (copy, scratch) = pipe2(OFlag::O_CLOEXEC)?;
        match tee(
            self.0,
            scratch.as_fd(),
            bytes.len(),
            SpliceFFlags::SPLICE_F_NONBLOCK,
        )? {
            0 => Ok(0),
            _ => File::from(copy).read(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write as _, net::Shutdown, os::unix::net::UnixStream};

    const SOON: Duration = Duration::from_millis(50);

    fn waiting(input: impl std::os::fd::AsFd) -> Waiting {
        Stdin(input.as_fd()).waiting(SOON).unwrap()
    }

    #[test]
    fn what_waits_in_a_pipe_stays_in_it() {
        #[rustfmt::skip]
        let cases = [
            ("a pair",      " \n{\"name\":1}", Waiting::Records),
            ("an array",    "[]",              Waiting::Records),
            ("a BOM",       "\u{feff}{}",      Waiting::Records),
            ("a list",      "dns\nweb\n",      Waiting::Other),
            ("blank lines", "\n\n",            Waiting::Other),
        ];
        for (name, text, want) in cases {
            let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
            File::from(writer).write_all(text.as_bytes()).unwrap();
            assert_eq!(waiting(&reader), want, "{name}");
            let read = Stdin(reader.as_fd()).read().unwrap();
            assert_eq!(read, text.as_bytes(), "{name}");

            let (socket, mut other) = UnixStream::pair().unwrap();
            other.write_all(text.as_bytes()).unwrap();
            assert_eq!(waiting(&socket), want, "{name}, a socket");

            let mut file = tempfile::tempfile().unwrap();
            write!(file, "before{text}").unwrap();
            io::Seek::seek(&mut file, io::SeekFrom::Start(6)).unwrap();
            assert_eq!(waiting(&file), want, "{name}, a file");
            assert_eq!(io::Seek::stream_position(&mut file).unwrap(), 6, "{name}");
        }
    }

    #[test]
    fn open_ended_and_closed() {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        assert_eq!(waiting(&reader), Waiting::Open);
        drop(writer);
        assert_eq!(waiting(&reader), Waiting::Nothing);
        let (socket, other) = UnixStream::pair().unwrap();
        assert_eq!(waiting(&socket), Waiting::Open);
        other.shutdown(Shutdown::Both).unwrap();
        assert_eq!(waiting(&socket), Waiting::Nothing);
        assert_eq!(waiting(File::open("/dev/null").unwrap()), Waiting::Nothing);
        assert_eq!(waiting(tempfile::tempfile().unwrap()), Waiting::Nothing);
    }

    #[test]
    fn another_name_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for path in [&one, &other] {
            std::fs::write(path, "").unwrap();
        }
        let file = File::open(&one).unwrap();
        let stdin = Stdin(file.as_fd());
        assert!(stdin.is(&one) && !stdin.is(&other) && !stdin.is(Path::new("nowhere")));
    }
}
