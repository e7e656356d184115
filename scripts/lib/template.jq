# What a container template is made of, as {job} of inside.jq, from the site; null if it has no template of that $name.

# What Proxmox finds its way by in a container of Debian: an init that it can start, ifupdown's configuration, an sshd. And
# what nobody does without who logs in.
def ground: ["dbus", "ifupdown", "iproute2", "iputils-ping", "libpam-systemd", "netbase", "openssh-server", "procps", "systemd-sysv", "tzdata"];

. as $site
| .templates[$name]
| if . == null then null
  else {job: {
    name: "template", user: "root", template: $name, lxc: (.lxc // ""), timezone: ($site.timezone // ""), locale: ($site.locale // ""), keys: [],
    asked: .packages, packages: (ground + .packages + (if $site.locale then ["locales"] else [] end) | unique),
    upgrades: (.packages | index("unattended-upgrades") != null), commands: (if $commands then .commands else [] end)}}
  end
