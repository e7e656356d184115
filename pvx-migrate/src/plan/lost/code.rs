//! What is said of a cluster that has lost a node, and of the guests that were there: the codes of
//! `plan lost`.

use crate::plan::code::codes;

codes! {
    /// What kind of finding.
    Code,
    "\
What if NODE dies now: the first record is about the cluster without it (votes, whether the HA manager
can act, memory, pairs), the others about its guests: \"comes_back\" is ha-restart (by itself), by-hand
(its disks are elsewhere, too), restore (of its backup), gone, or unknown; \"rpo_s\" is how much of its
data is lost, in time, \"rto_s\" how long it is away, from the loss on or, where a person has to act, from
then on; \"rests_on\" says why. Several nodes are lost together; --all is each of them by itself. The
document may be of before the loss or of after it: commands stand in \"runbook\" only if it shows the node
offline and the cluster with quorum. Of a node that is off Proxmox shows no configuration: --before FILE
is a document of before, from which they are taken.

Codes of findings:
",
    "  exemption-expired: an exemption of the site is over, and no longer counts
  exemption-unused: an exemption of the site matches nothing: remove it (with --all)

Environment: PVX_SITE, the site file if --site is not given; NETBOX_URL, to know the IPAM by its host

Exit codes: 0 every guest comes back by itself, 1 some finding is worse than info, 2 bad call or input,
3 stdout failed; with --nagios 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN

  pvx-migrate plan lost node2 --snapshots snapshots.json --site site.json --format table <cluster.json
  pvx-migrate plan lost --all --snapshots snapshots.json --format markdown <cluster.json >runbook.md";
    NoMajority "no-majority" "the rest of the cluster has no majority: HA does nothing, and nothing can be started or moved"
    LastVote "last-vote" "the rest has a majority, and no other node may fail (info)"
    HaOff "ha-off" "the HA manager is disarmed or shows no life, so it restarts nothing"
    MemoryAfterLoss "memory-after-loss" "a node has more memory given away than the site allows, once the lost guests are on it"
    NoRoom "no-room" "no node has the memory, or the space, for a guest that would have to be started or restored by hand"
    PairLost "pair-lost" "no member of a pair is left"
    PairSingle "pair-single" "one member of a pair is left (info)"
    PairTogether "pair-together" "the HA manager restarts it on the node of another member of its pair"
    BackupServerLost "backup-server-lost" "the backup server was there, too: it has to come back before what it restores"
    ReplicaStale "replica-stale" "its replica is older than its job's schedule has it: the job fails, is off or is late"
    StorageLost "storage-lost" "the server of a storage was there, too, and nothing stands in for it"
    ByHand "by-hand" "it runs, and a person has to start it elsewhere"
    Restore "restore" "it runs, and a backup has to be restored: what is newer is lost"
    Gone "gone" "its disks were there alone, and there is no backup of it that counts"
    HaElsewhere "ha-elsewhere" "the HA manager may start it where its disks are not"
    HaNowhere "ha-nowhere" "the HA manager has no node on which it may and can start it"
    Nowhere "nowhere" "its disks are elsewhere, too, but no node that has them can start it"
    VolumeLost "volume-lost" "a volume of it was there alone, and no backup has it"
    HaError "ha-error" "the HA manager has it in the error state, and leaves it alone"
    Tied "tied" "something of the lost node is needed to start it: a device, an image, a path"
    Locked "locked" "a lock keeps it from being started"
    BackupUnsure "backup-unsure" "whose its newest backup is, is not known"
    SlaAfterLoss "sla-after-loss" "the service it runs is promised to be back sooner (sla_s)"
    Unseen "unseen" "what decides it is not in the documents"
}

#[cfg(test)]
mod tests {
    use super::CODES;

    /// The README says of each what to do.
    #[test]
    fn the_readme_has_every_code() {
        let readme = include_str!("../../../README.md");
        let (_, section) = readme.split_once("\n## If a node is lost\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let rows = section.lines().filter_map(|line| {
            let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((code, rest.split(" | ").next().unwrap()))
        });
        let told: Vec<(&str, &str)> = rows
            .filter(|(code, _)| !code.contains("exemption"))
            .collect();
        assert_eq!(told, CODES);
    }
}
