# Which guests could be restored.

def backup_section:
  heading("Backups"),
  (if $cover == [] then "Not looked at." | paragraph else
    not_all("backup-coverage"; "cover"),
    ($cover | map(select(.vmid)) as $guests | "\($guests | length | some("guest")), \($guests | map(select(codes == [])) | length) of them with nothing to say about their backups." | paragraph),
    table(["Guest", "Jobs", "Left out", "Findings"];
      $cover | sort_by([.vmid == null, .vmid])[] | [(subject | data), ([.jobs[]? | plain] | unique | listed), ([.volumes_left_out[]? | plain] | listed), (codes | listed)])
  end);
