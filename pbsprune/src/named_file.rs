//! Files that the command line names: a policy, the server's answer. The only files that are read.

use std::{fs, path::Path};

use anyhow::Context as _;
use vmid::exit::Stop;

/// A file that the caller named: if it isn't there, the call is wrong.
///
/// # Errors
///
/// It can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let text = fs::read(path).with_context(|| path.display().to_string());
    text.map_err(Stop::input)
}
