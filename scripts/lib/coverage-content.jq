# The backups that the storages of a state document hold, as rows of their lists, and what its token can't see of them.
# Proxmox leaves out of these lists, without a word, what the token may not see: what that is follows from its rights.
# $pbs: a Proxmox Backup Server is asked itself, so its storages aren't looked at.

def above: if . == "/" then empty else sub("/[^/]*$"; "") | if . == "" then "/" else . end end;

# Whether these rights have $right at $path: of its own, or handed down from the nearest path above that is named.
def may($path; $right):
  . as $rights
  | if has($path) then .[$path] | has($right)
    else first($path | recurse(above) | select(. != $path and in($rights))) // null
      | if . == null then false else $rights[.][$right] == true end
    end;

# A guest's backups in a storage, for who may not see all of it.
def may_see($guest):
  may("/vms/\($guest.vmid)"; "VM.Backup")
  or ($guest.pool != null and ((.["/pool/\($guest.pool)"] // {})["VM.Backup"] == true));

def unseen($storage; $right; more): {unseen: ({list: "the backups on \($storage)", right: $right, storage: $storage} + more)};

. as $state
| (.permissions // {}) as $rights
| [.storages[] | select((.content | index("backup")) and (($pbs | not) or .type != "pbs"))] as $storages
| if .content == null then unseen($storages[].storage; "a state of pvx-migrate state --content"; {})
  else
    $storages[]
    | .storage as $name
    | [$state.content[] | select(.storage == $name)] as $lists
    | (if any($lists[]; .volumes != null) then {looked: {storage: $name}} else empty end),
      ($lists[] | .volumes // [] | .[] | select(.content == "backup") | with_entries(select(.value != null))),
      (if ($lists == []) or any($lists[]; .volumes == null) then
         unseen($name; "Datastore.Audit on /storage/\($name), and a node that is online"; {})
       elif $rights | may("/storage/\($name)"; "Datastore.Allocate") then empty
       elif $rights | may("/storage/\($name)"; "Datastore.AllocateSpace") | not then
         unseen($name; "Datastore.AllocateSpace on /storage/\($name), and VM.Backup on /vms"; {})
       else
         [$state.guests[] | . as $guest | select($rights | may_see($guest) | not) | .vmid]
         | if . == [] then empty else unseen($name; "VM.Backup on /vms"; {vmids: .}) end
       end)
  end
