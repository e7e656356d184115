//! The command line of `pvx-migrate`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use vmid::table::Format;

use crate::plan::{policy, refusal::HELP};

pub mod audit;
mod lost;
mod make;
mod remove;
mod run;
mod value;

pub use audit::Audit;
pub use lost::{Form, Lost};
pub use make::Make;
pub use remove::Remove;
pub use run::Run;
use value::{number, pair, ratio};

/// What the environment says of the cluster, for the help of what asks it.
macro_rules! cluster_help {
    () => {
        "\
Environment:
  PROXMOX_VE_ENDPOINT   https://HOST:8006; or PROXMOX_HOST
  PROXMOX_VE_API_TOKEN  user@realm!id=secret; or a file with it, PROXMOX_VE_API_TOKEN_FILE; or
                        PROXMOX_USER, PROXMOX_TOKEN_ID and PROXMOX_TOKEN_SECRET(_FILE)
Passwords are not taken, and http:// only to this host itself."
    };
}
pub(crate) use cluster_help;

const STATE_HELP: &str = concat!(
    "\
At most 16 requests, 4 for each node and 3 for each guest that is read in full; 1 more for each guest
that the overview has as stopped or unknown (it may have been started since), for each snapshot of a
container, and for each node where a guest's hook script may be; up to 32 to find guests that the
token can't see; with --content 1 more for each storage and node, of a storage that all share 1 in
all. What the token may not see is left out, and said on stderr; plans then refuse what rests
on it.

",
    cluster_help!(),
    "

Exit codes: 0 done, 2 bad call, 3 the cluster or stdout failed

  pvx-migrate state >cluster.json"
);

const PLAN_HELP: &str = "\
Environment: PVX_SITE, the site file if --site is not given

Exit codes: 0 every guest has its step, 1 a guest that should move cannot, 2 bad call or input,
3 stdout failed

  pvx-migrate plan drain node2 --site site.json <cluster.json >plan.jsonl";

const PLACE_HELP: &str = "\
Of the nodes that have room and a storage for such a guest, the one with the most memory left;
members of a pair apart, databases on the site's types (else zfspool), never on 'local'. Memory
and disk are those of the guest, else of its template in the site file, else 1024 MiB and 8 GiB.
Role, template and VLAN must be in the site file. Records of nodes, storages and the like (as in
/cluster/resources) pass as they are. Without a site (--site, else PVX_SITE) one line on
stderr says what is not known.

The codes are those of plan (pvx-migrate plan drain --help), beside them drained, not-in-site,
unknown-role, unknown-template, unknown-vlan, no-storage, bad-field, bad-name.

Environment: PVX_SITE, the site file if --site is not given

Exit codes: 0 every guest has a place, 1 some guest has none (its \"error\" says why), 2 bad call or
input, a site of another cluster, or a state document that is too old, 3 stdout failed

  pvx-migrate place --state cluster.json --site site.json <guests.jsonl";

/// Plan guest moves in a Proxmox VE cluster, with every blocker known before the first one
#[derive(Debug, Parser)]
#[command(
    name = "pvx-migrate",
    version,
    after_help = "\
  pvx-migrate state >cluster.json
  pvx-migrate plan drain node2 --site site.json --format table <cluster.json
  pvx-migrate plan drain node2 --site site.json <cluster.json >plan.jsonl

The cluster is named by PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN (pvx-migrate state --help), the
site by --site FILE, else PVX_SITE.

Exit codes: 0 done, 1 the answer is no for some guest, 2 bad call or input, 3 the cluster or stdout failed"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the cluster and print it as one JSON document
    #[command(after_help = STATE_HELP)]
    State(State),
    /// Decide what happens to each guest, from a state document on stdin
    #[command(subcommand, after_help = PLAN_HELP)]
    Plan(Plan),
    /// Run a plan: move, make and remove its guests, and leave nothing stopped that ran
    Run(Run),
    /// Compare the cluster with the site, from a state document on stdin: findings, nothing is done
    #[command(after_help = crate::audit::code::HELP)]
    Audit(Audit),
    /// Append "node" and "storage" to each new guest, chosen as a plan does
    ///
    /// Read from a guest: "name", "vmid", "type" (qemu, lxc) or "shape" (vm, ...), "memory_mib", "disk_gib",
    /// "template", "role", "stateful_db", "vlan"; with "node" only that one is asked for. "reason" says why this
    /// node, "refused" why no other.
    #[command(after_help = PLACE_HELP)]
    Place(Place),
}

/// What is planned.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Guests that move.
    #[command(flatten)]
    Moves(Moves),
    /// Make the guests of the records on stdin
    #[command(after_help = crate::plan::make::code::HELP)]
    Make(Make),
    /// Destroy guests, with a way back
    #[command(after_help = crate::plan::remove::code::HELP)]
    Remove(Remove),
    /// Say what becomes of the guests of a node, and of the cluster, if it dies now
    #[command(after_help = crate::plan::lost::code::HELP)]
    Lost(Lost),
}

