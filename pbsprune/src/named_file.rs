//! Files that the command line names: a policy, the server's answer. The only files that are read.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use vmid::exit::Stop;

/// The longest that is read, in bytes: an answer of a server has no more.
const MOST: u64 = 32 << 20;

/// The content of a file that the caller named, at most 32 MiB: if it can't be read, the call is wrong.
///
/// It may be a pipe, as in `--policy <(...)`.
///
/// # Errors
///
/// It isn't there, can't be read, or is longer.
pub fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    read_up_to(path, MOST)
}

/// The same of a document that may have up to `most` bytes, some MiB.
///
/// # Errors
///
/// It isn't there, can't be read, or is longer.
pub fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Stop> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut text));
    let long = || io::Error::other(format!("it is longer than {} MiB", most >> 20));
    let read = read.and_then(|_| {
        if text.len() as u64 > most {
            Err(long())
        } else {
            Ok(())
        }
    });
    match read {
        Ok(()) => Ok(text),
        Err(error) => Err(Stop::file(&path.display().to_string(), error)),
    }
}
