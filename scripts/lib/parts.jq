# The files of a backup that is to be removed, a record each.
.parts[] as $part | del(.parts, .files, .comment) + $part
