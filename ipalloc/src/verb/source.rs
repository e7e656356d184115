//! Where a verb's requests and its IPAM come from.

use std::{io::Read, path::Path};

use anyhow::anyhow;
use vmid::{
    document,
    exit::Stop,
    site::Named,
    stream::{self, Kept, quote},
    url,
};

use crate::{
    cli::{self, Environment, Word},
    csv_ipam::{Access, CsvIpam},
    ipam::Ipam,
    netbox::NetBox,
    site_rules::SiteRules,
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
pub(crate) fn records(names: &[Word], input: impl Read) -> Result<Vec<Kept>, Stop> {
    if names.is_empty() {
        return guests(input);
    }
    let line = |word: &Word| {
        let name = quote(&word.name);
        match &word.interface {
            Some(interface) => {
                let interface = quote(interface);
                format!("{{\"name\":{name},\"interface\":{interface}}}\n")
            }
            None => format!("{{\"name\":{name}}}\n"),
        }
    };
    // cannot fail: the text is of our own making
    stream::parse(names.iter().map(line).collect::<String>().as_bytes()).map_err(Stop::input)
}

/// The whole of the input.
pub(crate) fn guests(input: impl Read) -> Result<Vec<Kept>, Stop> {
    let records = stream::read_all(input)?;
    document::none_among(&records)?;
    Ok(records)
}

/// The rules of the site that was named, if one was.
pub(crate) fn site_rules(site: &Named) -> Result<Option<SiteRules>, Stop> {
    site.read()?.as_ref().map(SiteRules::of).transpose()
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
    let folder = Path::new(ipam);
    if named.is_some() && folder.is_file() {
        return Err(is_file(folder));
    }
    if !ipam.contains("://") && !folder.is_dir() && (named.is_none() || looks_like_host(ipam)) {
        let shown = url::shown(ipam);
        let what =
            anyhow!("{shown:?} is no folder, and no address of a NetBox: https:// is missing");
        return Err(Stop::input(what).hint(format!("did you mean https://{shown}?")));
    }
    if !ipam.contains("://") && folder.try_exists().is_ok_and(|exists| !exists) {
        let what = "there is no such folder, and the address of a NetBox begins with https://";
        return Err(Stop::input(anyhow!("{:?}: {what}", url::shown(ipam))));
    }
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
    Ok(Box::new(CsvIpam::open(folder, access)?))
}

/// A file was named where the folder is meant.
fn is_file(file: &Path) -> Stop {
    let stop = Stop::input(anyhow!(
        "{} is a file; --ipam takes the folder",
        file.display()
    ));
    let folder = file.parent().filter(|folder| CsvIpam::is_in(folder));
    match folder.map(|folder| folder.display().to_string()) {
        Some(folder) if folder.is_empty() => stop.hint("did you mean --ipam .?"),
        Some(folder) => stop.hint(format!("did you mean --ipam {folder}?")),
        None => stop,
    }
}

/// `netbox.example`, `netbox.example:8000/netbox`: a name or address of a host, and no path.
fn looks_like_host(text: &str) -> bool {
    let host = text.split(['/', ':']).next().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let dotted = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
    text.contains('@') || host.chars().all(fits) && (dotted || host == "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_folders() {
        #[rustfmt::skip]
        let cases = [
            ("netbox.example", true), ("netbox.example:8000/netbox", true), ("192.0.2.7", true),
            ("localhost:8001", true), ("u:HUNTER2@host", true),
            ("ipam", false), ("./ipam", false), ("../ipam.d", false), ("/srv/ipam.d", false), ("sites/ipam.d", false),
        ];
        for (text, want) in cases {
            assert_eq!(looks_like_host(text), want, "{text}");
        }
    }
}
