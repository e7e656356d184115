//! Every key of the site file: its type, its default, what it means. The reader, the JSON Schema
//! and the table in the scripts' README all follow this table, and a test holds them to it.
//!
//! To add a key: a row here, and a field of that name in the types of [`super`].

use super::form::Form;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// An object; the rows whose path begins with its path are its keys.
    Object,
    /// An object whose names are the user's own; its values are of the kind of the row `path.*`.
    Map,
    /// A list; its elements are of the kind of the row `path[]`.
    List,
    /// A text of this form.
    Text(Form),
    /// A whole number in this range.
    Whole(u64, u64),
    /// A number in this range; a least one of 0 is itself too little.
    Number(f64, f64),
    /// `true` or `false`.
    Truth,
    /// Host numbers or addresses, as text or as a number.
    Avoid,
    /// Whatever one tool alone gives meaning to, and checks.
    Any,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands: `vlans[].bridge`, `roles.*.database`.
    pub path: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// It must be there.
    pub required: bool,
    /// What counts where it isn't, as JSON; empty: then nothing is known.
    pub default: &'static str,
    /// What it says, and who uses it.
    pub meaning: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    let required = false;
    Key {
        path,
        kind,
        required,
        default,
        meaning,
    }
}

const fn required(path: &'static str, kind: Kind, meaning: &'static str) -> Key {
    let (required, default) = (true, "");
    Key {
        path,
        kind,
        required,
        default,
        meaning,
    }
}

use Form::{
    Address, Addresses, Availability, Compression, Content, Day, Domain, File, Gateway, Guest,
    GuestType, Keep, Line, Mover, Names, Node, Occasion, Path, Prefix, Sid, Sqlite, Ssh, Storage,
    Word, Zone,
};
use Kind::{Any, Avoid, List, Map, Number, Object, Text, Truth, Whole};

/// PVE's range of guest IDs.
const VMID: Kind = Whole(100, 999_999_999);
/// Seconds in a day.
const DAY_S: f64 = 86_400.0;
/// A mebibyte more than any host has, so that a number of bytes is told: 64 TiB in MiB.
const MEMORY_MIB: u64 = 64 << 20;

