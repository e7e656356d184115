//! The command line of `pbsprune`.

use std::{path::PathBuf, str::FromStr as _, time::Duration};

use clap::{
    Args, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use vmid::{positional, table::Format};

use crate::{
    calendar_event::CalendarEvent,
    cover::arguments::{self as covering, Cover},
    files::arguments::{self, Files},
    guard::Limit,
    options::{Clock, Counts, seconds},
    retention::Keep,
    schedule::{self, arguments::Schedule},
    simulation::At,
};

/// What `mark` says of itself behind its options; it is also what is done if no command is named.
const MARK: &str = "\
Reads a snapshot list on standard input, and writes each snapshot in its place with mark (keep,
keep-partial, protected, remove), reason, count, period, because and why. Nothing is removed: that
is for who reads the marks.

A group that a guard refuses has an error instead of marks. Three guards are always on: future-dated
(off with --allow-future), failed-row (a record of the group came with an error) and mixed-owners
(its rows have different owners, so lists of several namespaces came without --ns). Two need an
option: too-many (--max-remove, --max-remove-total) and stale (--stale-after). Without these,
--keep-daily 1 marks all but one of a hundred for removal. --no-guards turns all of them off.

The list may also be Proxmox VE's (pvesh get /nodes/N/storage/S/content --output-format json).

A SPAN is 90m, 36h, 14d, 2w or 1d12h; days have 24 hours. Environment: TZ, the zone in which days
begin if there is no --tz (else that of the system, /etc/localtime).

Exit codes: 0 done; 1 a guard refused some group, or a record came with an error; 2 the call or the
input is wrong, or no input came; 3 standard input or output failed

  proxmox-backup-client snapshot list --output-format json >list.json
  pbsprune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --format table <list.json
  pbsprune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --max-remove 20% --removals <list.json";

/// Say which backups of each group to keep and which to remove, as PBS decides it, and why
#[derive(Debug, Parser)]
#[command(
    name = "pbsprune",
    version,
    args_conflicts_with_subcommands = true,
    after_help = MARK
)]
pub struct Cli {
    /// What to do; mark, if nothing is said
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of mark
    #[command(flatten)]
    pub mark: Mark,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mark every snapshot of a list (what is done if no command is named)
    #[command(after_help = MARK)]
    Mark(Mark),
    /// Show where two policies differ, or a policy and the server
    #[command(after_help = "\
Reads a snapshot list on standard input, and writes the rows that one keeps and the other removes,
with a and b; then a record for each policy: {policy, kept, oldest, largest_gap_s}. Guards and
options that PBS lacks have no part in it. A policy is a list with commas, no spaces.

Environment: TZ, the zone in which days begin if there is no --tz (else that of the system).

Exit codes: 0 done; 1 they differ (only with --server); 2 the call or the input is wrong, or no
input came; 3 standard input or output failed

  pbsprune diff --a keep-last=7 --b keep-daily=7,keep-weekly=4,keep-monthly=12 <list.json
  proxmox-backup-client prune vm/100 --dry-run --keep-last 7 --output-format json >server.json
  pbsprune diff --a keep-last=7 --server server.json <list.json")]
    Diff(Diff),
    /// Show what a policy keeps after many backups, each followed by a pruning
    #[command(after_help = "\
Starts from the snapshot list on standard input, if there is one, else from nothing; one record
per group: {kept, depth_days, largest_gap_s, most}. Backups that would be older than what the
list has are left out; to look into the future, set --now.

A SPAN is 90m, 36h, 14d, 2w or 1d12h. Environment: TZ, the zone in which days begin if there is no
--tz (else that of the system).

Exit codes: 0 done; 2 the call or the input is wrong; 3 standard input or output failed

  pbsprune simulate --every 1d --at 02:00 --for 800d --keep-daily 7 --keep-weekly 4 </dev/null
  pbsprune simulate --schedule 'mon..fri 02:30' --for 800d --keep-daily 7 --keep-weekly 4 </dev/null
  pbsprune simulate --every 1d --for 365d --now 2027-12-31T02:00:00Z --keep-last 7 <list.json")]
    Simulate(Simulate),
    /// Say which archive file is which backup of which series, and mark it
    #[command(after_help = arguments::HELP)]
    Files(Files),
    /// Say which guests have no backup that could be restored, and why
    #[command(after_help = covering::HELP)]
    Cover(Cover),
    /// Say which jobs of cluster and backup server are in each other's way, and which the clock skips
    #[command(after_help = schedule::arguments::help())]
    Schedule(Schedule),
}

