//! The lock that lets one process at a time change a folder's files.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use vmid::exit::Stop;

/// How long to wait for another process that changes the IPAM. It holds the lock
/// for about a second even with a million addresses.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lock, waited for with limited patience.
pub(super) fn lock(path: &Path) -> Result<File, Stop> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = file
        .with_context(|| path.display().to_string())
        .map_err(Stop::outside)?;
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, because waiting for a lock cannot be given a time limit.
    thread::spawn(move || {
        let locked = file.lock();
        let _ = sender.send(locked.map(|()| file));
    });
    let outside = |cause: anyhow::Error| Stop::outside(cause.context(path.display().to_string()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(locked) => locked.map_err(|error| outside(error.into())),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Err(outside(anyhow!(
                "another process has been holding the lock for {seconds} s"
            )))
        }
    }
}
