# What may still have the ID of a guest ($vmid), as 'vmid trace' reads it: the state ($state) without what Proxmox takes along
# with a guest, if this one went; its backups in PBS ($list, read with $rights); and the site.
include "records";

def without_guest:
  .guests |= map(select(.vmid != $vmid))
  | if .content then .content |= map(if .volumes then .volumes |= map(select(.vmid != $vmid or .content == "backup")) else . end) else . end
  | if .ha then .ha.resources |= map(select(.sid | IN("ct:\($vmid)", "vm:\($vmid)") | not))
      | .ha.rules |= map(.resources |= map(select(IN("ct:\($vmid)", "vm:\($vmid)") | not))) else . end
  | if .replication then .replication |= map(select(.vmid != $vmid)) else . end
  | if .backup_jobs then .backup_jobs |= map(.vmids = [.vmids[]? | select(. != $vmid)] | .exclude = [.exclude[]? | select(. != $vmid)]) else . end;

(.act == "remove") as $went
| ($state[0] | if $went then without_guest else . end),
  ($site[0] | .source = "site"),
  $rights[],
  ($list[] | records | select("\(.["backup-id"])" == "\($vmid)")
   | {source: "backup-group", store: ($rights[0].store // ""), ns: (.ns // ""), "backup-type", "backup-id": "\($vmid)", "backup-time", comment})
