# The command that makes a decided guest, and the API call that does the same. ($keys as in decide.jq;
# no module of its own: jq 1.8.2 does not survive one that includes another.)

# Words of a shell command. \A and \z, because ^ and $ also match at the ends of a line.
def words: map(tostring | if test("\\A[A-Za-z0-9_@%+=:,./-]+\\z") then . else @sh end) | join(" ");
def options: to_entries | map("--\(.key)", .value);
def present: with_entries(select(.value != null and .value != ""));

# Docker nests; without privileges it needs keys of its own, too. Else what the template needs.
def features($template):
  (if .shape == "docker-lxc" or .role == "docker" then ["nesting=1"] + (if .unprivileged then ["keyctl=1"] else [] end)
   elif .unprivileged then $template.features
   else [] end) | join(",");

# What is to be done inside once: packages and locale. The network of a new guest comes up behind its start.
def inside_script($site; $packages):
  "export DEBIAN_FRONTEND=noninteractive"
  + "; for i in 1 2 3 4 5 6 7 8 9; do apt-get update -qq -o APT::Update::Error-Mode=any && break; sleep 2; done"
  + "; apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 \(["locales"] + $packages | words)"
  + if $site.locale then ([$site.locale + " UTF-8"] | words) as $line
      | " && { grep -qxF -- \($line) /etc/locale.gen || printf '%s\\n' \($line) >>/etc/locale.gen; } && locale-gen && update-locale \(["LANG=" + $site.locale] | words)"
    else "" end;

# The tag that says what a guest is for: the site's for its role, else the role's name. Proxmox takes some characters only.
def tag_of($site):
  if .role == null then null
  else ($site.roles[.role].tag // (.role | tostring | ascii_downcase)) | if test("\\A[A-Za-z0-9_][A-Za-z0-9_.+-]*\\z") then . else null end end;

def container($site; $template; $net):
  .params = ({
      vmid, ostemplate: $template.lxc, hostname: .name,
      cores: $template.cores, memory: $template.memory_mib, swap: $template.swap_mib,
      rootfs: "\(.storage):\($template.disk_gib)",
      net0: "name=eth0,bridge=\($net.bridge)\($net.tag),\($net.ip),type=veth",
      unprivileged: (if .unprivileged then 1 else 0 end), features: features($template),
      timezone: $site.timezone, nameserver: $site.nameserver, searchdomain: $site.domain, onboot: 1, tags: tag_of($site),
      "ssh-public-keys": ($keys | rtrimstr("\n"))} | present)
  | .command = (["pct", "create", .vmid, $template.lxc]
      + (.params + {"ssh-public-keys": $site.ssh_keys_file} | del(.vmid, .ostemplate) | present | options) | words)
  | if .params.features == null then .
    elif .params.features | contains("keyctl") then .reasons.features = "Docker; PVE lets root@pam alone set keyctl, no token"
    elif .unprivileged then .reasons.features = "the template \(.template)'s"
    else .reasons.features = "Docker; PVE lets root@pam alone set features of a privileged container, no token" end
  | .setup = ([["pct", "start", .vmid] | words]
      + [["pct", "exec", .vmid, "--", "sh", "-c", inside_script($site; $template.packages)] | words]);

def machine($site; $template; $net):
  .params = ({
      vmid, name, ostype: "l26",
      cores: $template.cores, memory: $template.memory_mib, cpu: "x86-64-v2-AES", agent: "enabled=1",
      scsihw: "virtio-scsi-single",
      scsi0: "\(.storage):0,import-from=\($template.vm),discard=on,iothread=1",
      ide2: "\(.storage):cloudinit", boot: "order=scsi0", serial0: "socket", vga: "serial0",
      net0: "virtio,bridge=\($net.bridge)\($net.tag)", ipconfig0: $net.ip,
      nameserver: $site.nameserver, searchdomain: $site.domain, ciuser: "debian", onboot: 1, tags: tag_of($site),
      sshkeys: ($keys | rtrimstr("\n") | @uri)} | present)
  | .resize = {scsi0: "\($template.disk_gib)G"}
  | .command = (["qm", "create", .vmid] + (.params + {sshkeys: $site.ssh_keys_file} | del(.vmid) | present | options) | words)
  | .setup = ([["qm", "disk", "resize", .vmid, "scsi0", "\($template.disk_gib)G"], ["qm", "start", .vmid] | words]
      + [["ssh", "debian@" + (.address | split("/")[0]),
          "sudo sh -c " + ((if $site.timezone then "timedatectl set-timezone \([$site.timezone] | words); " else "" end) + inside_script($site; $template.packages + ["qemu-guest-agent"]) | @sh)] | words]);

def made($site; $vlan; $gateway):
  $site.templates[.template] as $template
  | {bridge: $vlan.bridge, tag: (if $vlan.tagged == false then "" else ",tag=\($vlan.vlan)" end),
     ip: ("ip=\(.address)" + if $gateway then ",gw=\($gateway)" else "" end)} as $net
  | if .shape == "vm" then machine($site; $template; $net) else container($site; $template; $net) end
  | if .role and (.params.tags | not) then .warnings += ["role \(.role) is no tag of Proxmox's, which has letters, digits, _ . + and -: give it one in the site (roles.NAME.tag)"] else . end
  | .api = "/nodes/\(.node)/\(if .shape == "vm" then "qemu" else "lxc" end)"
  | if $keys == "" and $site.ssh_keys_file then .reasons.keys = "not in params: \($site.ssh_keys_file) can't be read here" else . end;
