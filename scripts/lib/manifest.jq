# The record of a template from its manifest, whose file is as it was when it was built; $file, $name and $sum are the file's.
if type != "object" or (.sha256 | type) != "string" or (.packages | type) != "object" then error("it is no manifest of build-template's")
elif .sha256 != $sum then error("it says \(.sha256 | tostring | .[:64]), and \($name) is \($sum): the file isn't the one that was built")
elif $name | test("\\A[A-Za-z0-9][A-Za-z0-9.+=_-]*\\.tar\\.zst\\z") | not then error("\($name | tojson) is no name that Proxmox would keep")
else {template, file: $file, sha256, size, packages: (.packages | length), suite, changed: false} end
