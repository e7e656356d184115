//! Why a guest can't be destroyed, or what should be known of it: the codes of `plan remove`.

use crate::plan::{code::codes, record::Blocker};

codes! {
    /// What kind of blocker or warning.
    Code,
    "\
A line per guest, in the order of the call. Everything is decided from the state document: nothing is
asked of the cluster. The way back is a backup of that very guest (--snapshots, what
'proxmox-backup-client snapshot list --output-format json' prints), or --no-backup-needed says that
none is wanted. 'purge' of a step is what goes with the guest: 'run' destroys nothing if it finds more.

Codes in \"blockers\" (the guest stays) and \"warnings\" (it goes, and this should be known):
",
    "
Environment: PVX_SITE, the site file if --site is not given. Without either, one line on stderr says
what is not known.

Exit codes: 0 every guest can go, 1 one of them cannot, 2 bad call or input, a guest that is not in the
state, no state document or one that is too old, or a site of whose nodes none is in the cluster,
3 stdout failed

  pvx-migrate plan remove 30050 --name paperless --stop --snapshots snapshots.json <cluster.json >plan.jsonl";
    Name "name" "it has another name than the one given, or none"
    Protection "protection" "its protection flag is set"
    Locked "locked" "a backup, snapshot, migration, ... holds its lock"
    Running "running" "it runs, and --stop isn't given; or it is paused, and so cannot shut down"
    Ha "ha" "an HA resource: goes with --purge, and (a warning) rules of HA lose it"
    Replication "replication" "a replication job: goes with --purge"
    BackupJob "backup-job" "a backup job names it: with --purge it is taken off, or the job goes that names it alone"
    LinkedClone "linked-clone" "a guest is a linked clone of this template"
    Pair "pair" "no member of its pair that runs would be left (--whole-pair)"
    NoBackupSeen "no-backup-seen" "no backup of it that counts: finished, not failed, of this guest, new enough (--backup-within) and made after it"
    BackupUnsure "backup-unsure" "whose its newest backup is, is not known: by its comment, namespace, or (a warning) time"
    VolumeNotInBackup "volume-not-in-backup" "a volume of it is in no backup, or not in that one"
    NoQuorum "no-quorum" "the cluster has no quorum, so no node acts"
    Offline "offline" "its node does not answer"
    Storage "storage" "a storage with a volume of it is not at its node, or disabled"
    Own "self" "this command runs in it"
    Snapshots "snapshots" "its snapshots go, too"
    Left "left" "what stays: replicas, and volumes that its configuration does not name"
    Unseen "unseen" "what decides it is not in the state"
}

impl Code {
    /// A blocker or warning with it.
    #[must_use]
    pub fn says(self, message: impl Into<String>) -> Blocker {
        Blocker {
            code: self.as_str().to_owned(),
            message: message.into(),
        }
    }
}