/// What a list is and when it is looked at.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The zone and the time
    #[command(flatten)]
    pub clock: Clock,
    /// Namespace of rows that name none
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "",
        hide_default_value = true
    )]
    pub ns: String,
}

/// `pbsprune mark`
#[derive(Clone, Debug, Args)]
pub struct Mark {
    /// What to keep
    #[command(flatten)]
    pub counts: Counts,
    /// What to keep in which group: JSON array of {ns, type, id, keep: {last, ...}}, first match wins
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly",
    ])]
    pub policy: Option<PathBuf>,
    /// Also keep a good one for each whose verification failed, and the newest that was verified
    #[arg(long)]
    pub verified: bool,
    /// Also keep what is no older than SPAN (14d) before the newest of its group
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub keep_within: Option<Duration>,
    /// Also keep the oldest of a group until its counts are full
    #[arg(long)]
    pub keep_oldest: bool,
    /// Refuse a group of which more than N, or P%, would be removed
    #[arg(long, value_name = "N|P%")]
    pub max_remove: Option<Limit>,
    /// Refuse all if more than N, or P%, of the list would be removed
    #[arg(long, value_name = "N|P%")]
    pub max_remove_total: Option<Limit>,
    /// Refuse a group whose newest finished backup is older than SPAN (3d)
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub stale_after: Option<Duration>,
    /// Don't refuse a group whose newest is more than an hour in the future
    #[arg(long)]
    pub allow_future: bool,
    /// PBS's bare decision: nothing is refused
    #[arg(long, conflicts_with_all = ["max_remove", "max_remove_total", "stale_after", "allow_future"])]
    pub no_guards: bool,
    /// Take standard input without a single byte for an empty list
    #[arg(long)]
    pub allow_empty: bool,
    /// Write a record per group instead: its keep counts, what there is, what goes, its newest
    #[arg(long, conflicts_with = "removals")]
    pub groups: bool,
    /// Write only the rows to remove, each snapshot once, oldest first within each group
    #[arg(long)]
    pub removals: bool,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The list
    #[command(flatten)]
    pub place: Place,
}

/// `pbsprune diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// One policy
    #[arg(long, value_name = "keep-last=7,...", value_parser = Keep::from_str)]
    pub a: Keep,
    /// The other
    #[arg(long, value_name = "keep-daily=7,...", value_parser = Keep::from_str,
        required_unless_present = "server", conflicts_with = "server")]
    pub b: Option<Keep>,
    /// The rows of the server's own dry run instead of another policy
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// Take standard input without a single byte for an empty list
    #[arg(long)]
    pub allow_empty: bool,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The list
    #[command(flatten)]
    pub place: Place,
}

/// `pbsprune simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    /// A backup each SPAN (1d)
    #[arg(long, value_name = "SPAN", value_parser = seconds,
        required_unless_present = "schedule", conflicts_with = "schedule")]
    pub every: Option<Duration>,
    /// At this time of the zone (02:00) or of UTC (02:00Z) [default: that of --now]
    #[arg(long, value_name = "TIME", conflicts_with = "schedule")]
    pub at: Option<At>,
    /// A backup whenever a job of Proxmox with this schedule runs ('mon..fri 02:30')
    #[arg(long, value_name = "EVENT")]
    pub schedule: Option<CalendarEvent>,
    /// Over so long (800d)
    #[arg(long = "for", value_name = "SPAN", value_parser = seconds)]
    pub duration: Duration,
    /// What to keep
    #[command(flatten)]
    pub counts: Counts,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The list
    #[command(flatten)]
    pub place: Place,
}

impl Cli {
    /// When the list is looked at, whatever the command.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        match &self.command {
            None => &self.mark.place.clock,
            Some(Command::Mark(mark)) => &mark.place.clock,
            Some(Command::Diff(diff)) => &diff.place.clock,
            Some(Command::Simulate(simulate)) => &simulate.place.clock,
            Some(Command::Files(files)) => &files.clock,
            Some(Command::Cover(cover)) => &cover.clock,
            Some(Command::Schedule(schedule)) => &schedule.clock,
        }
    }
}

/// What to say if the call was refused because of a word that looks like a file: no word is
/// a file here, the list comes on standard input.
#[must_use]
pub fn file_as_word(error: &clap::Error) -> Option<String> {
    let words = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg];
    let mut words = words.iter().filter_map(|&kind| error.get(kind));
    let word = words.find_map(|value| match value {
        ContextValue::String(word) if positional::looks_like_file(word) => Some(word),
        _ => None,
    })?;
    Some(positional::told(word))
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
