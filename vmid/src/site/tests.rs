//! The reader against documents: what is fine, what is told, and that types and table agree.

use super::{
    key::{KEYS, Kind},
    *,
};
use serde_json::json;

mod vips;

/// The faults of a document, a line each.
fn faults(document: &Value) -> Vec<String> {
    match Site::parse(document.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

/// A document in which every key is, each with a value that fits.
fn full() -> Value {
    // In parts, because the macro takes no more keys at once.
    let pairs = json!([{"name": "ns", "vip": "10.20.20.53", "vips": ["10.20.20.53", "10.20.20.55"], "vrid": 53, "interface": "eth0", "advert_ms": 1000, "unicast": true, "excluded": false,
            "vrrp": true, "by": "vrrp", "rto_s": 10.0,
            "expect": {"preferred": true, "version": 3},
            "members": [{"name": "ns-1", "address": "10.20.20.51", "addresses": ["10.20.20.54"], "vmid": 20051, "node": "pve-a", "preferred": true},
                        {"name": "ns-2", "address": "10.20.20.52", "addresses": [], "preferred": false}],
            "probes": [{"dns": {"name": "x"}, "http": {}, "tls": {}, "tcp": {"port": 53}, "nfs": {}, "route": {}, "pihole": {}, "on": "vip", "rebinds": true}],
            "same": ["ads.example"],
            "files": [{"path": "/srv/stamp", "max_age_s": 60, "member": "ns-2"}]}]);
    let mut document = json!({
        "$schema": "site.schema.json", "name": "kestrel", "domain": "kestrel.internal", "timezone": "Europe/Madrid", "locale": "en_US.UTF-8",
        "nameserver": "10.20.20.53", "ssh_keys_file": "/root/.ssh/authorized_keys", "pool": "made",
        "avoid": ["2-9"], "limits": {"ram_ratio": 1.2}, "netbox": {"cluster": "homelab"},
        "nodes": [
            {"name": "pve-a", "address": "10.20.20.11", "cores": 8, "memory_mib": 65536, "storages": ["tank"], "bridges": ["vmbr0"], "devices": ["/dev/dri"], "files": ["/usr/local/bin/up.sh", "local:snippets/hook.pl"]},
            {"name": "pve-b", "storages": [], "bridges": ["vmbr0"], "devices": [], "files": []}],
        "storages": [{"storage": "tank", "type": "zfspool", "content": ["images", "rootdir"], "guests": true}],
        "database_storage_types": ["zfspool"],
        "vlans": [{"vlan": 20, "name": "infra", "prefix": "10.20.20.0/24", "base": 720_000, "digits": 3, "bridge": "vmbr0", "tagged": true, "gateway": "10.20.20.1"}],
        "pairs": pairs,
        "services": [
            {"name": "proxy", "type": "lxc", "vmid": 20094, "addresses": ["10.20.20.94"],
             "probes": [{"dns": {"name": "x"}, "http": {}, "tls": {}, "tcp": {"port": 443}, "nfs": {}, "route": {}, "pihole": {}}],
             "role": "db", "ha": "failover", "sla_s": 120, "maintenance_s": 60, "why": "two minutes will do"},
            {"name": "dns", "addresses": [], "pair": "ns", "probes": [], "ha": "active-active", "sla_s": 0}]
    });
    let rest = json!({
        "ha": {"name": "ha", "nodes": ["other"], "resources": [{"sid": "vm:101", "name": "plex", "why": "because"}]},
        "roles": {"db": {"database": true, "privileged": false, "tag": "db", "why": "data"}},
        "templates": {"base": {"lxc": "local:vztmpl/a.tar.zst", "vm": "local:import/a.qcow2", "features": ["nesting=1"], "cores": 2,
            "memory_mib": 2048, "swap_mib": 0, "disk_gib": 16, "packages": ["curl"],
            "commands": [{"run": "touch /etc/done", "unless": "test -e /etc/done"}]}},
        "apps": [{"name": "vaultwarden", "host": "root@10.20.20.40", "path": "/opt/vaultwarden/data", "before": "true", "after": "true", "exclude": ["icon_cache"],
            "sqlite": "auto", "compression": "zstd", "keep": "--keep-last 7", "verify": "test -s db.sqlite3", "max_age_s": 93600, "timeout_s": 600}],
        "backup_target": {"path": "/backups", "mount": true, "timeout_s": 10},
        "dns": {"servers": [{"name": "ns-1", "address": "10.20.20.51", "host": "dns@ns-1", "format": "zone", "file": "/etc/bind/home.zone", "domain": "home.example",
            "primary": "ns-1.home.example", "check": "named-checkconf -z", "reload": "rndc reload home.example"}]},
        "exempt": [{"code": "privileged", "why": "tape drive", "vmid": 20051}, {"code": "overprovisioned", "why": "one night", "node": "pve-a", "until": "2027-01-31"},
            {"code": "wrong-pool", "why": "why", "storage": "tank"}, {"code": "overlap", "why": "why", "job": "nightly"},
            {"code": "sla", "why": "why", "pair": "ns"}, {"code": "sla", "why": "why", "service": "dns"}],
        "notify": {"on": "failure", "discord": {"url_file": "/etc/pvx/discord"}, "ntfy": {"url_file": "/etc/pvx/ntfy", "token_file": "/etc/pvx/ntfy-token"},
            "healthchecks": {"url_file": "/etc/pvx/healthchecks"}, "apprise": {"urls_file": "/etc/pvx/apprise"}}
    });
    let (all, rest) = (document.as_object_mut().unwrap(), rest.as_object().unwrap());
    all.extend(rest.clone());
    document
}

/// The paths that occur in a document, in the table's form.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    if !at.is_empty() && !found.iter().any(|known| known == at) {
        found.push(at.to_owned());
    }
    let is_any = key::row(at).is_some_and(|row| row.kind == Kind::Any);
    match value {
        _ if is_any => {}
        Value::Array(list) => {
            list.iter()
                .for_each(|value| paths(value, &format!("{at}[]"), found));
        }
        Value::Object(object) => {
            let map = key::row(at).is_some_and(|row| row.kind == Kind::Map);
            for (name, value) in object {
                let name = if map { "*" } else { name };
                let separator = if at.is_empty() { "" } else { "." };
                paths(value, &format!("{at}{separator}{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn types_and_table_have_the_same_keys() {
    let document = full();
    let mut there = Vec::new();
    paths(&document, "", &mut there);
    for key in KEYS {
        assert!(
            there.iter().any(|path| path == key.path),
            "{} is not in the document",
            key.path
        );
    }
    let site = Site::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(
        site.document, document,
        "nothing is changed where all is said"
    );
    assert_eq!(
        serde_json::to_value(&site).unwrap(),
        document,
        "a field is missing in the types"
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    let site = Site::empty();
    assert_eq!(site.limits.ram_ratio, 1.5);
    assert_eq!(site.database_storage_types, ["zfspool"]);
    let text = json!({"vlans": [{"vlan": 20, "prefix": "10.20.20.0/24"}], "templates": {"base": {}}, "roles": {"app": {}},
        "storages": [{"storage": "tank"}], "avoid": [110], "domain": null});
    let site = Site::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(
        (site.vlans[0].gateway.as_str(), site.vlans[0].tagged),
        ("10.20.20.1", true)
    );
    assert_eq!(site.templates["base"].disk_gib, 8);
    assert!(site.storages[0].guests && !site.roles["app"].database);
    assert_eq!(site.avoid, ["110"]);
    assert_eq!(site.domain, None);
    let again = Site::parse(site.document.to_string().as_bytes()).unwrap();
    assert_eq!(again, site, "what is normalised stays so");
}

#[test]
fn every_misspelled_missing_or_mistyped_key_is_told() {
    for key in KEYS.iter().filter(|key| !key.path.ends_with(['*', ']'])) {
        let (mut misspelled, mut missing, mut mistyped) = (full(), full(), full());
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        for document in [&mut misspelled, &mut missing, &mut mistyped] {
            bring_forward(document, parent, name);
        }
        let value = first(&mut misspelled, parent)
            .as_object_mut()
            .unwrap()
            .remove(name)
            .unwrap();
        first(&mut misspelled, parent)[format!("{name}_")] = value;
        let got = faults(&misspelled).join("\n");
        assert!(
            got.contains(&format!("{name}_ is not known; near: {name}")),
            "{}: {got}",
            key.path
        );
        first(&mut missing, parent)
            .as_object_mut()
            .unwrap()
            .remove(name);
        let got = faults(&missing).join("\n");
        assert_eq!(
            got.contains(&format!("{name} is missing")),
            key.required,
            "{}: {got}",
            key.path
        );
        if key.kind != Kind::Any {
            let text = matches!(key.kind, Kind::Text(_) | Kind::Avoid);
            first(&mut mistyped, parent)[name] = if text { json!(7.5) } else { json!("seven") };
            let got = faults(&mistyped).join("\n");
            assert!(
                got.contains(&format!("{name} is ")) && got.contains(", not "),
                "{}: {got}",
                key.path
            );
        }
    }
}

/// The one of a list that has the key comes first.
fn bring_forward(document: &mut Value, parent: &str, name: &str) {
    let Some(list) = parent.strip_suffix("[]") else {
        return;
    };
    let (above, list) = list.rsplit_once('.').unwrap_or(("", list));
    let all = first(document, above)[list].as_array_mut().unwrap();
    let has = all.iter().position(|one| one.get(name).is_some());
    all.swap(0, has.unwrap());
}

/// The first place of a path of the table in a document.
fn first<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    let mut value = document;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, list) = part
            .strip_suffix("[]")
            .map_or((part, false), |name| (name, true));
        value = match name {
            "*" => value.as_object_mut().unwrap().values_mut().next().unwrap(),
            name => &mut value[name],
        };
        if list {
            value = &mut value[0];
        }
    }
    value
}

#[test]
fn what_contradicts_itself_is_told() {
    let with = |pointer: &str, value: Value| {
        let mut document = full();
        *document.pointer_mut(pointer).expect(pointer) = value;
        document
    };
    let pair = |name: &str, vip: &str, vrid: u8, one: &str, two: &str| {
        let mut document = full();
        let second = json!({"name": name, "vip": vip, "vrid": vrid,
            "members": [{"name": "1", "address": one}, {"name": "2", "address": two}]});
        document["pairs"].as_array_mut().unwrap().push(second);
        document
    };
    let mut no_vip = full();
    for key in ["vip", "vips"] {
        no_vip["pairs"][0].as_object_mut().unwrap().remove(key);
    }
    let mut one_vip = full();
    one_vip["pairs"][0].as_object_mut().unwrap().remove("vips");
    one_vip["pairs"][0]["vip"] = json!("10.20.21.53");
    let mut nameless = full();
    nameless["pairs"][0]["members"][1]
        .as_object_mut()
        .unwrap()
        .remove("address");
    let twice = |list: &str, value: Value| {
        let mut document = full();
        document[list].as_array_mut().unwrap().push(value);
        document
    };
    #[rustfmt::skip]
    let cases: &[(&str, Value, &[&str])] = &[
        ("unknown storage",     with("/nodes/0/storages/0", json!("tnak")), &["nodes[0].storages[0] is \"tnak\", which is not in storages; near: tank"]),
        ("bridge of no node",   with("/vlans/0/bridge", json!("vmbr9")), &["vlans[0].bridge is \"vmbr9\", which no node has in its bridges; near: vmbr0"]),
        ("gateway elsewhere",   with("/vlans/0/gateway", json!("10.20.21.1")), &["vlans[0].gateway is 10.20.21.1, which is not in 10.20.20.0/24"]),
        ("gateway misspelled",  with("/vlans/0/gateway", json!("frist")), &["vlans[0].gateway is \"frist\", not first, last, none or an address"]),
        ("host bits",           with("/vlans/0/prefix", json!("10.20.20.1/24")), &["vlans[0].prefix is 10.20.20.1/24, which has host bits set; the prefix is 10.20.20.0/24"]),
        ("no mask",             with("/vlans/0/prefix", json!("10.20.20.0")), &["vlans[0].prefix is \"10.20.20.0\", not a prefix such as 192.168.30.0/24"]),
        ("gateway is no host's", with("/vlans/0/gateway", json!("10.20.20.255")), &["vlans[0].gateway is 10.20.20.255, the network's own or broadcast address of 10.20.20.0/24"]),
        ("overlapping prefixes", twice("vlans", json!({"vlan": 21, "prefix": "10.20.0.0/16"})), &["vlans[1].prefix is 10.20.0.0/16, which overlaps with vlans[0].prefix 10.20.20.0/24"]),
        ("a base of another",    twice("vlans", json!({"vlan": 720, "prefix": "10.9.0.0/24"})), &["vlans[1].base gives 10.9.0.0/24 (VLAN 720, IDs 720001 to 720254) IDs of vlans[0], 10.20.20.0/24 (VLAN 20, IDs 720001 to 720254)"]),
        ("a base of IPv6",       twice("vlans", json!({"vlan": 20, "prefix": "fd00::/64", "base": 1})), &["vlans[1] says how guests' IDs are made, but fd00::/64 is IPv6"]),
        ("node has a VIP",      with("/nodes/0/address", json!("10.20.20.53")), &["nodes[0].address is the vip of the pair \"ns\", too"]),
        ("storage twice in a node", with("/nodes/0/storages", json!(["tank", "tank"])), &["nodes[0].storages[1] is \"tank\" again"]),
        ("no such content",     with("/storages/0/content/0", json!("image")), &["storages[0].content[0] is \"image\", not images, rootdir"]),
        ("a state document",    json!({"version": 1, "nodes": [], "guests": []}), &["this is a state document of pvx-migrate state, not a site file"]),
        ("a guest",             json!({"vmid": 101, "name": "web"}), &["this is a guest's record, not a site file"]),
        ("avoid",               with("/avoid/0", json!("9-2")), &["avoid[0] is wrong: \"9-2\" ends before it begins"]),
        ("node twice",          with("/nodes/1/name", json!("pve-a")), &["nodes[1].name is \"pve-a\", as nodes[0].name"]),
        ("storage twice",       twice("storages", json!({"storage": "tank"})), &["storages[1].storage is \"tank\", as storages[0].storage"]),
        ("app twice",           twice("apps", json!({"name": "vaultwarden", "path": "/"})), &["apps[1].name is \"vaultwarden\", as apps[0].name"]),
        ("keeps what is no rule", with("/apps/0/keep", json!("--apply")), &["apps[0].keep is \"--apply\", not keep options such as"]),
        ("name server twice",   with("/dns/servers", json!([{"name": "a", "address": "10.20.20.1", "format": "pihole6", "file": "/etc/h"}, {"name": "a", "address": "10.20.20.2", "format": "pihole6", "file": "/etc/h"}])), &["dns.servers[1].name is \"a\", as dns.servers[0].name"]),
        ("one file twice",      with("/dns/servers", json!([{"name": "a", "address": "10.20.20.1", "format": "hosts", "file": "/etc/h"}, {"name": "b", "address": "10.20.20.2", "host": "x@10.20.20.1", "format": "hosts", "file": "/etc/h"}])), &["dns.servers[1].file is the file of dns.servers[0], too"]),
        ("no file",             with("/dns/servers", json!([{"name": "a", "address": "10.20.20.1", "format": "dnsmasq"}])), &["dns.servers[0].file is missing"]),
        ("a hidden file",       with("/dns/servers/0/file", json!("/etc/.h")), &["dns.servers[0].file is \"/etc/.h\", no plain file's name"]),
        ("a folder",            with("/dns/servers/0/file", json!("/etc/h/")), &["dns.servers[0].file is \"/etc/h/\", no plain file's name"]),
        ("another format",      with("/dns/servers/0/format", json!("bind")), &["dns.servers[0].format is \"bind\", not dnsmasq, hosts, pihole6 or zone"]),
        ("SOA of no zone",      with("/dns/servers/0/format", json!("hosts")), &["dns.servers[0].primary is of a zone, but the format is hosts"]),
        ("zone of no domain",   json!({"dns": {"servers": [{"name": "a", "address": "10.20.20.1", "format": "zone", "file": "/etc/z"}]}}), &["dns.servers[0].domain is missing: the format zone needs it, and the site has no domain"]),
        ("exempt of nothing",   with("/exempt", json!([{"code": "lock", "why": "w"}])), &["exempt[0] names nothing: it needs exactly one of vmid, node, storage, job, pair, service"]),
        ("exempt of several",   with("/exempt", json!([{"code": "lock", "why": "w", "vmid": 101, "node": "a"}])), &["exempt[0] names several things"]),
        ("exempt of the unseen", with("/exempt/0/code", json!("unseen")), &["exempt[0].code is \"unseen\": what could not be seen can't be exempted"]),
        ("exempt of no pair",   with("/exempt/4/pair", json!("nss")), &["exempt[4].pair is \"nss\", which is no pair; near: ns"]),
        ("exempt to no day",    with("/exempt/1/until", json!("2027-02-29")), &["exempt[1].until is \"2027-02-29\", not a day such as 2027-01-31"]),
        ("no servers",          json!({"dns": {}}), &["dns.servers is missing"]),
        ("VLAN twice",          twice("vlans", json!({"vlan": 20, "prefix": "10.9.0.0/24"})), &["vlans[1].vlan is 20, as vlans[0].vlan"]),
        ("prefix twice",        twice("vlans", json!({"vlan": 21, "prefix": "10.20.20.0/24"})), &["vlans[1].prefix is 10.20.20.0/24, as vlans[0].prefix"]),
        ("node of a member",    with("/pairs/0/members/0/node", json!("pve-c")), &["pairs[0].members[0].node is \"pve-c\", which is not in nodes; near: pve-a"]),
        ("member twice",        with("/pairs/0/members/1/name", json!("ns-1")), &["pairs[0].members[1].name is \"ns-1\" again", "pairs[0].files[0].member is \"ns-2\", which is no member; near: ns-1"]),
        ("address twice",       with("/pairs/0/members/1/address", json!("10.20.20.51")), &["pairs[0].members[1].address is 10.20.20.51, which is ns-1's, too"]),
        ("VIP is a member's",   with("/pairs/0/members/1/address", json!("10.20.20.53")), &["pairs[0].members[1].address is the vip 10.20.20.53"]),
        ("member elsewhere",    with("/pairs/0/members/1/address", json!("10.20.21.52")), &["pairs[0].members[1].address is 10.20.21.52, not in 10.20.20.0/24 as the vip 10.20.20.53 (or the pair says \"x-elsewhere\": true)"]),
        ("VIP elsewhere",       one_vip, &["pairs[0].vip is 10.20.21.53, which is in no prefix of vlans"]),
        ("mixed families",      with("/pairs/0/members/1/address", json!("fd00::2")), &["pairs[0].members[1].address is fd00::2, of another family than 10.20.20.53"]),
        ("two preferred",       with("/pairs/0/members/1/preferred", json!(true)), &["pairs[0].members[1].preferred is true for more than one member"]),
        ("file of nobody",      with("/pairs/0/files/0/member", json!("ns-3")), &["pairs[0].files[0].member is \"ns-3\", which is no member; near: ns-1"]),
        ("no VIP but VRRP",     no_vip, &["pairs[0].vrid is of VRRP, but the pair has no vip", "pairs[0].advert_ms is of VRRP", "pairs[0].expect.version is of VRRP", "pairs[0].unicast is of VRRP", "pairs[0].by says what moves the vip"]),
        ("without VRRP, and VRRP", with("/pairs/0/vrrp", json!(false)), &["pairs[0].vrid is of VRRP, but the pair says \"vrrp\": false", "pairs[0].advert_ms is of VRRP", "pairs[0].expect.version is of VRRP", "pairs[0].unicast is of VRRP", "pairs[0].by is vrrp, but the pair says \"vrrp\": false"]),
        ("by something else",   with("/pairs/0/by", json!("carp")), &["pairs[0].by says that something else than VRRP moves the vip"]),
        ("the VIP is its own",  with("/pairs/0/members/0/addresses", json!(["10.20.20.53"])), &["pairs[0].members[0].addresses[0] is the vip 10.20.20.53"]),
        ("one address again",   with("/pairs/0/members/0/addresses", json!(["10.20.20.54", "10.20.20.51", "10.20.20.54"])), &["pairs[0].members[0].addresses[1] is 10.20.20.51 again", "pairs[0].members[0].addresses[2] is 10.20.20.54 again"]),
        ("another's address",   with("/pairs/0/members/0/addresses", json!(["10.20.20.52"])), &["pairs[0].members[0].addresses[0] is 10.20.20.52, which is ns-2's, too"]),
        ("neither ID nor address", nameless, &["pairs[0].members[1] has neither vmid nor address"]),
        ("one member",          with("/pairs/0/members", json!([{"name": "ns-2", "vmid": 100}])), &["pairs[0].members has 1 of them; a pair has two or more"]),
        ("pair twice",          pair("ns", "10.20.20.63", 63, "10.20.20.61", "10.20.20.62"), &["pairs[1].name is \"ns\" again"]),
        ("VIP twice",           pair("b", "10.20.20.53", 63, "10.20.20.61", "10.20.20.62"), &["pairs[1].vip is 10.20.20.53, which is the vip of \"ns\", too"]),
        ("VRID on one segment", pair("b", "10.20.20.63", 53, "10.20.20.61", "10.20.20.62"), &["pairs[1].vrid is 53, which is \"ns\"'s on the same segment 10.20.20.0/24, too"]),
        ("another's VIP",       pair("b", "10.20.20.63", 63, "10.20.20.53", "10.20.20.62"), &["pairs[1].members[0].address is 10.20.20.53, the vip of the pair \"ns\""]),
        ("service twice",       twice("services", json!({"name": "dns"})), &["services[2].name is \"dns\" again"]),
        ("no such pair",        with("/services/1/pair", json!("nss")), &["services[1].pair is \"nss\", which is no pair; near: ns"]),
        ("pair and addresses",  with("/services/1/addresses", json!(["10.20.20.95"])), &["services[1].pair stands beside addresses"]),
        ("service elsewhere",   with("/services/0/addresses", json!(["10.20.21.94"])), &["services[0].addresses[0] is 10.20.21.94, which is in no prefix of vlans (or the service says \"x-elsewhere\": true)"]),
        ("no host's address",   with("/services/0/addresses", json!(["224.0.0.1"])), &["services[0].addresses[0] is 224.0.0.1, a multicast address, which no host can have"]),
        ("service on a VIP",    with("/services/0/addresses", json!(["10.20.20.53"])), &["services[0].addresses[0] is 10.20.20.53, the vip of the pair \"ns\": say \"pair\" instead"]),
        ("one address twice",   with("/services/0/addresses", json!(["10.20.20.94", "10.20.20.94"])), &["services[0].addresses[1] is 10.20.20.94 again"]),
        ("no such role",        with("/services/0/role", json!("dbb")), &["services[0].role is \"dbb\", which is not in roles; near: db"]),
        ("another kind of HA",  with("/services/0/ha", json!("active")), &["services[0].ha is \"active\", not none, active-active, failover or failover-live"]),
        ("a VM",                with("/services/0/type", json!("vm")), &["services[0].type is \"vm\", not lxc or qemu (a VM)"]),
        ("a promise of days",   with("/services/0/sla_s", json!(86_401)), &["services[0].sla_s is 86401, not a whole number from 0 to 86400"]),
        ("several faults",      json!({"Domain": "x", "nodes": [{"name": "a", "storage": []}], "vlans": 7}), &["Domain is not known; near: domain", "nodes[0].storage is not known; near: storages", "vlans is 7, not a list"]),
        ("a list",              json!([]), &["is a list, not an object"]),
    ];
    for (name, document, want) in cases {
        let got = faults(document);
        for want in *want {
            assert!(got.iter().any(|got| got.contains(want)), "{name}: {got:#?}");
        }
        assert_eq!(got.len(), want.len(), "{name}: {got:#?}");
    }
}

#[test]
fn what_is_fine() {
    let mut elsewhere = full();
    elsewhere["pairs"][0]["vip"] = json!("10.99.0.1");
    elsewhere["pairs"][0]["x-elsewhere"] = json!(true);
    elsewhere["pairs"][0]
        .as_object_mut()
        .unwrap()
        .remove("vips");
    let pairs = json!({"pairs": full()["pairs"].clone()});
    #[rustfmt::skip]
    let cases = [
        ("everything",          full()),
        ("nothing",             json!({})),
        ("pairs alone",         pairs),
        ("a VIP elsewhere",     elsewhere),
        ("a service elsewhere", json!({"vlans": [{"vlan": 1, "prefix": "10.0.0.0/24"}], "services": [{"name": "a", "addresses": ["10.9.0.1"], "x-elsewhere": true}]})),
        ("two on one guest",    json!({"services": [{"name": "a", "vmid": 101, "addresses": ["10.9.0.1"]}, {"name": "b", "vmid": 101, "addresses": ["10.9.0.1"]}]})),
        ("a service that hacheck can't ask", json!({"services": [{"name": "a", "type": "qemu", "ha": "none", "role": "any"}]})),
        ("names of the user's", json!({"x-note": {"any": [1]}, "vlans": [{"vlan": 1, "prefix": "10.0.0.0/24", "x-todo": "DHCP"}], "roles": {"x-y": 1}})),
        ("one VLAN, two families", json!({"vlans": [{"vlan": 1, "prefix": "10.0.0.0/24"}, {"vlan": 1, "prefix": "fd00::/64"}]})),
        ("one node says nothing of bridges", json!({"nodes": [{"name": "a", "bridges": []}, {"name": "b"}], "vlans": [{"vlan": 1, "prefix": "10.0.0.0/24", "bridge": "vmbr0"}]})),
    ];
    for (name, document) in cases {
        assert_eq!(faults(&document), [] as [String; 0], "{name}");
    }
}

#[test]
fn gateways() {
    let of = |prefix: &str, rule: &str| {
        let text = json!({"vlans": [{"vlan": 1, "prefix": prefix, "gateway": rule}]}).to_string();
        Site::parse(text.as_bytes()).unwrap().vlans[0]
            .gateway
            .clone()
    };
    assert_eq!(of("10.0.0.0/24", "first"), "10.0.0.1");
    assert_eq!(of("10.0.0.0/22", "last"), "10.0.3.254");
    assert_eq!(of("10.0.0.0/24", "none"), "none");
    assert_eq!(of("10.0.0.0/24", "10.0.0.9"), "10.0.0.9");
    assert_eq!(of("10.0.0.0/31", "first"), "none", "no room for one");
    assert_eq!(of("fd00::/64", "first"), "fd00::1");
    assert_eq!(of("fd00::/64", "last"), "fd00::ffff:ffff:ffff:ffff");
}

#[test]
fn pairs_in_every_form() {
    let pair = r#"{"name":"dns","members":[{"name":"a","vmid":101},{"name":"b","vmid":102}]}"#;
    let other = pair.replace("dns", "web");
    #[rustfmt::skip]
    let cases: &[(&str, String, Result<usize, &str>)] = &[
        ("one",                pair.to_owned(),                                Ok(1)),
        ("lines",              format!("{pair}\n{other}\n"),                   Ok(2)),
        ("a list",             format!("[{pair},{other}]"),                    Ok(2)),
        ("a site",             format!(r#"{{"name":"x","pairs":[{pair}]}}"#),  Ok(1)),
        ("guests",             r#"{"vmid":101,"name":"web"}"#.to_owned(),      Err("record 1: this is a guest's record, not a pair")),
        ("a wrong site",       format!(r#"{{"nmae":"x","pairs":[{pair}]}}"#),  Err("nmae is not known; near: name")),
        ("none",               String::new(),                                  Err("there is no pair in it")),
        ("none in the site",   r#"{"pairs":[]}"#.to_owned(),                   Err("there is no pair in it")),
        ("the same twice",     format!("{pair}{pair}"),                        Err("pairs[1].name is \"dns\" again")),
        ("no members",         r#"{"name":"dns"}"#.to_owned(),                 Err("pairs[0].members is missing")),
        ("a key twice",        pair.replace("\"vmid\":101", "\"vmid\":1,\"vmid\":2"), Err("pairs[0].members[0].vmid is there twice")),
        ("not JSON",           "dns: 1, 2".to_owned(),                         Err("record 1")),
    ];
    for (name, text, want) in cases {
        match (pairs(text.as_bytes()), want) {
            (Ok(pairs), Ok(count)) => assert_eq!(pairs.len(), *count, "{name}"),
            (Err(faults), Err(want)) => {
                assert!(faults.to_string().contains(want), "{name}: {faults}")
            }
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
}

#[test]
fn who_has_an_address() {
    let site = Site::parse(full().to_string().as_bytes()).unwrap();
    let held: Vec<String> = site
        .held()
        .map(|held| format!("{} is {}", held.address, held.holder))
        .collect();
    let want = [
        "10.20.20.53 is the VIP of the pair ns",
        "10.20.20.55 is the VIP of the pair ns",
        "10.20.20.51 is ns-1's, a member of the pair ns",
        "10.20.20.54 is ns-1's, a member of the pair ns",
        "10.20.20.52 is ns-2's, a member of the pair ns",
        "10.20.20.94 is the service proxy's",
        "10.20.20.1 is the gateway of VLAN 20",
        "10.20.20.11 is the node pve-a's",
    ];
    assert_eq!(held, want);
}

#[test]
fn roles_and_templates_have_near_names() {
    let site = Site::parse(full().to_string().as_bytes()).unwrap();
    assert!(site.role("db").is_ok());
    assert_eq!(
        site.role("dbb").unwrap_err(),
        "is not in the site file; near: db"
    );
    assert_eq!(
        site.template("pyton").unwrap_err(),
        "is not in the site file; there are base"
    );
}

#[test]
fn no_password_is_told() {
    let mut document = full();
    document["pairs"][0]["probes"][0] = json!("http://u:HUNTER2@x/");
    document["nodes"][0]["name"] = json!("https://u:HUNTER2@x/?y=HUNTER2");
    let got = faults(&document).join("\n");
    assert!(!got.contains("HUNTER2") && got.contains("***@x"), "{got}");
}
