//! The command line of `pbsprune schedule`.

use clap::Args;
use vmid::{site::Named, table::Format};

use super::code::CODES;
use crate::options::Clock;

/// What `schedule` says of itself behind its options, before the codes.
const HELP: &str = "\
Reads the jobs of a cluster and its backup server on standard input, as scripts/schedule-lint gathers them, and
writes a record for each: when it runs next, which runs the clock skips, how long it lasts, a letter for each hour
of its day (# it begins, = it still runs), whose way it is in, and another time at which it is in nobody's. Nothing
is changed.

A record is one of a server's list, with \"from\": pve-backup, pve-replication, pve-storage, pve-node, pve-guest,
pve-task, pbs-gc, pbs-prune, pbs-verify, pbs-sync, pbs-time, pbs-task; unseen, {list, right}, for a list that couldn't be
read; or a plain one, without it, for any other job:

  {name, schedule, scheduler, tz, duration_s, duration_max_s, on, kind}

schedule is a calendar event ('mon..fri 02:30'), or with the scheduler cron or semaphore five fields ('30 2 * * 1-5');
on says where it works, a node or a datastore, or several: only jobs at one place are in each other's way. kind is
backup, replication, other, sync, prune, gc or verify. How long the servers' jobs last is known by their tasks.

Severity: info, warning, unknown (could not be seen), critical. A finding that the site exempts (--site, \"exempt\") is
info, and says why.";

/// What comes behind the codes.
const EXITS: &str = "\
Exit codes: 0 nothing above info was found; 1 something was, or a record was wrong; 2 the call or the input is
wrong, or nothing came in; 3 standard input or output failed. With --nagios: 0 OK, 1 WARNING, 2 CRITICAL,
3 UNKNOWN, a bad call included

  scripts/schedule-lint --format table
  echo '{\"name\":\"dump\",\"schedule\":\"02:00\",\"on\":\"nas\",\"duration_s\":600}' | pbsprune schedule --tz Europe/Berlin";

/// All of it.
#[must_use]
pub fn help() -> String {
    let widest = CODES.iter().map(|(code, _)| code.len()).max().unwrap_or(0);
    let codes = CODES
        .iter()
        .map(|(code, what)| format!("  {code:widest$}  {what}\n"));
    let codes: String = codes.collect();
    format!("{HELP}\n\nCodes of findings:\n{codes}\n{EXITS}")
}

/// `pbsprune schedule`
#[derive(Clone, Debug, Args)]
pub struct Schedule {
    /// The site: its time zone, and the findings that it exempts
    #[command(flatten)]
    pub site: Named,
    /// Look at so many days for jobs that meet; the clock's changes are looked for a year ahead
    #[arg(long, value_name = "N", default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub days: u16,
    /// Tell so many next runs of each job
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub next: u16,
    /// Say also what is only worth knowing; records always do
    #[arg(long)]
    pub all: bool,
    /// One line and an exit code as monitoring plugins have them
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
    /// Take no records for an answer
    #[arg(long)]
    pub allow_empty: bool,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The zone of jobs that name none [default: the site's, else the system's], and the time
    #[command(flatten)]
    pub clock: Clock,
}
