//! Small files that a probe needs: a password, the certificates of authorities. Never waited for,
//! and nothing of what is in them is in a message.

use std::{fs::OpenOptions, io::Read as _, os::unix::fs::OpenOptionsExt as _};

use nix::fcntl::OFlag;
use vmid::exit;

/// The most that is read, in bytes: some authorities have 2 KiB each.
const LARGEST: u64 = 256 << 10;

/// The longest password, in bytes.
const LONGEST: usize = 1024;

/// The first line of a file.
///
/// # Errors
///
/// As [`read`]; there is no line, or one that is no password.
pub(super) fn first_line(path: &str) -> Result<String, String> {
    let text = read(path)?;
    let text = String::from_utf8(text).map_err(|_| format!("{path}: it is no text"))?;
    let line = text.lines().next().unwrap_or_default();
    match line {
        "" => Err(format!("{path}: its first line is empty")),
        _ if line.len() > LONGEST || line.contains(char::is_control) => {
            Err(format!("{path}: its first line is no password"))
        }
        _ => Ok(line.to_owned()),
    }
}

/// All of a file; a FIFO that nobody writes to is an empty one.
///
/// # Errors
///
/// It can't be read, or it is larger than 256 KiB; in words, with its name.
pub(super) fn read(path: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{path}: {}", exit::reason(&error));
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path);
    let file = file.map_err(failed)?;
    let mut text = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("{path}: it is larger than {} KiB", LARGEST >> 10));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn passwords_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let name = path.to_str().unwrap();
        #[rustfmt::skip]
        let cases: [(&str, &str, Result<&str, &str>); 6] = [
            ("a line",          "HUNTER2\n",      Ok("HUNTER2")),
            ("of Windows",      "HUN TER2\r\n",   Ok("HUN TER2")),
            ("more lines",      "HUNTER2\nother", Ok("HUNTER2")),
            ("empty",           "",               Err("its first line is empty")),
            ("an empty line",   "\nHUNTER2",      Err("its first line is empty")),
            ("bytes",           "HUNTER2\u{1b}",  Err("its first line is no password")),
        ];
        for (what, text, want) in cases {
            fs::write(&path, text).unwrap();
            match (first_line(name), want) {
                (Ok(line), Ok(want)) => assert_eq!(line, want, "{what}"),
                (Err(got), Err(want)) => {
                    assert!(
                        got.contains(want) && !got.contains("HUNTER2"),
                        "{what}: {got}"
                    );
                }
                (got, _) => panic!("{what}: {got:?}"),
            }
        }
        let missing = first_line("/nonexistent/password").unwrap_err();
        assert!(missing.starts_with("/nonexistent/password: "), "{missing}");
        assert!(read("/dev/zero").unwrap_err().contains("larger than"));
    }
}
