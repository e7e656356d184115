//! The command line of `ipalloc`.

use std::ops::RangeInclusive;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use jiff::SignedDuration;

use crate::{
    allocate::Naming,
    exclude::{Avoid, Gateway, Policy},
    ipam::Vrf,
    owner, request,
    request::{Fallback, Fields, Place, Wanted},
};

const CODES: &str = "\
Error codes:
  exhausted         no address is left
  no-prefix         the IPAM has no such prefix or range, or the request names none
  ambiguous-prefix  several prefixes fit; the message lists them
  excluded          never handed out: gateway, range, child prefix, closed prefix, --avoid
  address-taken     the wanted address has a record
  name-taken        the name has another address already, or is in the DNS for another owner's
  unowned           an address without an owner bears the name (see --adopt)
  not-ours          ipalloc did not make it (see --force)
  duplicate-name    the batch asks twice for one owner, or for one host by two names
  bad-name          not a host name
  bad-field         another field holds what it cannot
  batch             sound, but another request of the batch failed
  unverified        made, but could not be read back; run it again (exit 3)
  unknown-outcome   the server's reply was lost, and it cannot be found out what it did (exit 3)

Exit codes: 0 done, 1 some record has an error or a finding, 2 bad call or input, 3 the IPAM or stdout failed";

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
    #[command(after_help = CODES)]
    Allocate(Box<Allocate>),
    /// Give the addresses of the named guests back
    #[command(after_help = CODES)]
    Release(Release),
    /// Print each prefix with its size, its used and free addresses, and the next one
    #[command(
        after_help = "A VLAN, prefix or VRF that the IPAM does not have is a record with the error no-prefix (exit 1)."
    )]
    Show(Show),
    /// Make the custom field in NetBox that keeps two runs from giving one name two addresses
    #[command(
        after_help = "An admin's token is needed once. Without that right, the one command an admin runs is printed (exit 1)."
    )]
    Setup(Setup),
    /// Append "findings" to each guest: not-in-ipam, name-differs, outside-prefix, no-address
    ///
    /// An owned address whose guest is not in the input comes behind it as a record with the finding no-guest.
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
    #[arg(long, visible_alias = "check-mode")]
    pub dry_run: bool,
}

/// What is never handed out.
#[derive(Debug, Args)]
pub struct Exclude {
    /// Which address of a prefix is the gateway's
    #[arg(long, value_name = "WHICH", default_value = "first")]
    pub gateway: Gateway,
    /// Never hand these out: addresses, host numbers, or ranges (1-9) of either
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Avoid::parse)]
    pub avoid: Vec<Avoid>,
}

/// `ipalloc allocate`
#[derive(Debug, Args)]
pub struct Allocate {
    /// Guests; then standard input is not read
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// From the prefix of this VLAN
    #[arg(long, value_name = "VID", value_parser = vlan)]
    pub vlan: Option<u64>,
    /// From this prefix
    #[arg(long, value_name = "CIDR", value_parser = request::parse_prefix)]
    pub prefix: Option<IpNet>,
    /// From this range (its first address, or FIRST-LAST)
    #[arg(long, value_name = "RANGE", value_parser = request::parse_range)]
    pub range: Option<(core::net::IpAddr, Option<core::net::IpAddr>)>,
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
    /// Tag the address (slugs)
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = request::parse_tag)]
    pub tags: Vec<String>,
    /// Domain of the DNS names
    #[arg(long, value_name = "DOMAIN", value_parser = owner::parse_domain)]
    pub domain: Option<String>,
    /// What is never handed out
    #[command(flatten)]
    pub exclude: Exclude,
    /// Take over an address that bears the name but has no owner
    #[arg(long)]
    pub adopt: bool,
    /// Allocate in a container, deprecated, reserved or full prefix, if it is named
    #[arg(long)]
    pub force: bool,
    /// Change nothing; say what would be
    #[arg(long, visible_alias = "check-mode")]
    pub dry_run: bool,
}

/// `ipalloc release`
#[derive(Debug, Args)]
pub struct Release {
    /// Guests; then standard input is not read
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// The address of this interface of the guest
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Mark as deprecated instead of freeing: a freed address comes back at once
    #[arg(long)]
    pub retire: bool,
    /// Free what was retired at least so long ago (30d, 12h); reads no input
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with_all = ["names", "retire", "interface", "force"])]
    pub retired_before: Option<SignedDuration>,
    /// Also an address that ipalloc did not make
    #[arg(long)]
    pub force: bool,
    /// Change nothing; say what would be
    #[arg(long, visible_alias = "check-mode")]
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

/// `ipalloc check`
#[derive(Debug, Args)]
pub struct Check {
    /// Where the addresses are kept
    #[command(flatten)]
    pub source: Source,
    /// Domain of the DNS names; without it, a name in any domain is the guest's
    #[arg(long, value_name = "DOMAIN", value_parser = owner::parse_domain)]
    pub domain: Option<String>,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: vmid::table::Format,
}

impl Allocate {
    /// The flags as defaults for the records.
    #[must_use]
    pub fn fields(&self) -> Fields {
        Fields {
            place: Place {
                vlan: self.vlan,
                prefix: self.prefix,
                range: self.range,
            },
            vrf: self.vrf.as_deref().map(Vrf::parse),
            wanted: self.address,
            fallback: self.fallback,
            interface: self.interface.clone(),
            description: self.description.clone(),
            tags: (!self.tags.is_empty()).then(|| self.tags.clone()),
        }
    }

    /// What is never handed out.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            force: self.force,
            ..self.exclude.policy()
        }
    }

    /// How names are treated.
    #[must_use]
    pub fn naming(&self) -> Naming {
        Naming {
            domain: self.domain.clone(),
            adopt: self.adopt,
        }
    }
}

impl Exclude {
    /// What is never handed out, nothing forced.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            gateway: self.gateway,
            avoid: self.avoid.clone(),
            force: false,
        }
    }
}

const VLANS: RangeInclusive<u64> = vmid::scheme::VLANS;

fn vlan(text: &str) -> Result<u64, String> {
    let vlan = vmid::scheme::decimal(text).filter(|vlan| VLANS.contains(vlan));
    vlan.ok_or_else(|| "a VLAN ID is a number in 1..=4094".to_owned())
}

/// A number and one of `s`, `m`, `h`, `d` (24 hours), `w`.
fn age(text: &str) -> Result<SignedDuration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err("expected a number and s, m, h, d or w, such as 30d".to_owned()),
    };
    let number: i64 = number
        .parse()
        .map_err(|_| "the number is missing or too big".to_owned())?;
    let seconds = number
        .checked_mul(seconds)
        .filter(|&s| s <= 100 * 366 * 86_400);
    let seconds = seconds.ok_or_else(|| "longer than a hundred years".to_owned())?;
    Ok(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ages() {
        assert_eq!(age("30d"), Ok(SignedDuration::from_hours(30 * 24)));
        assert_eq!(age("0s"), Ok(SignedDuration::ZERO));
        for bad in [
            "",
            "d",
            "30",
            "30 d",
            "-1d",
            "1y",
            "99999999999999999999d",
            "999999w",
        ] {
            assert!(age(bad).is_err(), "{bad:?}");
        }
    }
}
