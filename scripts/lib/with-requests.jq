# Requests that are to be rolled back, each as {record, request, short}.
include "records";
include "site";

inputs | {record: ({name, vlan, error} | del(.[] | nulls)), request: ., short: (if .error or of_no_guest then null else .name | short($site[0]) end)}
