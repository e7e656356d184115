//! The command line of `vmid`.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use ipnet::Ipv4Net;

use crate::{
    positional, reserved,
    scheme::{self, Digits},
    site,
    table::Format,
    trace,
};

/// Of encode and decode: the codes of errors, and how the run ends.
const OF_CONVERSIONS: &str = "\
Error codes, each in the record's field \"error\":
  no-address bad-address ipv6 not-a-host   the address is missing, unreadable, or no host's
  no-vlan bad-vlan                         the VLAN is unknown, or outside 1 to 4094
  host-too-big bad-host                    the host number needs more --digits, or has no address
  ambiguous-network network-mismatch       two networks fit, or two statements contradict
  unknown-network outside-scheme           no network for the VLAN, the ID is none of the scheme
  id-mismatch                              the record has another ID (VLAN, host, address) already

Values are separated by spaces. Records of nodes, storages and pools are handed on as they are.
Environment: PVX_SITE (a site file) stands for --site.
Exit codes: 0 done, 1 some record has an error or a finding, 2 bad call or input, 3 a file or stdout failed";

/// Of check: the codes of findings, and how the run ends.
const OF_CHECK: &str = "\
Codes of findings:
  no-address bad-address ipv6 not-a-host   the address is missing, unreadable, or no host's
  no-vlan bad-vlan                         the VLAN is unknown, or outside 1 to 4094
  host-too-big bad-host                    the host number needs more --digits, or has no address
  ambiguous-network network-mismatch       two networks fit, or two statements contradict
  unknown-network outside-scheme           no network for the VLAN, the ID is none of the scheme
  id-mismatch                              the guest has another ID than its address makes
  vlan-tag-mismatch                        an interface's tag is not the VLAN of its address
  duplicate-id duplicate-address           two guests have it
  reserved-address                         it is a virtual IP, another guest's, or in --reserved

With a site its virtual IPs are reserved, and the addresses of its pairs' members for everybody else.
Lists are separated by commas, or the option is repeated. Records of nodes, storages and pools are
handed on as they are, and are no guests.
Environment: PVX_SITE (a site file) stands for --site.
Exit codes: 0 done, 1 some record has an error or a finding, 2 bad call or input (no guest came in, too),
  3 a file or stdout failed";

/// Of trace, what is made of the tables of traces and sources.
fn of_trace() -> String {
    let rows = |rows: Vec<(&str, &str)>| -> String {
        let rows = rows.iter();
        rows.map(|(name, what)| format!("  {name:<14}{what}\n"))
            .collect()
    };
    let sources = trace::source::SOURCES.iter();
    let sources = rows(sources.map(|(name, what, _)| (*name, *what)).collect());
    let traces = rows(trace::kind::TRACES.to_vec());
    format!(
        "\
Records, each of the list that its \"source\" names (without one, of the list that it looks like), or all
rows of it in \"entries\", which may be none. A source of which nothing comes in is unseen, but for --without:
{sources}
Traces, the values of \"trace\":
{traces}
What a trace matters: live (a guest has the ID), reuse (the next guest of the ID would inherit it),
config (the site or its IPAM says so), history, unknown (it was not seen). \"remedy\" is what clears it,
and null wherever a guest has the ID or may have it, or a disk may be used: \"why\" says by whom. Proxmox leaves out of its lists what a token may not
see, so its rights are looked at: what may be missing is unseen, and the exit code 1.

Exit codes: 0 nobody remembers it, 1 somebody does, or something is unseen, 2 bad call or input (no record
  came in, too), 3 stdout failed

  scripts/trace-id 30066
  pvx-migrate state --content | vmid trace --orphans --format table"
    )
}

const SITE: &str = "\
One JSON document: every key that has a default is filled in, gateways are addresses, and names that
begin with x- stay. Each fault is a line on stderr with its place, such as
  vmid: site.json: vlans[1].brigde is not known; near: bridge
scripts/README.md lists all keys; scripts/site.schema.json is the JSON Schema for editors.

Environment: PVX_SITE, the site file

Exit codes: 0 printed, 2 no site is named, or the file can't be read or is wrong, 3 stdout failed

  vmid site site.json | jq .vlans";

/// Turn a guest's VLAN and address into its Proxmox ID, back, audit an inventory, or trace an ID
#[derive(Debug, Parser)]
#[command(
    name = "vmid",
    version,
    after_help = "\
The ID is the VLAN, then the host number in three digits: VLAN 30 + 192.168.30.66 = 30066. A network
may have a base of its own in --networks or the site: its IDs are base + host number then.
Records are JSON objects, one after the other, in an array, or in an API answer.

  vmid encode 192.168.30.66/24
  ipalloc show --ipam ./ipam | jq -c 'select(.next) | {address: .next, vlan}' | vmid encode
  scripts/inventory | vmid check --exempt 100-999 --format table"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Append "vmid" to each record that has an address
    #[command(after_help = OF_CONVERSIONS)]
    Encode(Encode),
    /// Append "vlan", "host" and "address" to each record that has a vmid
    #[command(after_help = OF_CONVERSIONS)]
    Decode(Decode),
    /// Append "findings" and "expected_vmid" to each guest of an inventory
    #[command(after_help = OF_CHECK)]
    Check(Check),
    /// Say where an ID is still remembered, and what a new guest of it would inherit
    #[command(after_help = of_trace())]
    Trace(Trace),
    /// Print the site file with its defaults filled in, or all that is wrong with it
    #[command(after_help = SITE)]
    Site(PrintSite),
}

