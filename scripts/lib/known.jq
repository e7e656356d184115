# What a journal of pvx-migrate run (raw) says of the guest of a job, the input: "ready" if it was made and is in use, and the cluster has it, "ours"
# if it was made, "adopted" if it was taken over, else "foreign". $note is provision's, or null.
def whose($journal; $note):
  .record as $own
  | (.record.exists // .plan.exists) as $exists
  | reduce ($journal | split("\n")[] | fromjson? | objects | select(.vmid == $own.vmid)) as $line ({};
      if $line.action == "destroy" and $line.phase == "verified" then {}
      elif $line.action != "create" then .
      elif $line.name != $own.name then {}
      else
        .ready = ($line.phase == "ready" or (.ready and ($line.created == null or $line.created == .task)))
        | .task = ($line.created // .task)
      end)
  | if .ready and $exists then "ready" elif .task then "ours"
    elif $note.adopted and $note.vmid == $own.vmid and $note.name == $own.name then "adopted" else "foreign" end;
