# The jobs of a state document as pbsprune schedule reads them, and what wasn't seen when it was made. Only a cluster's own answer
# knows the datastore of a storage; without it a storage of a backup server may be any of its datastores.
def unseen($list; $right): {from: "unseen", list: $list, right: $right};

(if .backup_jobs == null then unseen("backup jobs"; "Sys.Audit on /, or a state document of version 3") else
  .backup_jobs[] | . + {from: "pve-backup"} end),
(.nodes[] | .node as $node
  | if .replication == null then
      if .online == false then empty else unseen("replication jobs of \($node)"; "VM.Audit on /vms, or a state document of version 3") end
    else .replication[] | . + {from: "pve-replication"} end),
(.guests[] | {from: "pve-guest", vmid, node, pool}),
(.storages[] | {from: "pve-storage", storage, type, server})
