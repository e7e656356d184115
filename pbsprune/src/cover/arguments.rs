//! The command line of `pbsprune cover`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use vmid::{site::Named, table::Format};

use crate::options::{Clock, seconds};

/// What `cover` says of itself behind its options; a test compares the codes with the table.
pub const HELP: &str = "\
Reads snapshot lists on standard input, of a Proxmox Backup Server (with ns and datastore in their
rows) or of a storage of Proxmox VE, and writes a record for each guest: newest (that can be
restored), where, age_s, complete, verified, verified_age_s, count, jobs, volumes_left_out, status,
findings. Nothing is asked and nothing is changed. scripts/backup-coverage gathers all of it.

A backup can be restored if it came to its end and no verification failed. How old it may be is
said by the guest's job: a run that began --grace ago or earlier must have made one. Without a job
that is known it is --max-age. Snapshots that are dated more than an hour ahead count for nothing.

  no-job             no backup job is about the guest
  job-disabled       all jobs that are about it are off
  never              there is no backup of it that came to its end
  new                there is none, and its job has not run since it was made
  stale              the newest that can be restored is older than it may be
  stale-job          one of its jobs has left none since its run, where another one has
  only-failed        the newest that is complete failed its verification; critical if all did
  unverified         neither its newest nor any younger than --verify-age is verified
  volume-left-out    a volume of it is in no backup: backup=0, not set, a bind mount
  incomplete-newest  the newest did not come to its end
  other-name         by its notes the newest is of a guest with another name
  no-agent           a VM without guest agent: its backups are as after a power failure
  orphan-group       backups of an ID that no guest has
  unseen             a list that was not given whole: what follows from it is not known
  zone-assumed       nobody says in which zone the schedules are: this host's is taken
  exemption-expired  an exemption of the site is over, and no longer counts
  exemption-unused   an exemption of the site matches nothing: remove it

The site's exemptions ({\"exempt\":[{\"code\":\"no-job\",\"vmid\":30066,\"why\":\"...\"}]}) make a finding info.
A record {\"unseen\":{\"list\":\"...\",\"right\":\"...\"}} in a list says that it is not whole; with
\"vmids\":[...] only as to these guests, with \"storage\":\"...\" of which storage. A storage that a job
writes to, and of which no list came, is unseen; {\"looked\":{\"storage\":\"nas\"}}, or \"datastore\", says of an
empty list that it came.

A SPAN is 90m, 36h, 14d, 2w or 1d12h. Environment: PVX_SITE, the site file if there is no --site;
TZ, the zone of schedules if neither --tz nor the site names one (else that of the system).

Exit codes: 0 no finding above info; 1 findings; 2 the call or the input is wrong, or no input came;
3 standard input or output failed. With --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and all
that goes wrong is 3

  pvx-migrate state >cluster.json
  proxmox-backup-client snapshot list --output-format json >snapshots.json
  pbsprune cover --guests cluster.json --format table <snapshots.json";

/// `pbsprune cover`
#[derive(Debug, Args)]
pub struct Cover {
    /// The guests: what pvx-migrate state prints, /cluster/resources, or records as scripts/inventory has them
    #[arg(long, value_name = "FILE")]
    pub guests: PathBuf,
    /// The backup jobs (/cluster/backup) [default: those of a state document]
    #[arg(long, value_name = "FILE")]
    pub backup_jobs: Option<PathBuf>,
    /// Its exemptions and its time zone
    #[command(flatten)]
    pub site: Named,
    /// How old the newest backup may be where no job says it
    #[arg(long, value_name = "SPAN", default_value = "36h", value_parser = seconds)]
    pub max_age: Duration,
    /// So long after a job's run began its backup of each guest must be there
    #[arg(long, value_name = "SPAN", default_value = "6h", value_parser = seconds)]
    pub grace: Duration,
    /// How old the newest verified backup may be
    #[arg(long, value_name = "SPAN", default_value = "8d", value_parser = seconds)]
    pub verify_age: Duration,
    /// Take standard input without a single byte for an empty list
    #[arg(long)]
    pub allow_empty: bool,
    /// Namespace of rows that name none
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "",
        hide_default_value = true
    )]
    pub ns: String,
    /// One line with performance data, and exit codes, as monitoring plugins have them
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The zone and the time
    #[command(flatten)]
    pub clock: Clock,
}
