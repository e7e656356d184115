# The names that are to be published, a line each: of guests that work, and are not as $notes have them as published.
inputs
| select(.ready == true)
| . as $record
| select(.changed or (any($notes[]; .name == $record.name and .published == $record.address) | not))
| .dns_name // .name
