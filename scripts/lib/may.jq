# Rights as Proxmox hands them down: $rights | may($path; $right), of an answer of /access/permissions, which has 1 (or true) where a right
# holds for what is below a path, too.
def above: if . == "/" then empty else sub("/[^/]*$"; "") | if . == "" then "/" else . end end;
def is_handed_down: . == 1 or . == true;

# Of its own, or, where the path isn't named, of the nearest above that is, if that one hands it down. A path of all guests, storages, nodes or
# remotes is asked about for what is below it.
def may($path; $right):
  . as $rights
  | if has($path) then
      if $path | IN("/", "/vms", "/storage", "/nodes", "/remote") then .[$path][$right] | is_handed_down else .[$path] | has($right) end
    else first($path | recurse(above) | select(. != $path and in($rights))) // null
      | . != null and ($rights[.][$right] | is_handed_down)
    end;
