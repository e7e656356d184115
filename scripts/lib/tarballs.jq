# Tar files, told six words at a time, as rows that pbsprune reads: a folder is a group, and its files
# of one time are the parts of one backup, which is finished if all of them are.
split("\u0000") as $words
| [range(0; ($words | length) - 5; 6) as $at # the last word is what ends the others
   | $words[$at:$at + 6] as [$folder, $file, $size, $mtime, $time, $finished]
   | {service: ($folder | ltrimstr("BK_")), time: ($time | tonumber), finished: ($finished == "yes"),
      part: {file: $file, size: ($size | tonumber), mtime: $mtime}}]
| group_by(.service, .time)[]
| sort_by(.part.file)
| {"backup-type": "host", "backup-id": .[0].service, "backup-time": .[0].time, size: (map(.part.size) | add),
   comment: (map(.part.file | split("/") | last) | join(", ")),
   files: (if all(.finished) then ["index.json.blob"] else [] end), parts: map(.part)}
