# The page.

"# \($site.name // $state.cluster.name // "The site" | data)", "",
("What is true of \(if $state.cluster.name then "the cluster \($state.cluster.name | data)" else "the site" end), as `scripts/site-page` found it. A page of another night differs from this one where the site does; ages and sizes are at the end." | paragraph),
drift, cluster, guests, storage, memory, ha, if_lost, pair_section, backup_section, schedule_section, figures
