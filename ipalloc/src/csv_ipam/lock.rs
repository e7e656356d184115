//! The lock that lets one process at a time change a folder's files.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::anyhow;
use vmid::{
    exit::{self, Stop},
    plain_file::{self, Mode},
    span,
};

/// How long to wait for another process that changes the IPAM. It holds the lock
/// for about a second even with a million addresses.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lock, waited for with limited patience.
pub(super) fn lock(path: &Path) -> Result<File, Stop> {
    let outside = |what: String| Stop::outside(anyhow!("{}: {what}", path.display()));
    let is_new = path.symlink_metadata().is_err();
    let file = plain_file::open(path, Mode::ChangeOrMake);
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Stop::input(anyhow!("{}: {error}", path.display())),
        _ => outside(exit::reason(&error)),
    })?;
    if is_new {
        share(&file, path);
    }
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, because waiting for a lock cannot be given a time limit.
    thread::spawn(move || {
        let locked = file.lock();
        let _ = sender.send(locked.map(|()| file));
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(locked) => locked.map_err(|error| outside(exit::reason(&error))),
        Err(_) => {
            let waited = span::shown(PATIENCE);
            Err(outside(format!(
                "another process has been holding the lock for {waited}"
            )))
        }
    }
}

/// Who may change the folder may take its lock, which holds nothing.
fn share(file: &File, path: &Path) {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let Ok(folder) = fs::metadata(folder.unwrap_or(Path::new("."))) else {
        return;
    };
    let mode = 0o600 | folder.permissions().mode() & 0o066;
    let _ = file.set_permissions(fs::Permissions::from_mode(mode));
}
