# The storages; what is free on them is among the figures.

def storage:
  heading("Storage"),
  table(["Storage", "Type", "Shared", "Content", "On"];
    $state.storages // [] | sort_by(.storage)[]
    | [(.storage | data), (.type // "?" | data), (.shared | yes_no), ([.content // [] | .[]] | sort | listed), ((.nodes // {}) | keys | listed)]);
