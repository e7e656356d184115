//! The command line of `hacheck`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vmid::table::Format;

use crate::span::Span;

/// Say whether HA pairs are really redundant right now, with the evidence for it
#[derive(Debug, Parser)]
#[command(
    name = "hacheck",
    version,
    after_help = "\
Exit codes: 0 yes, 1 no (some pair is not ok, or was gone for too long), 2 bad call or input, 3 the check itself failed

  hacheck check --pairs site.json --format table"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe the VIPs and the members, merge what else is known, and say what it means
    #[command(after_help = CHECK)]
    Check(Check),
    /// Probe one pair on a fixed schedule, and say how long it was gone
    #[command(after_help = WATCH)]
    Watch(Watch),
    /// Say what this host knows of itself, as one record (no privileges needed)
    #[command(after_help = "\
Its addresses, whether a VRRP daemon lives, its neighbours; as root, also keepalived's own dump.
The records of all members are for check --facts.

Exit codes: 0 done, 2 bad call, 3 stdout failed

  ssh dns-1 hacheck member >dns-1.json; ssh dns-2 hacheck member >dns-2.json
  hacheck check --pairs pairs.json --facts dns-1.json dns-2.json")]
    Member(Member),
    /// Print each VRRP advert on this host's segments (needs CAP_NET_RAW)
    #[command(after_help = "\
Version 2 passwords are not printed. A packet that is no advert has the error \"malformed\".

Exit codes: 0 done, 1 some packet was no advert, 2 bad call, 3 not permitted, or stdout failed

  hacheck listen --for 5s --format table")]
    Listen(Listen),
}

/// How verdicts come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// JSON Lines, a record for each pair
    Json,
    /// A row for each finding, for people
    Table,
    /// For node_exporter's textfile collector
    Prometheus,
}

/// `hacheck check`
#[derive(Debug, Args)]
pub struct Check {
    /// The pairs, or a site file that has them [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Only this pair; may be repeated
    #[arg(long, value_name = "NAME")]
    pub pair: Vec<String>,
    /// When all probes end (2s, 500ms)
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = timeout)]
    pub timeout: Span,
    /// Also listen for ARP and VRRP (CAP_NET_RAW), for 3.6 advert intervals and at least 1.5 s
    #[arg(long)]
    pub raw: bool,
    /// Records of hacheck member
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub facts: Vec<PathBuf>,
    /// Facts that are older are not used
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub facts_age: Span,
    /// Where the guests are: /cluster/resources, or pvx-migrate state
    #[arg(long, value_name = "FILE")]
    pub guests: Option<PathBuf>,
    /// Remember holders in FILE, and say when they change too often
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// What nobody looked at is no reason for "unknown"
    #[arg(long)]
    pub accept_blind: bool,
    /// How the verdicts come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Form,
    /// One status line with performance data; exit codes are those of monitoring plugins
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
}

/// `hacheck watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// The pairs, or a site file that has them [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The pair to watch
    #[arg(long, value_name = "NAME")]
    pub pair: String,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "60s")]
    pub duration: Span,
    /// End as soon as the VIP has answered for a second after it was gone
    #[arg(long)]
    pub until_recovered: bool,
    /// From one probe to the next
    #[arg(long, value_name = "TIME", default_value = "10ms")]
    pub step: Span,
}

/// `2s`, `500ms`, or a bare number of seconds.
fn timeout(text: &str) -> Result<Span, String> {
    match text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        true => format!("{text}s").parse(),
        false => text.parse(),
    }
}

/// `hacheck member`
#[derive(Debug, Args)]
pub struct Member {
    /// Also say how old FILE is; may be repeated
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<String>,
}

/// `hacheck listen`
#[derive(Debug, Args)]
pub struct Listen {
    /// How long: 500ms, 5s, 2m
    #[arg(long = "for", value_name = "TIME", default_value = "5s")]
    pub duration: Span,
    /// Only on this one [default: all Ethernet interfaces that are up]
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// How the adverts come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

const CHECK: &str = "\
A record for each pair: status (ok, warning, unknown, critical), holder, holder_by, members, findings
{code, severity, message, evidence, seen_by}. What could not be seen is unknown, never ok:

  probes alone            who else holds the VIP, and whether the daemons live, is unseen: unknown
  --raw                   ok; the standby's daemon can't be heard, which is told
  --facts of all members  ok
  both                    ok, nothing unseen

Findings:
  vip-down              nothing answers at the VIP
  hand-over             the VIP was just moving, so it was looked at twice
  vip-up-holder-dead    the holder's service is dead, another member's is not
  vip-wrong-source      the holder's own address answers, the VIP does not
  member-service-down   a member's service does not answer: no redundancy
  wrong-function        it answers, but not what it should
  holder                who holds the VIP, and how that was found out
  holder-unexpected     not the preferred member holds the VIP
  holder-unknown        who holds the VIP could not be found out, and why
  split-brain           two members hold the VIP
  duplicate-ip-zombie   two hosts hold the VIP, only one speaks VRRP
  foreign-holder        a host that is no member holds the VIP
  vrrp-silent           the VIP answers, but no VRRP advert is heard
  vrrp-daemon-dead      no VRRP daemon lives on a member: nothing will move the VIP
  vrrp-fault            a member's VRRP instance is in fault: it will not take over
  config-drift          the members' VRRP configurations differ from each other or from the pair's
  same-node             members are on one node, or it is not known on which
  same-storage          members have their disks on one storage
  placement             what the loss of each node would do
  flapping              the holder changed more than 3 times within an hour
  cert-expiry           a certificate's life ends
  cert-differs          members show different certificates
  aa-dns-drift          members of an active-active pair answer differently
  data-stale            a file that is to be renewed is old or missing
  blind                 what could not be seen

Exit codes: 0 all ok, 1 some pair is not, 2 bad call or pairs, 3 the check itself failed
With --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, a bad call included

  hacheck check --pairs site.json --format table
  hacheck check --pairs pairs.json --raw --facts dns-1.json dns-2.json
  curl -s .../api2/json/cluster/resources >guests.json; hacheck check --pairs site.json --guests guests.json";

const WATCH: &str = "\
The pair's first probe for the VIP is made on a fixed schedule by a monotonic clock, each over a new
connection. outage_ms is [least, most]: the truth lies between them. One record at the end, of
which the finding failover-time says whether rto_s was kept.

Exit codes: 0 within rto_s, 1 over it, not recovered or not known, 2 bad call or pairs, 3 the watch itself failed

  hacheck watch --pairs site.json --pair dns --until-recovered & ssh dns-1 systemctl stop keepalived; wait";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::CODES;
    use clap::CommandFactory as _;

    #[test]
    fn help_names_every_code() {
        for (code, _) in CODES {
            assert!(
                CHECK.contains(&format!("  {code} ")) || WATCH.contains(code),
                "{code}"
            );
        }
    }

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
