//! The command line of `pvx-migrate run`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::value::{number, time, vmid};

/// `pvx-migrate run`
#[derive(Debug, Args)]
#[command(after_help = concat!("\
Each line of the plan is checked once more against the cluster, done, followed and verified; its
record comes out when that is so, with \"changed\", and \"error\" where it is not where it should be:
not-begun, blocked, changed, refused, no-quorum, target-offline, no-space, locked, not-moved,
start-failed, elsewhere, ha-refused, ha-moved-back (the guest is as it was before), unread (the same
command tries it again), or stopped, paused, stale-lock, did-not-stop, node-down, no-progress,
ha-error, ha-busy, gone, no-answer (a person must act; the message says what to do). What a broken copy has
left on the target is in \"leftovers\".

Guests that are made (plan make) have \"host_keys\" (a container's from the log of its creation, a VM's
from its guest agent; else a warning no-host-keys says why not) and \"took_ms\", and where ID and name were there
before \"exists\" and \"differs\": nothing is changed then. Besides those above: vmid-taken,
node-offline, node-down, not-made (nothing is there), resize-failed, start-failed (it is made, and the
rest is not), or half-made, stale-lock, locked, gone, changed, elsewhere, unseen (a person must act). Guests that
are removed (plan remove): running, protection, did-not-stop, not-destroyed, unseen, changed (it is
there, and was not touched but for a shutdown). A run removes nothing that a plan does not name, nor
what is left of a creation.

Killed at any point, the same command with the same journal goes on: it finds the tasks that are
running, repairs what was left, and begins what was not begun. A guest that ran is not left
stopped. Ctrl-C begins nothing new; a second one leaves what is under way to the journal.

", super::cluster_help!(), "

Exit codes: 0 all done, 1 some guest was not moved, made or removed, 2 wrong call or input, 3 a guest
needs a person, or the cluster or the disk failed
Example: pvx-migrate run --journal drain.jsonl < plan.jsonl"))]
pub struct Run {
    /// What was done is written here, and read again by the next run and by `plan return`
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub journal: Option<PathBuf>,
    /// A guest that this journal has made is in use: the run's mark goes from its description (no plan is
    /// read)
    #[arg(long, value_name = "VMID", value_parser = vmid, requires = "journal",
        conflicts_with_all = ["jobs", "jobs_per_node", "partial", "dry_run", "quorum_wait", "agent_wait", "max_age"])]
    pub ready: Option<u32>,
    /// Guests at once, in all (1 to 64)
    #[arg(long, value_name = "N", default_value = "4", value_parser = number(1_u8, 64))]
    pub jobs: u8,
    /// Guests at once out of a node, and into it (1 to 64)
    #[arg(long, value_name = "N", default_value = "2", value_parser = number(1_u8, 64))]
    pub jobs_per_node: u8,
    /// Begin even if a running guest would stay on the node, or one can't be made or removed
    #[arg(long)]
    pub partial: bool,
    /// Check every step and say what would be done, without doing it
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Wait so long in all for a cluster that has lost its quorum, for each guest: 90s, 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time())]
    pub quorum_wait: Duration,
    /// Wait so long for the guest agent of a VM that was made, which tells its host keys; 0s: ask once
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time())]
    pub agent_wait: Duration,
    /// Refuse a plan whose state is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time())]
    pub max_age: Duration,
    /// How the cluster is reached
    #[command(flatten)]
    pub connection: vmid::http::Options,
}
