//! What an audit finds: the codes, for records, for the help, for the README.

/// The table and the help, which lists it. Only a macro can put literals together into the constant
/// that clap needs.
macro_rules! codes {
    ($($code:literal $meaning:literal)*) => {
        /// Code and meaning, in the order of the help.
        pub const CODES: &[(&str, &str)] = &[$(($code, $meaning)),*];

        /// The codes for the help, one a line.
        pub const HELP: &str = concat!("\
A record for each guest, node, storage, pair and service, and one for the cluster; \"status\" is the
worst of its findings. Everything is decided from the state document and the site: nothing is asked
of the cluster. What the token could not see is \"unseen\", never fine; what the site lets pass
(\"exempt\") stays, and says why.

Codes:
", $("  ", $code, ": ", $meaning, "\n",)* "
Environment: PVX_SITE, the site file if --site is not given. Without either, one line on stderr says
what is not judged.

Exit codes: 0 no finding but what is worth knowing, 1 some, 2 bad call, no state document or one that
is too old, or a site of whose nodes none is in the cluster, 3 stdout failed. With --nagios: 0 OK,
1 WARNING, 2 CRITICAL, 3 UNKNOWN, a bad call included

  pvx-migrate state --content >cluster.json
  pvx-migrate audit --site site.json --format table <cluster.json");
    };
}

codes! {
    "local-storage" "a volume, a cloud-init drive or an image is on a storage that the site keeps from guests"
    "wrong-pool" "a volume is on none of its node's storages"
    "database-storage" "a database is on a type of storage that the site has none on"
    "not-shared" "what HA starts elsewhere rests on replicas of a storage that is the node's own (info)"
    "no-exchange" "containers and stopped VMs can't be moved between two storages (info)"
    "unused-volume" "a volume is in no drive any more, and takes its space"
    "privileged" "a container is privileged, and its role doesn't say so"
    "privileged-unneeded" "a container may be privileged, and nothing in its configuration needs it (info)"
    "raw-keys" "raw lines for LXC or arguments for QEMU, which Proxmox doesn't know the meaning of"
    "no-limit" "a container may use all of its node's processors"
    "role-unknown" "neither a service nor a tag says what it is for, so the rules of roles don't apply (info)"
    "foreign-bridge" "an interface is on a bridge that the site doesn't have there, or on none"
    "pair-together" "members of a pair are on the same node"
    "member-missing" "a member of a pair is no guest of the cluster"
    "misplaced" "a member of a pair is not on the node that the site names (info)"
    "service-missing" "the guest of a service is not in the cluster"
    "type-drift" "a service's guest is a container and should be a VM, or the other way round"
    "ha-missing" "it should be under HA, and is not"
    "ha-unwanted" "it is under HA, and the site says nothing of that"
    "ha-style" "it is under HA, which can't do what the site wants: no other node is allowed, or it is off"
    "ha-error" "the HA manager has given it up"
    "ha-off" "the HA manager does nothing: it is disarmed, has no quorum, or no node decides"
    "ha-node" "nothing is heard of the HA of a node that is online"
    "ha-state" "the HA manager fences or recovers it, or it is off and should be started"
    "ha-rule-dropped" "a rule is configured, and the HA manager doesn't obey it"
    "ha-stray" "an HA resource is of no guest of the cluster"
    "ha-cannot-start" "it is under HA, and no other node is known to be able to start it"
    "live-impossible" "it should move without a pause, and can't"
    "sla" "what is promised after the loss of a node, or in maintenance, can't be kept"
    "overprovisioned" "a node's memory is given away more often than the site allows"
    "overprovisioned-after-loss" "... and so would the others' memory be, if this node were lost"
    "quorum" "the cluster has no quorum, or would lose it with one node"
    "node-offline" "a node doesn't answer"
    "replica-stale" "a replication job is overdue"
    "replica-failing" "the last runs of a replication job failed"
    "replica-never" "a replication job never had a good run"
    "replica-disabled" "a replication job is switched off"
    "no-replica" "HA should start it elsewhere, and no replication job copies its volumes"
    "onboot-missing" "it runs, and will not be started with its node"
    "agent-missing" "a VM runs without the guest agent"
    "snapshot-old" "a snapshot is older than --snapshot-age"
    "lock" "a lock that no task holds any more"
    "template-missing" "a node lacks a template of the site"
    "unseen" "it was not seen, so it is not known to be fine"
    "exemption-expired" "an exemption of the site is over, and no longer counts"
    "exemption-unused" "an exemption of the site matches nothing: remove it"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_them_all() {
        let readme = include_str!("../../README.md");
        let rows = CODES
            .iter()
            .map(|(code, meaning)| format!("| `{code}` | {meaning} |"));
        let rows = rows.collect::<Vec<_>>().join("\n");
        assert!(readme.contains(&rows), "the table is:\n{rows}");
    }

    #[test]
    fn the_exemptions_codes_are_theirs() {
        for code in vmid::exempt::CODES {
            assert!(CODES.contains(code), "{}", code.0);
        }
        for (at, (code, _)) in CODES.iter().enumerate() {
            assert!(CODES[..at].iter().all(|(other, _)| other != code), "{code}");
        }
    }
}
