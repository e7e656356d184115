//! The command line of `ipalloc`.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use vmid::{avoid::Avoid, site::Named, span};

use crate::{
    allocate::Naming,
    among::Narrow,
    assign::asked::Asked,
    exclude::{Gateway, Policy},
    family::Which,
    ipam::Vrf,
    labels::{Given, Labels},
    list, owner, request,
    request::{Fallback, Fields, Place, Wanted},
    site_rules::SiteRules,
    status,
};

mod help;
mod word;

pub use word::Word;

/// Give each named guest an address that nobody else has, and the same one again next time
#[derive(Debug, Parser)]
#[command(
    name = "ipalloc",
    version,
    after_help = "\
The IPAM is a NetBox or a folder of CSV files; an address belongs to the name it was given to.

  ipalloc allocate --ipam ./ipam --vlan 30 paperless n8n
  ipalloc allocate --ipam ./ipam <guests.jsonl | vmid encode
  ipalloc release --ipam ./ipam --retire paperless
  ipalloc show --ipam ./ipam --format table
  ipalloc list --ipam ./ipam --format hosts 192.168.30.0/24
  scripts/inventory | ipalloc check --ipam ./ipam"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Append "address", "prefix", "vlan", "dns_name" and "changed" to each request
    ///
    /// A guest's configuration (a record with net0 or ipconfig0, as scripts/inventory prints them)
    /// is a request for the addresses that it has.
    #[command(after_help = help::ALLOCATE)]
    Allocate(Box<Allocate>),
    /// Give the addresses of the named guests back
    #[command(after_help = help::RELEASE)]
    Release(Release),
    /// Print each prefix with its size, its used and free addresses, and the next one
    #[command(after_help = help::SHOW)]
    Show(Show),
    /// Print the records of addresses as they are, or as resolvers, zones and inventories have them
    #[command(after_help = help::LIST)]
    List(List),
    /// Make the custom field in NetBox that keeps two runs from giving one name two addresses
    #[command(after_help = help::SETUP)]
    Setup(Setup),
    /// Append "findings" to each guest that does not agree with the IPAM
    ///
    /// An owned address whose guest is not in the input comes behind it as a record with the
    /// finding no-guest.
    #[command(after_help = help::CHECK)]
    Check(Check),
}

/// Where the addresses are kept.
#[derive(Debug, Args)]
pub struct Source {
    /// The IPAM: NetBox's address, or a folder with prefixes.csv, ip-addresses.csv,
    /// ip-ranges.csv [default: $NETBOX_URL, else $NETBOX_API]
    #[arg(long, value_name = "URL|DIR")]
    pub ipam: Option<String>,
    /// How NetBox is reached
    #[command(flatten)]
    pub connection: vmid::http::Options,
    /// Send the headers in this file, "Name: value" on each line, with each request: for a gateway
    /// in front of NetBox
    #[arg(long, value_name = "FILE")]
    pub header_file: Option<PathBuf>,
}

/// What the environment says of NetBox; read by `main`, so that the rest does not depend on it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `NETBOX_URL`, else `NETBOX_API`.
    pub url: Option<String>,
    /// `NETBOX_TOKEN`.
    pub token: Option<String>,
    /// `NETBOX_TOKEN_FILE`, a file with the token.
    pub token_file: Option<String>,
    /// `HTTPS_PROXY`, else `https_proxy`: the proxy to an https address.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`, else `no_proxy`: what is reached without it.
    pub no_proxy: Option<String>,
    /// Who runs this, and where: for NetBox's change log.
    pub actor: String,
}

/// `ipalloc setup`
#[derive(Debug, Args)]
pub struct Setup {
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// Change nothing; say what would be
    #[arg(long, short = 'n', visible_alias = "check-mode")]
    pub dry_run: bool,
}

/// What is never handed out.
#[derive(Debug, Args)]
pub struct Exclude {
    /// Which address of a prefix is the gateway's [default: the site's rule, else first]
    #[arg(long, value_name = "WHICH")]
    pub gateway: Option<Gateway>,
    /// Never hand these out: addresses, prefixes, host numbers, or ranges (2-9) of either;
    /// between commas, or the option several times. Adds to the site's
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Avoid::parse)]
    pub avoid: Vec<Avoid>,
    /// A status of your own of which addresses are handed out; all that NetBox doesn't know are closed
    #[arg(long, value_name = "NAME", value_parser = status::parse_open)]
    pub status_open: Vec<String>,
    /// Which site
    #[command(flatten)]
    pub site: Named,
}

