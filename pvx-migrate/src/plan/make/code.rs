//! Why a guest can't be made, or what should be known of it: the codes of `plan make`.

use crate::plan::{code::codes, record::Blocker};

codes! {
    /// What kind of blocker or warning.
    Code,
    "\
A line per guest, in the order of the records: what provision prints, or records with \"vmid\", \"name\",
\"node\", \"type\" (or \"shape\") and \"params\". Everything is decided from the state document, which
'state --content' makes: nothing is asked of the cluster. A guest that lives already under its ID
and name is not made again (\"exists\"; \"differs\" says what is not as asked).

Codes in \"blockers\" (the guest is not made) and \"warnings\" (it is made, and this should be known):
",
    "
A record that is no guest's comes out with \"error\" (bad-field; named-twice for an ID that two of them
have), and 'run' leaves it alone.

Environment: PVX_SITE, the site file if --site is not given. Without either, one line on stderr says
what is not known.

Exit codes: 0 every guest is made or exists, 1 one of them cannot be made (or its record had an
error), 2 bad call or input, no state document or one that is too old, or a site of whose nodes none
is in the cluster, 3 stdout failed

  pvx-migrate plan make --state cluster.json --site site.json <guests.jsonl >plan.jsonl";
    VmidTaken "vmid-taken" "another guest lives under the ID"
    NameTaken "name-taken" "another guest has the name, in the cluster or in this call"
    Remembered "remembered" "an HA resource, a replication job or a volume of the ID is left of an earlier guest"
    NoQuorum "no-quorum" "the cluster has no quorum, so no node acts"
    Node "node" "the cluster has no such node"
    Offline "offline" "the node does not answer"
    Maintenance "maintenance" "the HA manager has the node in maintenance"
    Storage "storage" "the node does not have the storage, or it is disabled"
    StorageContent "storage-content" "the storage takes no such volumes"
    Space "space" "the storage has less space left than is asked for"
    Template "template" "the template or image is not at the node"
    Bridge "bridge" "the node lacks the bridge"
    VlanUnaware "vlan-unaware" "the bridge is not VLAN-aware: a tag needs a port of it (else blocked), and a bridge more"
    Memory "memory" "the node's memory would be given away too often (--ram-ratio)"
    Pair "pair" "a member of its pair is on the node"
    Pool "pool" "the cluster does not have the site's pool"
    RootOnly "root-only" "no token may set that: \"root_only\" has the commands for root on the node, if nothing else is in the way"
    Parameter "parameter" "a parameter that is never sent, or in a form that is not"
    NotMade "not-made" "the record has no params: provision knew the guest as one that lives"
    Privileged "privileged" "a privileged container: the token needs Sys.Modify on /"
    NoKeys "no-keys" "no SSH keys: nobody can log in over the network"
    BackupJob "backup-job" "a backup job names or excludes the ID already"
    OldBackups "old-backups" "backups of an earlier guest of the ID: new ones will be among them"
    Unseen "unseen" "what could be in the way is not in the state"
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
