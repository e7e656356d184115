# What find sees of files, four words a line: by name [size, mtime, inode]; and whether it is as a record has it.
def seen: split("\u0000") as $words
    | reduce range(0; ($words | length) - 3; 4) as $at ({};
        .[$words[$at] | ltrimstr("\n")] = [$words[$at + 1:$at + 3][] | tonumber] + [$words[$at + 3]]);
def is_as_in($seen): $seen[.path | split("/") | last] == [.size, .mtime, .inode];