/// What is planned of guests that live.
#[derive(Debug, Subcommand)]
pub enum Moves {
    /// Take all guests off a node
    #[command(after_help = HELP)]
    Drain(Drain),
    /// Take some guests to a node
    #[command(after_help = HELP)]
    Move(Move),
    /// Bring back what a run has moved, by its journal
    #[command(after_help = HELP)]
    Return(Return),
}

impl Command {
    /// What is read from standard input, if anything.
    #[must_use]
    pub fn reads(&self) -> Option<&'static str> {
        match self {
            Self::State(_) => None,
            Self::Plan(Plan::Make(_)) => Some("guests"),
            Self::Plan(_) | Self::Audit(_) => Some("a state document (pvx-migrate state)"),
            Self::Run(run) => run.ready.is_none().then_some("a plan"),
            Self::Place(_) => Some("guests"),
        }
    }
}

/// `pvx-migrate state`
#[derive(Debug, Args)]
pub struct State {
    /// Read the guests of these nodes in full (A,B, or the option repeated), of others only what the
    /// overview says [default: all]
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = value::node)]
    pub node: Vec<String>,
    /// Read what the storages hold, too: plan make then knows templates and leftover volumes
    #[arg(long)]
    pub content: bool,
    /// How the cluster is reached
    #[command(flatten)]
    pub connection: vmid::http::Options,
}

/// `pvx-migrate plan drain`
#[derive(Debug, Args)]
pub struct Drain {
    /// The node to empty
    #[arg(value_name = "NODE", value_parser = value::node)]
    pub node: String,
    /// Further words: one node is drained at a time
    #[arg(value_name = "NODE", hide = true, value_parser = value::second_node)]
    pub more: Vec<String>,
    /// Only to these nodes (A,B, or the option repeated) [default: all others]
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = value::node)]
    pub to: Vec<String>,
    /// What becomes of guests that don't run
    #[arg(long, value_name = "WHAT", default_value = "leave")]
    pub stopped: Stopped,
    /// What is allowed
    #[command(flatten)]
    pub terms: Terms,
}

/// `pvx-migrate plan move`
#[derive(Debug, Args)]
pub struct Move {
    /// The guests' IDs (101 102, or 101,102)
    #[arg(value_name = "VMID", required = true, value_delimiter = ',', value_parser = value::vmid)]
    pub guests: Vec<u32>,
    /// The node
    #[arg(long, value_name = "NODE", value_parser = value::node)]
    pub to: String,
    /// What is allowed
    #[command(flatten)]
    pub terms: Terms,
}

/// `pvx-migrate plan return`
#[derive(Debug, Args)]
pub struct Return {
    /// What the run wrote
    #[arg(long, value_name = "FILE")]
    pub journal: PathBuf,
    /// What is allowed
    #[command(flatten)]
    pub terms: Terms,
}

/// `pvx-migrate place`
#[derive(Debug, Args)]
pub struct Place {
    /// What 'pvx-migrate state' printed
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Choose no node that was drained by this journal of 'pvx-migrate run' and whose guests have not
    /// returned (A,B, or the option repeated)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub journal: Vec<PathBuf>,
    /// Pairs whose members are on different nodes, beside those of --site
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// How many times a node's memory may be given to guests that run, 0.1 to 100 [default: the site's
    /// limits.ram_ratio, else 1.5]
    #[arg(long, value_name = "N", value_parser = ratio)]
    pub ram_ratio: Option<f64>,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How the records come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}

/// What becomes of guests that don't run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stopped {
    /// They stay
    Leave,
    /// They move, and stay stopped
    Move,
}

/// What every plan is told.
#[derive(Debug, Args)]
pub struct Terms {
    /// Pairs whose members stay on different nodes, beside those of --site
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// Where a node lacks storage A, use its storage B (VMs that run; or A and B of one type); A:B,C:D,
    /// or the option repeated. Of A:B,A:C a node uses the one that it has
    #[arg(long, value_name = "A:B", value_delimiter = ',', value_parser = pair)]
    pub storage_map: Vec<(String, String)>,
    /// Shut a VM down for the move if it cannot move while it runs
    #[arg(long)]
    pub allow_shutdown: bool,
    /// No guest may be down for longer, by the estimate: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = value::time())]
    pub max_downtime: Option<Duration>,
    /// How many times a node's memory may be given to guests that run, 0.1 to 100 [default: the site's
    /// limits.ram_ratio, else 1.5]
    #[arg(long, value_name = "N", value_parser = ratio)]
    pub ram_ratio: Option<f64>,
    /// Refuse a node that would keep less of its memory free, by what is in use [default: less than
    /// 10% is a warning]
    #[arg(long, value_name = "PERCENT", value_parser = value::percent)]
    pub min_free_mem: Option<u8>,
    /// The guest that this runs in, if its MAC addresses do not tell
    #[arg(long = "self", value_name = "VMID", value_parser = value::vmid)]
    pub own: Option<u32>,
    /// What a copy between nodes gets, in MB/s, unless the datacenter has a lower limit
    #[arg(long, value_name = "MB/S", default_value_t = policy::BANDWIDTH / 1_000_000, value_parser = number(1_u64, 1_000_000))]
    pub bandwidth: u64,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How the plan comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
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
