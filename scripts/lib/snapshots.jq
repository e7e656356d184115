# The snapshots of a list in $ns, with their namespace.
include "records";
records | . + {ns: $ns}
