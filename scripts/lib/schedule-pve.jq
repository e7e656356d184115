# The jobs of a cluster and its storages as pbsprune schedule reads them, each with `from`, and what the token can't see of
# them. By --slurpfile: $rights, the answer of /access/permissions, or null where everything is seen; $backup, $replication,
# $storage and $guests, a list each, or null where it was refused.
include "may";

def unseen($list; $right): {from: "unseen", list: $list, right: $right};
def needs($list; $path; $right): if $rights[0] == null or ($rights[0] | may($path; $right)) then empty else unseen($list; "\($right) on \($path)") end;

(if $backup[0] == null then unseen("backup jobs"; "Sys.Audit on /") else $backup[0][] | . + {from: "pve-backup"} end),
($replication[0] // [] | .[] | . + {from: "pve-replication"}),
($storage[0] // [] | .[] | {from: "pve-storage", storage, type, server, datastore}),
($guests[0] // [] | .[] | select(.type == "qemu" or .type == "lxc") | {from: "pve-guest", vmid, node, pool}),
needs("replication jobs"; "/vms"; "VM.Audit"),
needs("storages"; "/storage"; "Datastore.Audit"),
needs("tasks of the nodes"; "/nodes"; "Sys.Audit")
