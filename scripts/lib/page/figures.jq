# Ages and sizes, which are others each night: in one section at the end, so that the rest of two pages differs where the cluster does.

def instant: if type == "number" then todate else tostring end;
def bytes: if type != "number" then "?" elif . >= 1099511627776 then "\(. / 1099511627776 * 10 | round / 10) TiB" else "\(. / 1073741824 * 10 | round / 10) GiB" end;
def age: if . == null then "" elif . < 0 then "in the future" elif . >= 172800 then "\(. / 86400 | floor) d" elif . >= 7200 then "\(. / 3600 | floor) h" elif . >= 120 then "\(. / 60 | floor) min" else "\(. | floor) s" end;
def at_seconds: $state.at // null | if type == "string" then (sub("[.][0-9]+"; "") | fromdate? // null) else . end;

def figures:
  heading("Figures"),
  ("As of \($state.at // "?" | data)\(if $state.cluster.pve then ", Proxmox VE \($state.cluster.pve | data)" else "" end)." | paragraph),
  table(["Node", "Memory in use"]; nodes[] | [(.node | data), "\(.mem | bytes) of \(.maxmem | bytes)"]),
  table(["Storage", "Node", "Free"];
    $state.storages // [] | sort_by(.storage)[] | .storage as $storage
    | if .shared then .nodes // {} | to_entries[0] // empty | [($storage | data), "all", "\(.value.free | bytes) of \(.value.total | bytes)"]
      else .nodes // {} | to_entries | sort_by(.key)[] | [($storage | data), (.key | data), "\(.value.free | bytes) of \(.value.total | bytes)"] end),
  (at_seconds as $now
   | table(["Replication", "From", "To", "Last copy", "Took", "Failures"];
      [nodes[] | .replication[]?] | sort_by(.id)[]
      | [(.id | data), (.source // "" | data), (.target | data), (if (.last_sync // 0) == 0 then "never" elif $now then "\($now - .last_sync | age) ago" else .last_sync | instant end),
         (.duration | seconds), (.fail_count // 0 | tostring)])),
  table(["Guest", "Newest backup", "Age", "Verified", "Backups"];
    $cover | sort_by([.vmid == null, .vmid])[] | [(subject | data), (.newest // "none" | instant | data), (.age_s | age), (.verified_age_s | if . then "\(age) ago" else "" end), (.count // "" | tostring)]),
  table(["If lost", "Guest", "State is older by", "Back after", "Which rests on"];
    $lost | map(select(.vmid)) | sort_by([.node, .vmid])[:most_rows][] | [(.node | data), (subject | data), (.rpo_s | age), (.rto_s | age), (.rests_on // "" | if type == "array" then map(plain) | join("; ") else plain end | data)]),
  ($findings | findings | map(select((.finding | severity) != "info" and .finding.code != "not-run" and (.finding.message // "" | masked) != .finding.message)) | select(. != [])
   | "Findings with their figures:", "", table(["What", "Finding", "Message"]; .[:most_rows][] | [(.subject | data), (.finding.code | data), (.finding.message | data)]));
