# The rows that pbsprune marked to be removed, oldest first within each group.
map(select(.mark == "remove")) | sort_by(.["backup-id"], .["backup-time"])[]
