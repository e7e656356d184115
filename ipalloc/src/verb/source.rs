//! Where a verb's requests and its IPAM come from.

use std::{io::Read, path::Path};

use anyhow::anyhow;
use vmid::{
    exit::Stop,
    stream::{self, Kept, quote},
};

use crate::{
    cli::{self, Environment},
    csv_ipam::{Access, CsvIpam},
    ipam::Ipam,
    netbox::NetBox,
};

/// What the IPAM is opened for; a change has a name for the change log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intent {
    Look,
    Change(&'static str),
}

pub(crate) fn access(verb: &'static str, dry_run: bool) -> Intent {
    if dry_run {
        Intent::Look
    } else {
        Intent::Change(verb)
    }
}

/// The requests: names from the command line, else the whole of the input.
pub(crate) fn records(names: &[String], input: impl Read) -> Result<Vec<Kept>, Stop> {
    if names.is_empty() {
        return stream::read_all(input);
    }
    let lines = names
        .iter()
        .map(|name| format!("{{\"name\":{}}}\n", quote(name)));
    // cannot fail: the text is of our own making
    stream::parse(lines.collect::<String>().as_bytes()).map_err(Stop::input)
}

/// The IPAM that was named: a URL is a NetBox, everything else a folder.
pub(crate) fn open(
    source: &cli::Source,
    environment: &Environment,
    intent: Intent,
) -> Result<Box<dyn Ipam>, Stop> {
    let named = source.ipam.as_deref().filter(|ipam| !ipam.is_empty());
    let Some(ipam) = named.or(environment.url.as_deref()) else {
        let hint = "--ipam URL for a NetBox (or NETBOX_URL), --ipam DIR for a folder of CSV files";
        return Err(Stop::input(anyhow!("no IPAM is named")).hint(hint));
    };
    if ipam.contains("://") {
        let verb = match intent {
            Intent::Look => "look",
            Intent::Change(verb) => verb,
        };
        return Ok(Box::new(NetBox::new(ipam, source, environment, verb)?));
    }
    let access = match intent {
        Intent::Look => Access::Read,
        Intent::Change(_) => Access::Write,
    };
    Ok(Box::new(CsvIpam::open(Path::new(ipam), access)?))
}
