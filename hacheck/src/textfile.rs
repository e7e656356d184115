//! The file of metrics that node_exporter's textfile collector reads: whole, or as it was before.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process,
};

use vmid::plain_file::{self, Mode};

/// Whether the collector would read a file of that name (node_exporter, textfile.go: only `*.prom`).
///
/// # Errors
///
/// It would not, to be read behind the option's name.
pub fn check_name(path: &Path) -> Result<(), String> {
    match path.extension() {
        Some(suffix) if suffix == "prom" => Ok(()),
        _ => Err("the textfile collector reads only names that end in .prom".to_owned()),
    }
}

/// Puts `text` in the place of `path`, for everybody to read: the collector is another user. A reader sees the old
/// file or the new one, never a part. A link there is replaced, and not followed.
///
/// # Errors
///
/// Those of the folder; the old file is then as it was.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Another name than *.prom, which the collector passes over.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", process::id()));
    let written = write(&new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it, if it was made at all.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write(new: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = plain_file::open(new, Mode::MakeNew)?;
    file.write_all(text)?;
    file.set_permissions(Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_is_replaced_or_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hacheck.prom");
        for text in ["one\n", "two, which is longer\n", "3\n"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // Its place is taken by a folder that isn't empty.
        let taken = folder.path().join("taken.prom");
        fs::create_dir_all(taken.join("in it")).unwrap();
        assert!(replace(&taken, b"4\n").is_err());
        assert!(replace(&folder.path().join("nowhere/x.prom"), b"5\n").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        fs::write(&other, "kept").unwrap();
        let path = folder.path().join("hacheck.prom");
        std::os::unix::fs::symlink(&other, &path).unwrap();
        replace(&path, b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
        assert!(path.symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn only_names_that_the_collector_reads() {
        #[rustfmt::skip]
        let cases = [
            ("hacheck.prom",      true),
            ("/run/x/pairs.prom", true),
            ("hacheck.txt",       false),
            ("prom",              false),
            (".prom",             false),
            ("/dev/stdout",       false),
        ];
        for (name, good) in cases {
            assert_eq!(check_name(Path::new(name)).is_ok(), good, "{name}");
        }
    }
}
