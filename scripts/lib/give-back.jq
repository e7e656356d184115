# What the IPAM would do with the address of a call that is taken back (the input, of ipalloc release --dry-run), unless it is another address now, or
# nobody knows who allocated it ($verdict of rollback.jq). The release itself goes by the name.
include "text";

$verdict[0] as $verdict
| $verdict.record.address as $address
| inputs
| if .error or (.changed | not) then .
  elif .address != $address then
    .changed = false | failed("address-changed"; "the IPAM has \(.address) for \(.name) now, and the call had \($address): it stays, and `ipalloc release` frees it")
  elif $verdict.sure | not then
    .changed = false | failed("not-known"; "the call was cut off while \($address) was allocated; whether by it or by somebody since can't be told: it stays, and `ipalloc release` frees it")
  else . end