/// `ipalloc allocate`
#[derive(Debug, Args)]
pub struct Allocate {
    /// Guests, NAME or NAME/INTERFACE; then standard input is not read
    #[arg(value_name = "NAME", value_parser = Word::parse)]
    pub names: Vec<Word>,
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// From the prefix of this VLAN
    #[arg(long, value_name = "VID", value_parser = vlan)]
    pub vlan: Option<u64>,
    /// From this prefix
    #[arg(long, value_name = "CIDR", value_parser = request::parse_prefix)]
    pub prefix: Option<IpNet>,
    /// With --family both: the IPv6 address from this prefix
    #[arg(long, value_name = "CIDR", value_parser = request::parse_prefix)]
    pub prefix6: Option<IpNet>,
    /// Which families [default: that of the prefix; IPv4 where a VLAN has one of each]
    #[command(flatten)]
    pub family: Which,
    /// From this range (its first address, or FIRST-LAST)
    #[arg(long, value_name = "RANGE", value_parser = request::parse_range)]
    pub range: Option<(core::net::IpAddr, Option<core::net::IpAddr>)>,
    /// Which of several prefixes
    #[command(flatten)]
    pub narrow: Narrow,
    /// All prefixes that fit are one pool: from the first that has room
    #[arg(long, conflicts_with = "range")]
    pub pool: bool,
    /// In this VRF; "Global" is the global table
    #[arg(long, value_name = "NAME")]
    pub vrf: Option<String>,
    /// This address
    #[arg(long, value_name = "ADDR", value_parser = request::parse_wanted)]
    pub address: Option<Wanted>,
    /// If the wanted address cannot be given [default: error]
    #[arg(long, value_name = "WHAT")]
    pub fallback: Option<Fallback>,
    /// For this interface of the guest; each has an address of its own
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Note this at the address
    #[arg(long, value_name = "TEXT", value_parser = request::parse_description)]
    pub description: Option<String>,
    /// Tag the address: slugs between commas, or the option several times
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = request::parse_tag)]
    pub tags: Vec<String>,
    /// What else is noted at the address
    #[command(flatten)]
    pub labels: Given,
    /// Domain of the DNS names [default: the site's]
    #[arg(long, value_name = "DOMAIN", value_parser = owner::parse_domain)]
    pub domain: Option<String>,
    /// What is never handed out
    #[command(flatten)]
    pub exclude: Exclude,
    /// Take over an address that bears the name but has no owner
    #[arg(long)]
    pub adopt: bool,
    /// Give another address to an owner whose own has an older record of somebody else
    #[arg(long)]
    pub reassign: bool,
    /// Where in NetBox the address is put
    #[command(flatten)]
    pub assign: Asked,
    /// Allocate in a container, deprecated, reserved or full prefix, if it is named
    #[arg(long)]
    pub force: bool,
    /// Change nothing; say what would be
    #[arg(long, short = 'n', visible_alias = "check-mode")]
    pub dry_run: bool,
}

/// `ipalloc release`
#[derive(Debug, Args)]
pub struct Release {
    /// Guests, NAME or NAME/INTERFACE; then standard input is not read
    #[arg(value_name = "NAME", value_parser = Word::released)]
    pub names: Vec<Word>,
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// The address of this interface of the guest
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Which families [default: both]
    #[command(flatten)]
    pub family: Which,
    /// Mark as deprecated instead of freeing: a freed address comes back at once
    #[arg(long)]
    pub retire: bool,
    /// Free what was retired at least so long ago (12h, 30d, 6w); reads no input
    #[arg(long, value_name = "AGE", value_parser = span::parse, conflicts_with_all = ["names", "retire", "interface", "force"])]
    pub retired_before: Option<Duration>,
    /// Also an address that ipalloc did not make, and what a record with findings names
    #[arg(long)]
    pub force: bool,
    /// Change nothing; say what would be
    #[arg(long, short = 'n', visible_alias = "check-mode")]
    pub dry_run: bool,
}

