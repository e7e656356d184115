# What is wrong with the facts that came from the member at $own, "" if nothing is: they are one record, of that
# member and of no other. Who may speak for its partner can make a dead one look alive. $site: the pairs.
def same($member): .address == $member.address or .name == $member.name or (.vmid != null and .vmid == $member.vmid);

[$site[0].pairs[].members[]] as $members
| [$members[] | select(.address == $own)] as $asked
| if length != 1 then "\(length) records came, not one"
  else
    [.[0].addresses[]?.address?] as $has
    | [$members[] | select(.address | IN($has[])) | select(. as $member | all($asked[]; same($member) | not))] as $others
    | if $others != [] then "they claim \($others[0].address), which is \($others[0].name)'s"
      elif $has | index([$own]) | not then "the host that answers doesn't have that address"
      else "" end
  end
