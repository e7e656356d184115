//! The command line of `hacheck`.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use vmid::{exit::Stop, positional, span, table::Format};

use crate::{probe::dns::Kind, told};

/// Say whether HA pairs are really redundant right now, with the evidence for it
#[derive(Debug, Parser)]
#[command(
    name = "hacheck",
    version,
    after_help = "\
Exit codes: 0 yes, 1 no (some pair is not ok, or was gone for too long), 2 bad call or input, 3 the check itself failed

Each command has a --help of its own.

  hacheck check --site site.json --format table"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe VIPs, members and services, merge what else is known, and say what it means
    #[command(after_help = CHECK)]
    Check(Check),
    /// Probe one pair on a fixed schedule, and say how long it was gone
    #[command(after_help = WATCH)]
    Watch(Watch),
    /// Ask one DNS server for names, and say what it answers
    #[command(after_help = ASK)]
    Ask(Ask),
    /// Say what this host knows of itself, as one record (no privileges needed)
    #[command(after_help = "\
Its addresses, whether a VRRP daemon lives, its neighbours; as root, also keepalived's own dump.
The records of all members are for check --facts. It reads neither standard input nor the environment.

Exit codes: 0 done, 2 bad call, 3 stdout failed

  ssh dns-1 hacheck member >dns-1.json; ssh dns-2 hacheck member >dns-2.json
  hacheck check --pairs pairs.json --facts dns-1.json dns-2.json")]
    Member(Member),
    /// Print each VRRP advert on this host's segments (needs CAP_NET_RAW)
    #[command(after_help = "\
Version 2 passwords are not printed. A packet that is no advert has the error \"malformed\".
It reads neither standard input nor the environment. TIME is written 500ms, 5s, 1m30s.

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

/// Which pairs. `--pairs` counts before `--site`, and both before what the environment names.
#[derive(Debug, Args)]
pub struct Pairs {
    /// The pairs: records, an array of them, or a site file [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site file, for its pairs [default, if no records come in: PVX_SITE]
    #[arg(long, value_name = "FILE", value_parser = any_name())]
    pub site: Option<PathBuf>,
    /// Words that are no options: there are none, and what they look like is told.
    #[arg(hide = true, value_name = "WORD")]
    pub words: Vec<String>,
}

impl Pairs {
    /// No word stands where none belongs.
    ///
    /// # Errors
    ///
    /// One does: what it was probably meant to be.
    pub fn no_words(&self) -> Result<(), Stop> {
        let Some(word) = self.words.first() else {
            return Ok(());
        };
        let what = match positional::looks_like_file(word) {
            true => format!("{}, or: --pairs {word}", positional::told(word)),
            false => format!("{word:?} is no option; a pair is named so: --pair {word}"),
        };
        Err(Stop::input(anyhow::anyhow!(what)))
    }
}