/// `ipalloc show`
#[derive(Debug, Args)]
pub struct Show {
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// Only prefixes of this VLAN
    #[arg(long, value_name = "VID", value_parser = vlan)]
    pub vlan: Option<u64>,
    /// Only this prefix
    #[arg(long, value_name = "CIDR", value_parser = request::parse_prefix)]
    pub prefix: Option<IpNet>,
    /// Only some prefixes
    #[command(flatten)]
    pub narrow: Narrow,
    /// Only this VRF; "Global" is the global table
    #[arg(long, value_name = "NAME")]
    pub vrf: Option<String>,
    /// What is never handed out
    #[command(flatten)]
    pub exclude: Exclude,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: vmid::table::Format,
}

/// `ipalloc list`
#[derive(Debug, Args)]
pub struct List {
    /// Only these: a guest, NAME or NAME/INTERFACE; an address; all in a prefix [default: all]
    #[arg(value_name = "NAME|ADDRESS|PREFIX", value_parser = list::Wanted::parse)]
    pub words: Vec<list::Wanted>,
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// Only this VRF; "Global" is the global table
    #[arg(long, value_name = "NAME")]
    pub vrf: Option<String>,
    /// The domain of names without a dot [default: the site's]; only names in it have a short form as well. Names in others are
    /// left out if this option is given, and of a zone always; never of json, table and csv
    #[arg(long, value_name = "DOMAIN", value_parser = owner::parse_domain)]
    pub domain: Option<String>,
    /// Which site
    #[command(flatten)]
    pub site: Named,
    /// What comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: list::form::Form,
    /// No host at all is an empty list, not exit code 1
    #[arg(long)]
    pub allow_empty: bool,
}

/// `ipalloc check`
#[derive(Debug, Args)]
pub struct Check {
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// Domain of the DNS names [default: the site's]; without any, a name in every domain is the guest's
    #[arg(long, value_name = "DOMAIN", value_parser = owner::parse_domain)]
    pub domain: Option<String>,
    /// Not one guest on standard input is right
    #[arg(long)]
    pub allow_empty: bool,
    /// Which site
    #[command(flatten)]
    pub site: Named,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: vmid::table::Format,
}

impl Allocate {
    /// The flags as defaults for the records; `labels` as the IPAM has them.
    #[must_use]
    pub fn fields(&self, labels: Labels) -> Fields {
        Fields {
            place: Place {
                vlan: self.vlan,
                prefix: self.prefix,
                range: self.range,
            },
            among: self.narrow.among(self.pool),
            vrf: self.vrf.as_deref().map(Vrf::parse),
            wanted: self.address,
            fallback: self.fallback,
            interface: self.interface.clone(),
            description: self.description.clone(),
            tags: (!self.tags.is_empty()).then(|| self.tags.clone()),
            labels,
            family: self.family.families(),
            prefix6: self.prefix6,
            wanted6: None,
            own: false,
            on_interface: false,
        }
    }

    /// What is never handed out.
    #[must_use]
    pub fn policy(&self, site: Option<SiteRules>) -> Policy {
        Policy {
            force: self.force,
            ..self.exclude.policy(site)
        }
    }

    /// How names are treated.
    #[must_use]
    pub fn naming(&self, site: Option<&SiteRules>) -> Naming {
        let of_site = || site.and_then(|site| site.domain.clone());
        Naming {
            domain: self.domain.clone().or_else(of_site),
            adopt: self.adopt,
            reassign: self.reassign,
            open: self.exclude.status_open.clone(),
        }
    }
}

impl Exclude {
    /// What is never handed out, nothing forced.
    #[must_use]
    pub fn policy(&self, site: Option<SiteRules>) -> Policy {
        Policy {
            gateway: self.gateway,
            avoid: self.avoid.clone(),
            site,
            force: false,
            open: self.status_open.clone(),
        }
    }
}

const VLANS: RangeInclusive<u64> = vmid::scheme::VLANS;

fn vlan(text: &str) -> Result<u64, String> {
    let vlan = vmid::scheme::decimal(text).filter(|vlan| VLANS.contains(vlan));
    vlan.ok_or_else(|| "a VLAN ID is a number from 1 to 4094".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