/// The keys, each object's together and in the order of the normalised document.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("$schema",                   Text(Line),      "",  "For editors: where site.schema.json is."),
    key("name",                      Text(Line),      "",  "What the site is called in messages."),
    key("domain",                    Text(Domain),    "",  "Domain of the guests' DNS names: ipalloc's --domain, the search domain of new guests."),
    key("timezone",                  Text(Zone),      "",  "Time zone of new guests."),
    key("locale",                    Text(Line),      "",  "Locale of new guests, such as en_US.UTF-8."),
    key("nameserver",                Text(Addresses), "",  "DNS servers of new guests, with spaces between them."),
    key("ssh_keys_file",             Text(Path),      "",  "File on the node whose public keys may log in to new guests."),
    key("pool",                      Text(Word),      "",  "The pool that pvx-migrate plan make puts new guests into: then a token with rights on this pool alone makes and removes them."),
    key("avoid",                     List,            "[]", "What ipalloc never hands out in any prefix: host numbers, addresses or ranges of them."),
    key("avoid[]",                   Avoid,           "",  "110, 2-9, 192.168.30.50, 192.168.30.50-192.168.30.60 or a prefix."),
    key("limits",                    Object,          "{}", "Limits that pvx-migrate keeps."),
    key("limits.ram_ratio",          Number(0.1, 100.0), "1.5", "How many times a node's memory its running guests may be given."),

    key("netbox",                    Object,          "",  "Where guests are in NetBox."),
    key("netbox.cluster",            Text(Line),      "",  "The name of the cluster there that their virtual machines are in: ipalloc's --cluster."),

    key("nodes",                     List,            "[]", "The nodes of the cluster; new guests go to the first that fits."),
    key("nodes[]",                   Object,          "",  "A node."),
    required("nodes[].name",         Text(Node),           "Its name in the cluster."),
    key("nodes[].address",           Text(Address),   "",  "Its own address, which ipalloc never hands out."),
    key("nodes[].cores",             Whole(1, 8192),  "",  "Its CPU threads; a new guest whose template wants more goes elsewhere."),
    key("nodes[].memory_mib",        Whole(128, MEMORY_MIB), "", "Its memory in MiB; a new guest whose template wants more goes elsewhere."),
    key("nodes[].storages",          List,            "[]", "Its storages for new guests, the preferred first."),
    key("nodes[].storages[]",        Text(Storage),   "",  "One of `storages`."),
    key("nodes[].bridges",           List,            "",  "Its bridges; a new guest goes where its VLAN's bridge is. Without it nothing is known of them."),
    key("nodes[].bridges[]",         Text(Word),      "",  "A bridge or VNet."),
    key("nodes[].devices",           List,            "[]", "Device files, folders and network interfaces (/sys/class/net/NAME) on it that guests may need and that no API shows."),
    key("nodes[].devices[]",         Text(Path),      "",  "A path."),
    key("nodes[].files",             List,            "[]", "Files on it that guests need to start: hook scripts, LXC's hooks and includes."),
    key("nodes[].files[]",           Text(File),      "",  "A path, or a volume such as local:snippets/hook.pl."),

    key("storages",                  List,            "[]", "The storages of the cluster."),
    key("storages[]",                Object,          "",  "A storage."),
    required("storages[].storage",   Text(Storage),        "Its ID."),
    key("storages[].type",           Text(Word),      "",  "Its type, such as lvmthin or zfspool."),
    key("storages[].content",        List,            "",  "What it may hold, as Proxmox has it: containers need rootdir, VMs images. Without it, anything."),
    key("storages[].content[]",      Text(Content),   "",  "One of Proxmox's kinds of content."),
    key("storages[].guests",         Truth,           "true", "Guests may be on it."),
    key("database_storage_types",    List,            "[\"zfspool\"]", "Types of the storages that guests with a database may be on."),
    key("database_storage_types[]",  Text(Word),      "",  "A storage type."),

    key("vlans",                     List,            "[]", "The networks; vmid and ipalloc know no other."),
    key("vlans[]",                   Object,          "",  "A network."),
    required("vlans[].vlan",         Whole(1, 4094),       "Its VLAN ID."),
    key("vlans[].name",              Text(Line),      "",  "What it is called in messages."),
    required("vlans[].prefix",       Text(Prefix),         "Its prefix."),
    key("vlans[].base",              Whole(0, 999_999_999), "", "Its guests' IDs are this and the host number (vmid/README.md); without it the VLAN ID times 10^digits. Clashes are judged at 3 digits, whatever vmid's --digits says."),
    key("vlans[].digits",            Whole(2, 5),     "",  "Host numbers below 10^digits have an ID; without it 3 digits. A site's own numbering belongs here, not in vmid's --digits."),
    key("vlans[].bridge",            Text(Word),      "",  "The bridge that guests in it are on."),
    key("vlans[].tagged",            Truth,           "true", "Guests' interfaces have the VLAN as tag; false for the bridge's own network."),
    key("vlans[].gateway",           Text(Gateway),   "\"first\"", "Its gateway: the first or last host of the prefix, none, or an address in it."),

    key("pairs",                     List,            "[]", "Guests that stand in for each other: hacheck watches them, pvx-migrate keeps them on different nodes."),
    key("pairs[]",                   Object,          "",  "A pair, of two or more members."),
    required("pairs[].name",         Text(Line),           "Its name."),
    key("pairs[].vip",               Text(Address),   "",  "The address that moves between the members; an active-active pair has none."),
    key("pairs[].vips",              List,            "",  "Several such addresses that one VRRP instance moves together; `vip` is the first of them. One of another family than the first stands in no advert."),
    key("pairs[].vips[]",            Text(Address),   "",  "An address."),
    key("pairs[].vrid",              Whole(1, 255),   "",  "The virtual router ID of its VRRP."),
    key("pairs[].interface",         Text(Word),      "",  "Where hacheck listens; else the interface that is in the VIP's network. Link-local addresses need it."),
    key("pairs[].advert_ms",         Whole(10, 255_000), "", "The advert interval in milliseconds, if it is not to be learnt from the adverts."),
    key("pairs[].unicast",           Truth,           "false", "The members speak VRRP to each other only (keepalived's unicast_peer)."),
    key("pairs[].excluded",          Truth,           "false", "The VIP stands in no advert (keepalived's virtual_ipaddress_excluded): an IPv6 address that moves with an IPv4 instance, as a rule."),
    key("pairs[].vrrp",              Truth,           "true", "VRRP moves the VIP; false for CARP, kube-vip, Pacemaker: then daemons and adverts are not judged."),
    key("pairs[].by",                Text(Mover),     "",  "What moves the VIP; vrrp, unless `vrrp` is false."),
    key("pairs[].rto_s",             Number(0.0, DAY_S), "",  "The recovery time that is promised, in seconds."),
    key("pairs[].expect",            Object,          "{}", "What else should be so."),
    key("pairs[].expect.preferred",  Truth,           "true", "The preferred member should be the holder."),
    key("pairs[].expect.version",    Whole(2, 3),     "",  "The VRRP version that should be spoken."),
    required("pairs[].members",      List,                 "The guests of the pair."),
    key("pairs[].members[]",         Object,          "",  "A member: its name, and at least one of vmid and address."),
    required("pairs[].members[].name", Text(Line),         "Its name; a guest's name where it is a guest."),
    key("pairs[].members[].address", Text(Address),   "",  "Its own address, which ipalloc gives to nobody else; hacheck needs it."),
    key("pairs[].members[].addresses", List,          "[]", "Its other addresses on the VIP's segment: where `address` is another network's, or a second interface is there."),
    key("pairs[].members[].addresses[]", Text(Address), "", "An address."),
    key("pairs[].members[].vmid",    VMID,            "",  "Its guest ID; else pvx-migrate knows it by its name."),
    key("pairs[].members[].node",    Text(Node),      "",  "The node it is meant to be on."),
    key("pairs[].members[].preferred", Truth,         "false", "It holds the VIP when all is well."),
    key("pairs[].probes",            List,            "[]", "What hacheck asks of the VIP and of each member."),
    key("pairs[].probes[]",          Object,          "",  "A probe: one of these protocols."),
    key("pairs[].probes[].dns",      Any,             "",  "A DNS query (hacheck/README.md)."),
    key("pairs[].probes[].http",     Any,             "",  "An HTTP GET (hacheck/README.md)."),
    key("pairs[].probes[].tls",      Any,             "",  "The certificate of a TLS server (hacheck/README.md)."),
    key("pairs[].probes[].tcp",      Any,             "",  "A TCP connection (hacheck/README.md)."),
    key("pairs[].probes[].nfs",      Any,             "",  "The NULL procedure of an NFS server, and its exports (hacheck/README.md)."),
    key("pairs[].probes[].route",    Any,             "",  "A reverse proxy's route to a backend (hacheck/README.md)."),
    key("pairs[].probes[].pihole",   Any,             "",  "What a Pi-hole (v6) holds (hacheck/README.md)."),
    key("pairs[].probes[].on",       Any,             "",  "Who is asked (hacheck/README.md)."),
    key("pairs[].probes[].rebinds",  Truth,           "false", "Its server binds to addresses that come later (BIND, dnsmasq's bind-dynamic): that no socket is on the VIP yet says nothing."),
    key("pairs[].same",              List,            "[]", "DNS names that all members must answer alike, blocked ones, too: hacheck asks each of them for A and AAAA."),
    key("pairs[].same[]",            Text(Domain),    "",  "A name whose answers don't change from one question to the next."),
    key("pairs[].files",             List,            "[]", "Files on the members that must not grow old."),
    key("pairs[].files[]",           Object,          "",  "Such a file."),
    required("pairs[].files[].path", Text(Path),           "Its path on the members."),
    required("pairs[].files[].max_age_s", Whole(1, 4_294_967_295), "The greatest age in seconds that is fine."),
    key("pairs[].files[].member",    Text(Line),      "",  "The one member that must have it; else all."),

    key("services",                  List,            "[]", "What clients use, and what is promised of it: hacheck asks each, beside the pairs."),
    key("services[]",                Object,          "",  "A service, on `addresses` of its own or on a `pair`."),
    required("services[].name",      Text(Line),           "Its name."),
    key("services[].type",           Text(GuestType), "",  "What its guest is, as Proxmox calls it."),
    key("services[].vmid",           VMID,            "",  "The guest that it runs on; of a pair, the members have theirs."),
    key("services[].addresses",      List,            "[]", "Where clients find it. ipalloc hands them out to its own guest alone."),
    key("services[].addresses[]",    Text(Address),   "",  "An address."),
    key("services[].pair",           Text(Line),      "",  "One of `pairs`: it is at the pair's VIP, and without one at each member."),
    key("services[].probes",         List,            "[]", "What hacheck asks of each address; without any, of a service on a pair what the pair's probes ask."),
    key("services[].probes[]",       Object,          "",  "A probe: one of these protocols."),
    key("services[].probes[].dns",   Any,             "",  "A DNS query (hacheck/README.md)."),
    key("services[].probes[].http",  Any,             "",  "An HTTP GET (hacheck/README.md)."),
    key("services[].probes[].tls",   Any,             "",  "The certificate of a TLS server (hacheck/README.md)."),
    key("services[].probes[].tcp",   Any,             "",  "A TCP connection (hacheck/README.md)."),
    key("services[].probes[].nfs",   Any,             "",  "The NULL procedure of an NFS server, and its exports (hacheck/README.md)."),
    key("services[].probes[].route", Any,             "",  "A reverse proxy's route to a backend (hacheck/README.md)."),
    key("services[].probes[].pihole", Any,            "",  "What a Pi-hole (v6) holds (hacheck/README.md)."),
    key("services[].role",           Text(Line),      "",  "What it is for: one of `roles`."),
    key("services[].ha",             Text(Availability), "", "How it is to survive its node: none, active-active (several answer), failover (Proxmox's HA starts it elsewhere), failover-live (and moves it without a pause)."),
    key("services[].sla_s",          Whole(0, 86_400), "", "The longest time without it after the loss of a node that is promised, in seconds."),
    key("services[].maintenance_s",  Whole(0, 86_400), "", "The longest time without it while its node is emptied for maintenance, in seconds; 0: it moves while it runs, or another member stands in."),
    key("services[].why",            Text(Line),      "",  "Why, for people."),

    key("ha",                        Object,          "",  "The HA setup that scripts/ha-config prints commands for; it may be another cluster's."),
    required("ha.name",              Text(Word),           "The name of its HA rule or group."),
    required("ha.nodes",             List,                 "The nodes that its resources may be on."),
    key("ha.nodes[]",                Text(Node),      "",  "A node."),
    required("ha.resources",         List,                 "The guests that are HA resources."),
    key("ha.resources[]",            Object,          "",  "A resource."),
    required("ha.resources[].sid",   Text(Sid),            "Its ID there, such as vm:101."),
    key("ha.resources[].name",       Text(Guest),     "",  "The guest's name, as a comment."),
    key("ha.resources[].why",        Text(Line),      "",  "Why, as a comment."),

    key("roles",                     Map,             "{}", "What guests may be for."),
    key("roles.*",                   Object,          "",  "A role."),
    key("roles.*.database",          Truth,           "false", "Such a guest has a database, so its storage must be of database_storage_types."),
    key("roles.*.privileged",        Truth,           "false", "Such a container is privileged."),
    key("roles.*.tag",               Text(Word),      "",  "The tag that provision gives such a guest in Proxmox; without it the role's name in lower case."),
    key("roles.*.why",               Text(Line),      "",  "Why, for the record that provision prints."),

    key("templates",                 Map,             "{}", "What new guests are made from. `base` is for containers, `docker` for those with Docker and for VMs, unless another is asked for."),
    key("templates.*",               Object,          "",  "A template."),
    key("templates.*.lxc",           Text(Line),      "",  "The volume of the container template."),
    key("templates.*.vm",            Text(Line),      "",  "The volume of the VM's disk image."),
    key("templates.*.features",      List,            "[]", "Features of an unprivileged container."),
    key("templates.*.features[]",    Text(Line),      "",  "Such as nesting=1."),
    key("templates.*.cores",         Whole(1, 8192),  "1", "CPU cores."),
    key("templates.*.memory_mib",    Whole(16, MEMORY_MIB), "1024", "Memory in MiB."),
    key("templates.*.swap_mib",      Whole(0, MEMORY_MIB), "512", "Swap of a container in MiB."),
    key("templates.*.disk_gib",      Whole(1, 1 << 20), "8", "Disk in GiB."),
    key("templates.*.packages",      List,            "[]", "Packages that are installed in it."),
    key("templates.*.packages[]",    Text(Word),      "",  "A Debian package."),
    key("templates.*.commands",      List,            "[]", "What scripts/configure runs in the guest as root when the packages are there, in this order."),
    key("templates.*.commands[]",    Object,          "",  "A command (bash, one line) and how to see that it was done."),
    required("templates.*.commands[].run", Text(Line),     "The command."),
    required("templates.*.commands[].unless", Text(Line),  "Command that succeeds where `run` was done: then it isn't run, and after it this must succeed."),

    key("apps",                      List,            "[]", "The applications that scripts/app-backup backs up."),
    key("apps[]",                    Object,          "",  "An application."),
    required("apps[].name",          Text(Word),           "Its name: its backups are in BK_NAME of the target."),
    key("apps[].host",               Text(Ssh),       "",  "Where it runs, as ssh knows it; without it, or if this is the host's own name, on the host of the backup."),
    required("apps[].path",          Text(Path),           "The folder that is backed up, with everything below it."),
    key("apps[].before",             Text(Line),      "",  "Command (bash) on its host before the copy: stop it, or write a dump into $PVX_STAGE, which goes into the backup. If it fails there is no backup."),
    key("apps[].after",              Text(Line),      "",  "Command (bash) on its host after the copy, always: start it again. What it starts by itself, not by systemctl, docker or systemd-run, belongs to the job's own unit."),
    key("apps[].exclude",            List,            "[]", "What is left out of the backup."),
    key("apps[].exclude[]",          Text(Line),      "",  "A file or folder below the path, or a pattern of such, in which * stands for slashes, too."),
    key("apps[].sqlite",             Text(Sqlite),    "\"auto\"", "auto: each SQLite database, known by its first 16 bytes, is copied by SQLite itself and checked. none: as any other file, because `before` stops the service."),
    key("apps[].compression",        Text(Compression), "\"gzip\"", "What the archive is packed with."),
    key("apps[].keep",               Text(Keep),      "",  "Which of its backups are kept after one that succeeded; without it, all."),
    key("apps[].verify",             Text(Line),      "",  "Command (bash) that --restore-test runs in the restored folder; it fails if that is no good."),
    key("apps[].timeout_s",          Whole(1, 604_800), "3600", "How long each of `before`, `after`, `verify` and each step of SQLite's may take, in seconds; then it is ended and counts as failed."),
    key("apps[].max_age_s",          Whole(1, 4_294_967_295), "", "The greatest age in seconds of its newest backup that --restore-test takes for fine."),

    key("backup_target",             Object,          "",  "Where scripts/app-backup writes: an NFS share, as a rule."),
    required("backup_target.path",   Text(Path),           "Its folder, with BK_NAME folders in it, and the file .pvx-target that has the site's name in it."),
    key("backup_target.mount",       Truth,           "true", "The folder is on a mounted file system, not on the one of /."),
    key("backup_target.timeout_s",   Whole(1, 600),   "10", "How long the target may take for a small write, in seconds; then it hangs."),

    key("dns",                       Object,          "",  "The name servers that scripts/publish-names brings the IPAM's names to."),
    required("dns.servers",          List,                 "They are dealt with in this order, the next one when the one before answers from its new names."),
    key("dns.servers[]",             Object,          "",  "A name server."),
    required("dns.servers[].name",   Text(Word),           "Its name."),
    required("dns.servers[].address", Text(Address),       "Its own address, at which it is asked."),
    key("dns.servers[].host",        Text(Ssh),       "",  "Where it is logged in to by ssh; without it, root at its address. Another user needs sudo."),
    required("dns.servers[].format", Text(Names),          "What its file is: dnsmasq (a file of its configuration), hosts (lines of /etc/hosts, as dnsmasq's addn-hosts and hostsdir, CoreDNS and others read them), pihole6 (the same, in the folder that Pi-hole 6 reads), zone (records of a zone)."),
    required("dns.servers[].file",   Text(Path),           "The file with the names, which nobody else writes: of pihole6 /etc/pihole/hosts/pvx.list."),
    key("dns.servers[].domain",      Text(Domain),    "",  "It gets the names of this domain alone; a zone without it those of the site's `domain`."),
    key("dns.servers[].primary",     Text(Domain),    "",  "The zone's primary server: then the file is a whole zone, whose SOA's serial rises with each change. Without it, records for an $INCLUDE."),
    key("dns.servers[].check",       Text(Line),      "",  "Command (sh) on the server that succeeds if what it would read is sound, such as dnsmasq --test or named-checkzone. If it fails, the old file is put back."),
    key("dns.servers[].reload",      Text(Line),      "",  "Command (sh) that makes the server read the file: systemctl restart dnsmasq (a reload does not read its configuration), rndc reload home.example. Without it, it sees the file by itself, as Pi-hole 6 and hostsdir do."),

    key("exempt",                    List,            "[]", "Findings of audits that may be so. Each names one subject; one that matches nothing is itself found."),
    key("exempt[]",                  Object,          "",  "An exemption, of exactly one of vmid, node, storage, job, pair, service."),
    required("exempt[].code",        Text(Word),           "The finding's code; what could not be seen (unseen) can't be exempted."),
    required("exempt[].why",         Text(Line),           "Why it may be so; it stands beside the finding."),
    key("exempt[].vmid",             VMID,            "",  "A guest."),
    key("exempt[].node",             Text(Node),      "",  "A node."),
    key("exempt[].storage",          Text(Storage),   "",  "A storage."),
    key("exempt[].job",              Text(Line),      "",  "A job, by its ID."),
    key("exempt[].pair",             Text(Line),      "",  "One of `pairs`."),
    key("exempt[].service",          Text(Line),      "",  "One of `services`."),
    key("exempt[].until",            Text(Day),       "",  "The last day on which it counts."),

    key("notify",                    Object,          "",  "Where scripts/notify tells of jobs. Whoever has a channel's URL may write to it, so the site names files, not URLs."),
    key("notify.on",                 Text(Occasion),  "\"always\"", "When: always, on a failure or a warning, or on those and where something was changed. A healthchecks server hears of every run."),
    key("notify.discord",            Object,          "",  "A Discord webhook."),
    required("notify.discord.url_file", Text(Path),        "File with the webhook's URL."),
    key("notify.ntfy",               Object,          "",  "A topic of an ntfy server."),
    required("notify.ntfy.url_file", Text(Path),           "File with the topic's URL, https://HOST/TOPIC."),
    key("notify.ntfy.token_file",    Text(Path),      "",  "File with the access token, if the topic is protected."),
    key("notify.healthchecks",       Object,          "",  "A healthchecks server, which says if a job did not run."),
    required("notify.healthchecks.url_file", Text(Path),   "File with the ping URL; `{job}` in it is the job's name: https://hc-ping.com/KEY/{job}."),
    key("notify.apprise",            Object,          "",  "What Apprise speaks to, where its command is installed."),
    required("notify.apprise.urls_file", Text(Path),       "File with Apprise's URLs, one a line."),
];

