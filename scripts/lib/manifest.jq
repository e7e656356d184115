# The record of a template from its manifest, whose file is as it was when it was built; $file, $name, $sum and $size are the file's.
# Its name has to be the one that it was built with: it bears the content's sum, so no other file can have it.
if type != "object" or ([.sha256, .file, .template, .suite] | any(type != "string")) or (.packages | type) != "object" or (.size | type) != "number"
  or (.template | test("\\A[A-Za-z0-9][A-Za-z0-9.+-]*\\z") | not) then error("it is no manifest of build-template's")
elif .sha256 != $sum then error("it says \(.sha256 | tostring | .[:64]), and \($name) is \($sum): the file isn't the one that was built")
elif $name | test("\\A[A-Za-z0-9][A-Za-z0-9._-]*\\.tar\\.zst\\z") | not then error("\($name | tojson) is no name that Proxmox would keep")
elif .size != $size then error("it says \(.size) bytes, and \($name) has \($size)")
elif .file != $name or ($name | contains("-\($sum[:8])_") | not) then error("\($name) was built as \(.file | tojson): its name is to be that one")
else {template, file: $file, sha256, size, packages: (.packages | length), suite, changed: false} end