/// `hacheck check`
#[derive(Debug, Args)]
pub struct Check {
    /// Which pairs.
    #[command(flatten)]
    pub pairs: Pairs,
    /// Only this pair; may be repeated [default: all, and all services]
    #[arg(long, value_name = "NAME")]
    pub pair: Vec<String>,
    /// Only this service; may be repeated, and stand beside --pair
    #[arg(long, value_name = "NAME")]
    pub service: Vec<String>,
    /// When all probes end, 1ms to 1d
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = to_a_day())]
    pub timeout: Duration,
    /// Also listen for ARP and VRRP (CAP_NET_RAW), for 3.6 advert intervals and at least 1.5s
    #[arg(long)]
    pub raw: bool,
    /// Records of hacheck member; one file or several, and may be repeated. A file that is called
    /// after a member, or named MEMBER=FILE (its name or address), counts for that member only
    #[arg(long, value_name = "[MEMBER=]FILE", num_args = 1.., value_parser = OsStringValueParser::new().map(told::File::parse))]
    pub facts: Vec<told::File>,
    /// Facts that are older are not used, 1ms to 1d
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = to_a_day())]
    pub facts_age: Duration,
    /// Where the guests are: /cluster/resources, pvx-migrate state, or scripts/inventory
    #[arg(long, value_name = "FILE")]
    pub guests: Option<PathBuf>,
    /// Remember holders in FILE (made if it isn't there), and say when they change too often
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Also put the metrics into FILE (NAME.prom), whole or not at all, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
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
    /// Which pairs.
    #[command(flatten)]
    pub pairs: Pairs,
    /// The pair to watch
    #[arg(long, value_name = "NAME", required_unless_present = "service")]
    pub pair: Option<String>,
    /// The service to watch, if it is no pair
    #[arg(long, value_name = "NAME", conflicts_with = "pair")]
    pub service: Option<String>,
    /// The one of several VIPs to watch [default: the first]
    #[arg(long, value_name = "ADDRESS")]
    pub vip: Option<IpAddr>,
    /// How long, 1ms to 1d
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = to_a_day())]
    pub duration: Duration,
    /// End as soon as the VIP has answered for a second after it was gone
    #[arg(long)]
    pub until_recovered: bool,
    /// From one probe to the next, 1ms to 1d
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = to_a_day())]
    pub step: Duration,
}

/// `hacheck ask`
#[derive(Debug, Args)]
pub struct Ask {
    /// The server's own address
    pub address: IpAddr,
    /// What to ask for [default: records on standard input, by their name and type]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The type of the record, where none says another: A, AAAA, SOA or TXT
    #[arg(long = "type", value_name = "TYPE", default_value = "A", value_parser = kind)]
    pub kind: Kind,
    /// The server's port
    #[arg(long, default_value = "53", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// When all questions end, 1ms to 1d
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = to_a_day())]
    pub timeout: Duration,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| format!("{text} is none of A, AAAA, SOA, TXT"))
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
    /// How long, 1ms to 1d
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = to_a_day())]
    pub duration: Duration,
    /// Only on this one [default: all Ethernet interfaces that are up]
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// How the adverts come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

/// A path, even an empty one, which counts as none.
fn any_name() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn to_a_day() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    span::between(Duration::from_millis(1), Duration::from_secs(86_400))
}

const CHECK: &str = "\
A record for each pair: status (ok, warning, unknown, critical), holder, holder_by, members, findings
{code, severity, message, evidence, seen_by}; of several VIPs that move together also vips, with holder,
holder_by and findings of each; and one for each service (kind, status, addresses, findings).
What could not be seen is unknown, never ok:

  probes alone            who else holds the VIP, and whether the daemons live, is unseen: unknown
  --raw                   ok; the standby's daemon can't be heard, which is told (of unicast adverts: unknown)
  --facts of all members  ok
  both                    ok; that the standby may be in FAULT is told, unless its facts are root's

