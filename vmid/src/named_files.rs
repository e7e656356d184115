//! The files that a call names: networks, reserved addresses, the site. Here alone vmid reads a disk.

use std::{fs, path::Path};

use anyhow::Context as _;
use ipnet::Ipv4Net;

use crate::{cli, exit::Stop, networks::Networks, reserved, site::Site, stream};

/// The networks of `--networks` (a site file is one, too), else those of the site, else none.
///
/// # Errors
///
/// The file can't be read, or is no table of networks; two of them share IDs.
pub fn networks(options: &cli::Site, site: Option<&Site>) -> Result<Networks, Stop> {
    let digits = options.digits;
    let of_site = |site: &Site, name: &str| {
        let networks = Networks::of_site(site, digits).with_context(|| name.to_owned());
        networks.map_err(Stop::input)
    };
    let Some(path) = &options.networks else {
        return match site {
            Some(site) => of_site(site, "the site's vlans"),
            None => Ok(Networks::none(digits)),
        };
    };
    let text = read(path)?;
    let name = path.display().to_string();
    if is_site(&text) {
        let site = Site::parse(&text).map_err(|faults| faults.stop(&name))?;
        return of_site(&site, &name);
    }
    let networks = Networks::parse(&text, digits)
        .with_context(|| name)
        .map_err(Stop::input)?;
    Ok(match site {
        Some(_) => networks.complete(),
        None => networks,
    })
}

/// The addresses of `--reserved-file`; none without it.
///
/// # Errors
///
/// The file can't be read, or holds something else.
pub fn reserved(path: Option<&Path>) -> Result<Vec<Ipv4Net>, Stop> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text = read(path)?;
    let addresses = reserved::parse(&text).with_context(|| path.display().to_string());
    addresses.map_err(Stop::input)
}

/// One object that has `vlans`, or `nodes`, and is no network itself.
fn is_site(text: &[u8]) -> bool {
    let Ok(records) = stream::parse(text) else {
        return false;
    };
    let [only] = records.as_slice() else {
        return false;
    };
    let has = |name: &str| only.record().raw(name).is_some();
    (has("vlans") || has("nodes")) && !has("prefix")
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path).map_err(|error| Stop::file(&path.display().to_string(), error))
}
