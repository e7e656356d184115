# Rights as Proxmox hands them down: $rights | may($path; $right), of an answer of /access/permissions.
def above: if . == "/" then empty else sub("/[^/]*$"; "") | if . == "" then "/" else . end end;

# Of its own, or, where the path isn't named, of the nearest above that is, if that one hands it down (1).
def may($path; $right):
  . as $rights
  | if has($path) then .[$path] | has($right)
    else first($path | recurse(above) | select(. != $path and in($rights))) // null
      | . != null and ($rights[.][$right] == 1 or $rights[.][$right] == true)
    end;