Findings:
  vip-down              nothing answers at the VIP
  vip-service-down      one service does not answer at the VIP, another does
  hand-over             the VIP was just moving, so it was looked at twice
  vip-up-holder-dead    the holder's service is dead, another member's is not
  vip-wrong-source      the holder's own address answers, the VIP does not
  member-service-down   a member's service does not answer: no redundancy
  service-down          a service that is no pair does not answer
  route-down            a reverse proxy, or the backend behind it, does not give the page it should
  wrong-function        it answers, but not what it should
  holder                who holds the VIP, and how that was found out
  holder-unexpected     not the preferred member holds the VIP
  holder-unknown        who holds the VIP could not be found out, and why
  split-brain           two members hold the VIP, or one each of those that move together
  vip-not-used          a member has the VIP and does not hold it: on lo, on an interface that is down, unused
  second-answer         a second host answers ARP for the VIP: a proxy takes its traffic
  stale-neighbour       the checker's neighbour table had the VIP where it isn't: others' may, too
  foreign-holder        a host that is no member holds the VIP
  vrrp-silent           the VIP answers, but no VRRP advert is heard
  vrrp-daemon-dead      no VRRP daemon lives on a member: nothing will move the VIP
  vrrp-fault            a member's VRRP instance is in fault: it will not take over
  standby-not-listening a standby's server is bound to its own address: it would not answer at the VIP
  rto-unreachable       a standby waits longer than the recovery time that is promised
  config-drift          the members' VRRP configurations differ from each other or from the pair's
  same-node             members are on one node, or it is not known on which
  same-storage          members have their disks on one storage
  placement             what the loss of each node would do
  ha-state              Proxmox's HA has given a guest up, fences its node, or keeps it stopped
  flapping              the holder changed more than 3 times within an hour
  cert-expiry           a certificate's life ends
  cert-differs          members show different certificates
  aa-dns-drift          members answer differently: an active-active pair, or names that must be the same
  aa-content-drift      members hold different content: a Pi-hole's lists, versions
  pihole-blocking-off   a Pi-hole does not block, or has nothing to block by
  pihole-open           a Pi-hole's API needs no password
  nfs-exports-differ    an export is missing on a member, or is for other clients there
  nfs-handle-differs    an export has another handle on each member: stale after a failover
  data-stale            a file that is to be renewed is old or missing
  blind                 what could not be seen

The pairs are those of --pairs, --site, standard input or PVX_SITE, in this order; a file that is
named and records on standard input together are refused. TIME is written 500ms, 2s, 1m30s.

Environment: PVX_SITE, the site file whose pairs are meant if none are named and no record comes in

Exit codes: 0 all ok, 1 some pair or service is not (warning, unknown or critical),
2 bad call, pairs or site, 3 the check itself failed
With --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, a bad call included

  hacheck check --site site.json --format table
  hacheck check --pairs pairs.json --raw --facts dns-1.json dns-2=other.json
  curl -s .../api2/json/cluster/resources >guests.json; hacheck check --site site.json --guests guests.json";

const ASK: &str = "\
Each record comes out with rcode (NOERROR, NXDOMAIN, SERVFAIL, REFUSED, ...), answers (the data of the type asked
for, sorted) and took_ms; one to which nothing came has the error \"no-answer\", one that is no question \"bad-record\".
A lost datagram is sent again, what is too long for one is fetched by TCP, and what another address says is no answer.
It does not read the environment. TIME is written 500ms, 2s.

Exit codes: 0 each question was answered, 1 some was not, 2 bad call or input, 3 stdout failed

  hacheck ask 192.168.30.53 paperless.home.example --type AAAA";

const WATCH: &str = "\
The pair's first probe for the VIP is made on a fixed schedule by a monotonic clock, each over a new
connection. outage_ms is [least, most]: the truth lies between them. One record at the end, of
which the finding failover-time says whether rto_s was kept.

The pairs are those of --pairs, --site, standard input or PVX_SITE, in this order; a file that is
named and records on standard input together are refused. TIME is written 10ms, 60s, 1h30m.

Environment: PVX_SITE, the site file whose pairs are meant if none are named and no record comes in

Exit codes: 0 within rto_s, 1 over it, not recovered or not known, 2 bad call, pairs or site, 3 the watch itself failed

  hacheck watch --site site.json --pair dns --until-recovered & ssh dns-1 systemctl stop keepalived; wait";

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
    fn readme_says_what_to_do_about_every_code() {
        let rows = include_str!("../README.md").lines();
        let rows: Vec<&str> = rows
            .filter_map(|row| row.strip_prefix("| `"))
            .filter_map(|row| row.split(" | ").next())
            .collect();
        for (code, _) in CODES {
            let named = format!("{code}`");
            let has = |row: &&str| row.starts_with(&named) || row.contains(&format!("`{named}"));
            assert!(rows.iter().any(has), "{code}");
        }
    }

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