/// `vmid site`
#[derive(Debug, Args)]
pub struct PrintSite {
    /// The site file, whatever its suffix [default: --site, else $PVX_SITE]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Which site
    #[command(flatten)]
    pub site: site::Named,
}

/// What all three need to know of the site.
#[derive(Debug, Args)]
pub struct Site {
    /// Where the site file is
    #[command(flatten)]
    pub named: site::Named,
    /// VLANs and their prefixes instead of the site's: CSV (columns vlan,prefix, perhaps base,digits), JSON, NetBox's exports, a site file [default: the site's; without a site 192.168.{vlan}.0/24]
    #[arg(long, value_name = "FILE")]
    pub networks: Option<PathBuf>,
    /// Digits of the host number: 2 to 5
    #[arg(long, value_name = "N", default_value = "3", value_parser = digits)]
    pub digits: Digits,
}

/// Options of encode and decode.
#[derive(Debug, Args)]
pub struct Convert {
    /// What the site looks like
    #[command(flatten)]
    pub site: Site,
    /// Replace what the record says already
    #[arg(long)]
    pub overwrite: bool,
    /// Print the bare values, one a line; nothing for what failed
    #[arg(long, conflicts_with = "format")]
    pub raw: bool,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

/// `vmid encode`
#[derive(Debug, Args)]
pub struct Encode {
    /// Addresses, with or without a mask; then standard input is not read
    #[arg(value_name = "ADDRESS", value_parser = positional::word)]
    pub values: Vec<String>,
    /// VLAN of records (and addresses) that name none
    #[arg(long, value_name = "VID", value_parser = vlan)]
    pub vlan: Option<u64>,
    /// Shared options
    #[command(flatten)]
    pub convert: Convert,
}

/// `vmid decode`
#[derive(Debug, Args)]
pub struct Decode {
    /// Guest IDs; then standard input is not read
    #[arg(value_name = "VMID", value_parser = positional::word)]
    pub values: Vec<String>,
    /// Shared options
    #[command(flatten)]
    pub convert: Convert,
}

/// `vmid check`
#[derive(Debug, Args)]
pub struct Check {
    /// What the site looks like
    #[command(flatten)]
    pub site: Site,
    /// Addresses and networks (10.20.20.0/24) that must never be a guest's, besides those of the site
    #[arg(long, value_name = "ADDR", value_delimiter = ',', value_parser = address)]
    pub reserved: Vec<Ipv4Net>,
    /// A file of such addresses, separated by white space or commas; # begins a comment
    #[arg(long, value_name = "FILE")]
    pub reserved_file: Option<PathBuf>,
    /// IDs that are outside the scheme on purpose, such as 100-999
    #[arg(long, value_name = "FROM-TO", value_delimiter = ',', value_parser = range)]
    pub exempt: Vec<RangeInclusive<u64>>,
    /// Take it for an answer that no guest came in
    #[arg(long)]
    pub allow_empty: bool,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

/// `vmid trace`
#[derive(Debug, Args)]
pub struct Trace {
    /// Guest IDs
    #[arg(value_name = "VMID", value_parser = guest_id, required_unless_present = "orphans")]
    pub ids: Vec<u64>,
    /// Every ID that is remembered and that no guest has
    #[arg(long, conflicts_with = "ids")]
    pub orphans: bool,
    /// Sources that need not come in, and are not unseen then
    #[arg(long, value_name = "SOURCE,..", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(trace::source::EXPECTED.iter().map(|(name, _)| *name)))]
    pub without: Vec<String>,
    /// Take it for an answer that no record came in
    #[arg(long)]
    pub allow_empty: bool,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

fn guest_id(text: &str) -> Result<u64, String> {
    let id = trace::owner::id(text);
    id.ok_or_else(|| "a guest ID is a number from 100 to 999999999".to_owned())
}

fn digits(text: &str) -> Result<Digits, String> {
    let digits = text.parse().ok().and_then(Digits::new);
    digits.ok_or_else(|| "the host number has 2 to 5 digits".to_owned())
}

fn vlan(text: &str) -> Result<u64, String> {
    let vlan = scheme::decimal(text).filter(|vlan| scheme::VLANS.contains(vlan));
    vlan.ok_or_else(|| "a VLAN ID is a number from 1 to 4094".to_owned())
}

fn address(text: &str) -> Result<Ipv4Net, String> {
    reserved::word(text).map_err(|refused| refused.to_string())
}

fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let bounds = scheme::decimal(from)
        .zip(scheme::decimal(to))
        .filter(|(from, to)| from <= to);
    bounds
        .map(|(from, to)| from..=to)
        .ok_or_else(|| "expected an ID or FROM-TO".to_owned())
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
