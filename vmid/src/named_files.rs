//! The files that a call names: networks and reserved addresses. Here alone vmid reads a disk.

use core::net::Ipv4Addr;
use std::{fs, path::Path};

use anyhow::Context as _;

use crate::{exit::Stop, networks::Networks, reserved};

/// The networks of `--networks`; none without it.
///
/// # Errors
///
/// The file can't be read, or is no table of networks.
pub fn networks(path: Option<&Path>) -> Result<Networks, Stop> {
    let Some(path) = path else {
        return Ok(Networks::default());
    };
    let text = read(path)?;
    let networks = Networks::parse(&text).with_context(|| path.display().to_string());
    networks.map_err(Stop::input)
}

/// The addresses of `--reserved-file`; none without it.
///
/// # Errors
///
/// The file can't be read, or holds something else.
pub fn reserved(path: Option<&Path>) -> Result<Vec<Ipv4Addr>, Stop> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text = read(path)?;
    let addresses = reserved::parse(&text).with_context(|| path.display().to_string());
    addresses.map_err(Stop::input)
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path)
        .with_context(|| path.display().to_string())
        .map_err(Stop::input)
}