/// The row of a path.
#[must_use]
pub fn row(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The rows of an object's own keys, and their names.
pub fn of_object(path: &str) -> impl Iterator<Item = (&'static str, &'static Key)> + Clone {
    KEYS.iter().filter_map(move |key| {
        let rest = key.path.strip_prefix(path)?;
        let name = if path.is_empty() {
            rest
        } else {
            rest.strip_prefix('.')?
        };
        let own = !name.is_empty() && name != "*" && !name.contains(['.', '[']);
        own.then_some((name, key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_what_it_rests_on() {
        for (place, key) in KEYS.iter().enumerate() {
            let Key {
                path,
                kind,
                required,
                default,
                meaning,
            } = key;
            assert!(meaning.ends_with('.'), "{path}: {meaning}");
            assert!(
                KEYS[..place].iter().all(|other| other.path != *path),
                "{path} twice"
            );
            assert!(
                !required || default.is_empty(),
                "{path}: required, and a default"
            );
            let below = match kind {
                List => Some("[]"),
                Map => Some(".*"),
                _ => None,
            };
            assert!(
                below.is_none_or(|below| row(&format!("{path}{below}")).is_some()),
                "{path}"
            );
            if let Some((parent, _)) = path.rsplit_once('.') {
                assert!(
                    row(parent).is_some_and(|row| [Object, Map].contains(&row.kind)),
                    "{path}"
                );
            }
        }
    }
}
