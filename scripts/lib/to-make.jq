# The records that pvx-migrate plan make is asked about: one that lives has no params, and needs none.
include "records";
select(.error == null and (of_no_guest | not)) | del(.command, .setup)
