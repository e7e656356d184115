# The names that requests are about, a line each, as their owners have them.
include "records";
include "site";

[$site[0] as $site | inputs | select(.error == null and (of_no_guest | not)) | .name | short($site)] | unique[]
