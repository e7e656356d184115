# Tar files, told six words at a time, as rows that pbsprune reads: a folder is a group.
split("\u0000") as $words
| [range(0; ($words | length) - 5; 6) as $at # the last word is what ends the others
   | $words[$at:$at + 6] as [$service, $file, $size, $mtime, $time, $finished]
   | {"backup-type": "host", "backup-id": $service, "backup-time": ($time | tonumber), file: $file, size: ($size | tonumber), mtime: $mtime,
      files: (if $finished == "yes" then ["index.json.blob"] else [] end)}]
| sort_by(.file)[]
