//! `--assign`: addresses on virtual machines of a real NetBox, with everything that is missing made;
//! nothing that is somebody's taken; and off again when they are retired or released.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};

use crate::{
    Section,
    lost::{carried_out_but_gone, nth},
    proxy::Reply,
    server::Lab,
    wire::Message,
};

pub const SECTIONS: &[Section] = &[
    ("machines: made, found, assigned, released", assigned),
    ("machines: what is somebody's stays theirs", theirs),
    ("machines: many at once, lost replies, kill -9", races),
    ("machines: permissions", permissions),
];

const MACHINES: &str = "/api/virtualization/virtual-machines/";
const INTERFACES: &str = "/api/virtualization/interfaces/";
const MACS: &str = "/api/dcim/mac-addresses/";
const A: &str = "BC:24:11:00:00:0A";

/// A cluster `pve`, and another.
fn clusters(lab: &Lab) {
    let kind = lab.make(
        "/api/virtualization/cluster-types/",
        &json!({"name": "Proxmox", "slug": "proxmox"}),
    );
    for name in ["pve", "other"] {
        lab.make(
            "/api/virtualization/clusters/",
            &json!({"name": name, "type": kind["id"]}),
        );
    }
}

fn cluster(lab: &Lab, name: &str) -> u64 {
    let path = format!("/api/virtualization/clusters/?name={name}");
    lab.results(&path)[0]["id"].as_u64().unwrap()
}

fn machine(lab: &Lab, name: &str, cluster_name: &str) -> u64 {
    let body = json!({"name": name, "cluster": cluster(lab, cluster_name)});
    lab.make(MACHINES, &body)["id"].as_u64().unwrap()
}

/// `web@pve active: net0 BC:24:11:00:00:0A 192.168.30.2/24*`: each machine with its interfaces, their MAC
/// addresses and addresses, the primary ones with a star.
fn told(lab: &Lab) -> Vec<String> {
    let interfaces = lab.results(&format!("{INTERFACES}?limit=0"));
    let addresses = lab.results("/api/ipam/ip-addresses/?limit=0&assigned_to_interface=true");
    let one = |machine: &Value| {
        let mut line = format!(
            "{}@{} {}",
            machine["name"].as_str().unwrap(),
            machine["cluster"]["name"].as_str().unwrap_or_default(),
            machine["status"]["value"].as_str().unwrap()
        );
        for interface in &interfaces {
            if interface["virtual_machine"]["id"] != machine["id"] {
                continue;
            }
            line += &format!(": {}", interface["name"].as_str().unwrap());
            if let Some(mac) = interface["primary_mac_address"]["mac_address"].as_str() {
                line += &format!(" {mac}");
            }
            for address in &addresses {
                if address["assigned_object_id"] != interface["id"] {
                    continue;
                }
                let primary = ["primary_ip4", "primary_ip6"];
                let primary = primary.iter().any(|p| machine[p]["id"] == address["id"]);
                let star = if primary { "*" } else { "" };
                line += &format!(" {}{star}", address["address"].as_str().unwrap());
            }
        }
        line
    };
    let machines = lab.results(&format!("{MACHINES}?limit=0"));
    machines.iter().map(one).collect()
}

/// All that a run leaves, so that a second one leaves it.
fn last_changes(lab: &Lab) -> u64 {
    let (_, page) = lab.api("GET", "/api/core/object-changes/?limit=1", None);
    page["count"].as_u64().unwrap()
}

fn assigned(lab: &Lab) {
    clusters(lab);
    let ours = lab.ours();
    // A rehearsal makes nothing; then everything is made, then nothing is left to do.
    let line = "allocate --vlan 30 --assign --cluster pve --dry-run web";
    let ran = ours.run(line);
    ran.ends("0: web 192.168.30.2/24 new", &[]);
    let want = json!({"virtual_machine": "web", "interface": "net0", "primary": true});
    assert_eq!(ran.record()["assigned"], want);
    assert!(told(lab).is_empty());
    let line = "allocate --vlan 30 --assign --cluster pve web";
    let ran = ours.run(line);
    ran.ends("0: web 192.168.30.2/24 new", &[]);
    assert_eq!((&ran.record()["assigned"], ran.err.as_str()), (&want, ""));
    // As README shows it.
    let shown = r#"{"name":"web","address":"192.168.30.2/24","prefix":"192.168.30.0/24","vlan":30,"dns_name":"web","changed":true,"ipam_id":10,"assigned":{"virtual_machine":"web","interface":"net0","primary":true}}"#;
    assert_eq!(ran.out.trim_end(), shown);
    assert_eq!(told(lab), ["web@pve active: net0 192.168.30.2/24*"]);
    let changes = last_changes(lab);
    let ran = ours.run(&format!("{line} -v"));
    ran.ends("0: web 192.168.30.2/24", &[]);
    assert_eq!(ran.record()["assigned"], want);
    assert!(ran.requests() <= 6, "{}", ran.err);
    assert_eq!(last_changes(lab), changes, "a second run changes something");
    // Configurations: of a container by its own names, and with both interfaces; IPv6 beside IPv4.
    let config = format!(
        r#"{{"name":"db","type":"lxc","net0":"name=eth0,hwaddr={A},ip=192.168.10.50/24,tag=10","net1":"name=lan,hwaddr=BC:24:11:00:00:0b,ip=192.168.30.50/24,tag=30"}}"#
    );
    let ran = ours.fed("allocate --assign --cluster pve", &config);
    ran.ends("0: db 192.168.10.50/24 new", &[]);
    let record = ran.record();
    let want = json!({"virtual_machine": "db", "interface": "eth0", "primary": true});
    assert_eq!(record["assigned"], want);
    let other = &record["other_addresses"][0]["assigned"];
    let want = json!({"virtual_machine": "db", "interface": "lan", "primary": false});
    assert_eq!(*other, want, "{record}");
    let again = ours.fed("allocate --assign --cluster pve", &config);
    again.ends("0: db 192.168.10.50/24", &[]);
    lab.make(
        "/api/ipam/prefixes/",
        &json!({"prefix": "fd00:40::/64", "vlan": lab.results("/api/ipam/vlans/?vid=40")[0]["id"]}),
    );
    let ran = ours.run("allocate --vlan 40 --family both --assign --cluster pve dual");
    ran.ends("0: dual 192.168.40.2/28 new", &[]);
    assert_eq!(ran.record()["assigned6"]["primary"], true);
    let want = [
        "db@pve active: eth0 BC:24:11:00:00:0A 192.168.10.50/24*: lan BC:24:11:00:00:0B 192.168.30.50/24",
        "dual@pve active: net0 192.168.40.2/28* fd00:40::2/64*",
        "web@pve active: net0 192.168.30.2/24*",
    ];
    assert_eq!(told(lab), want);
    // In lists, and for DHCP.
    let listed = ours.run("list db").records();
    let macs: Vec<&str> = listed.iter().filter_map(|r| r["mac"].as_str()).collect();
    assert_eq!(macs, [A, "BC:24:11:00:00:0B"]);
    let ran = ours.run("list --format dnsmasq --domain lab.example db");
    let want =
        format!("dhcp-host={A},192.168.10.50,db\ndhcp-host=BC:24:11:00:00:0B,192.168.30.50,db\n");
    assert!(ran.out.ends_with(&want), "{ran:?}");
    dnsmasq_takes(&ran.out);
    // NetBox gives a pool's first and last address, and puts neither onto an interface.
    lab.make(
        "/api/ipam/prefixes/",
        &json!({"prefix": "192.168.60.0/29", "is_pool": true}),
    );
    ours.run("allocate --prefix 192.168.60.0/29 --assign --cluster pve pooled")
        .ends("0: pooled 192.168.60.2/29 new", &[]);
    assert_eq!(told(lab)[2], "pooled@pve active: net0 192.168.60.2/29*");
    let ran = ours.run("allocate --prefix 192.168.60.0/29 --assign --address 192.168.60.7 last");
    ran.ends("1: last !excluded", &[]);
    ours.run("allocate --prefix 192.168.60.0/29 plain")
        .ends("0: plain 192.168.60.0/29 new", &[]);
    let pooled = lab.results(&format!("{MACHINES}?name=pooled"))[0]["id"].clone();
    lab.api("DELETE", &format!("{MACHINES}{pooled}/"), None);
    // Off again, and back.
    ours.run("release --retire web")
        .ends("0: web 192.168.30.2/24 new", &[]);
    assert_eq!(told(lab)[2], "web@pve active: net0");
    assert_eq!(lab.address("192.168.30.2")["status"]["value"], "deprecated");
    ours.run("release --retire web")
        .ends("0: web 192.168.30.2/24", &[]);
    ours.run(line).ends("0: web 192.168.30.2/24 new", &[]);
    assert_eq!(told(lab)[2], "web@pve active: net0 192.168.30.2/24*");
    ours.run("release web dual")
        .ends("0: web 192.168.30.2/24 new, dual 192.168.40.2/28 new", &[]);
    assert_eq!(
        told(lab)[1..],
        ["dual@pve active: net0", "web@pve active: net0"]
    );
    // From the record, and from the site file; not where the record says so.
    let records = r#"{"name":"a","vlan":30,"assign":true,"cluster":"other"}{"name":"b","vlan":30}"#;
    ours.fed("allocate", records)
        .ends("0: a 192.168.30.2/24 new, b 192.168.30.3/24 new", &[]);
    let site = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(site.path(), r#"{"netbox":{"cluster":"pve"}}"#).unwrap();
    let line = format!(
        "allocate --vlan 30 --site {} --assign",
        site.path().display()
    );
    ours.fed(&line, r#"{"name":"b"}{"name":"c","assign":false}"#)
        .ends("0: b 192.168.30.3/24 new, c 192.168.30.4/24 new", &[]);
    let lines = told(lab);
    assert_eq!(
        lines[..2],
        [
            "a@other active: net0 192.168.30.2/24*",
            "b@pve active: net0 192.168.30.3/24*"
        ]
    );
    assert!(lines.iter().all(|line| !line.starts_with("c@")));
}

/// The real one reads it without a complaint; where it isn't installed, that is told, and fails under CI=true.
fn dnsmasq_takes(lines: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let tested = Command::new("dnsmasq")
        .env("PATH", path)
        .arg("--test")
        .arg(format!("--conf-file={}", file.path().display()))
        .output();
    match tested {
        Ok(tested) => assert!(tested.status.success(), "{tested:?}"),
        Err(why) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "dnsmasq: {why}");
            println!("NOT RUN: dnsmasq --test: {why}");
        }
    }
}

fn theirs(lab: &Lab) {
    clusters(lab);
    machine(lab, "elsewhere", "other");
    machine(lab, "Full", "pve");
    let many = machine(lab, "many", "pve");
    let primary = machine(lab, "primary", "pve");
    for (machine, name) in [(many, "a"), (many, "b"), (primary, "ens18")] {
        lab.make(
            INTERFACES,
            &json!({"virtual_machine": machine, "name": name}),
        );
    }
    let interface = |machine: u64| {
        let path = format!("{INTERFACES}?virtual_machine_id={machine}");
        lab.results(&path)[0]["id"].as_u64().unwrap()
    };
    let on = |interface: u64| json!({"assigned_object_type": "virtualization.vminterface", "assigned_object_id": interface});
    // An address that is on somebody else's interface, a primary one, a MAC address.
    let mut taken = on(interface(primary));
    taken["address"] = json!("192.168.30.80/24");
    taken["dns_name"] = json!("full");
    let taken = lab.make("/api/ipam/ip-addresses/", &taken);
    let body = json!({"primary_ip4": taken["id"]});
    assert_eq!(
        lab.api("PATCH", &format!("{MACHINES}{primary}/"), Some(&body))
            .0,
        200
    );
    let mut mac = on(interface(primary));
    mac["mac_address"] = json!(A);
    lab.make(MACS, &mac);
    let before = lab.count();
    let ours = lab.ours();
    // What is wrong with the call is refused before, and nothing is made.
    let assign = "allocate --vlan 30 --assign --cluster pve";
    #[rustfmt::skip]
    ours.table(&[
        ("no such cluster",      "allocate --vlan 30 --assign --cluster pvx x", "", "1: x !assign-failed"),
        ("no truth",             "allocate --vlan 30", r#"{"name":"x","assign":"yes"}"#, "1: x !bad-field"),
    ]);
    assert_eq!(lab.count(), before, "something was made");
    // What is wrong with one guest leaves the others alone, and each its address.
    #[rustfmt::skip]
    ours.table(&[
        ("in another cluster",   &format!("{assign} elsewhere x"),   "", "1: elsewhere 192.168.30.2/24 new !assign-failed, x 192.168.30.3/24 new"),
        ("which interface",      &format!("{assign} many"),          "", "1: many 192.168.30.4/24 new !assign-failed"),
        ("no cluster",           "allocate --vlan 30 --assign y",    "", "1: y 192.168.30.5/24 new !assign-failed"),
        ("gone",                 "release elsewhere x many y", "", "0: elsewhere 192.168.30.2/24 new, x 192.168.30.3/24 new, many 192.168.30.4/24 new, y 192.168.30.5/24 new"),
    ]);
    // One of each tenant: its own is meant, one is made as its own, another's is left alone.
    for slug in ["acme", "globex"] {
        lab.make(
            "/api/tenancy/tenants/",
            &json!({"name": slug, "slug": slug}),
        );
    }
    let body =
        json!({"name": "shop", "cluster": cluster(lab, "pve"), "tenant": {"slug": "globex"}});
    lab.make(MACHINES, &body);
    #[rustfmt::skip]
    ours.table(&[
        ("another tenant's",     &format!("{assign} --tenant acme shop"), "", "1: shop 192.168.30.2/24 new !assign-failed"),
        ("made for a tenant",    &format!("{assign} --tenant acme made"), "", "0: made 192.168.30.3/24 new"),
        ("gone",                 "release shop made", "", "0: shop 192.168.30.2/24 new, made 192.168.30.3/24 new"),
    ]);
    let made = lab.results(&format!("{MACHINES}?name=made"));
    assert_eq!(
        (made.len(), &made[0]["tenant"]["slug"]),
        (1, &json!("acme"))
    );
    // What shows later leaves the address as it is.
    let ran = ours.run(&format!("{assign} --adopt full"));
    ran.ends("1: full 192.168.30.80/24 new !assign-failed", &[]);
    let message = ran.record()["error"]["message"].clone();
    let want = "192.168.30.80/24 is recorded and kept, but 192.168.30.80 is on ens18 of primary in NetBox, and stays there";
    assert_eq!(message, want);
    ours.run("allocate --vlan 30 full")
        .ends("0: full 192.168.30.80/24", &[]);
    // The first address stays the primary one, and a MAC address where it is.
    let record = format!(
        r#"{{"name":"primary","mac":"{}","assign":true}}{{"name":"copy","mac":"{A}","assign":true}}"#,
        "BC:24:11:00:00:FF"
    );
    let ran = ours.fed("allocate --vlan 30 --cluster pve", &record);
    ran.ends(
        "0: primary 192.168.30.2/24 new, copy 192.168.30.3/24 new",
        &["note: the MAC address BC:24:11:00:00:0A of copy is on ens18 of primary in NetBox; it stays there"],
    );
    assert_eq!(ran.records()[0]["assigned"]["primary"], false);
    let lines = told(lab);
    assert!(lines.contains(&"copy@pve active: net0 192.168.30.3/24*".to_owned()));
    let want = "primary@pve active: ens18 BC:24:11:00:00:FF 192.168.30.2/24 192.168.30.80/24*";
    assert!(lines.contains(&want.to_owned()), "{lines:?}");
    // In capitals it is the same machine; its other address goes to its interface of that name.
    ours.run("release --force full")
        .ends("0: full 192.168.30.80/24 new", &[]);
    ours.run(&format!("{assign} full full/eth1"))
        .ends("0: full 192.168.30.4/24 new, full 192.168.30.5/24 new", &[]);
    let want = "Full@pve active: eth1 192.168.30.5/24: net0 192.168.30.4/24*";
    assert!(told(lab).contains(&want.to_owned()), "{:?}", told(lab));
}

fn races(lab: &Lab) {
    clusters(lab);
    // Eight runs for one guest: each thing once, whoever makes it.
    let record = format!(r#"{{"name":"web","vlan":30,"mac":"{A}"}}"#);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &record).unwrap();
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = lab.ours().command(
                &crate::tools::tools()["ipalloc"],
                &["allocate", "--assign", "--cluster", "pve"],
            );
            command.stdin(std::fs::File::open(file.path()).unwrap());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        let ran = crate::client::Ran::of(child);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.record()["address"], "192.168.30.2/24", "{ran:?}");
        assert_eq!(ran.record()["assigned"]["primary"], true, "{ran:?}");
    }
    let want = format!("web@pve active: net0 {A} 192.168.30.2/24*");
    assert_eq!(told(lab), [want.as_str()]);
    assert_eq!(lab.results(&format!("{MACS}?mac_address={A}")).len(), 1);
    // Each reply once lost, after the server acted: of the POSTs that for the address itself is the first.
    let lost = [
        ("POST", 1),
        ("POST", 2),
        ("POST", 3),
        ("PATCH", 0),
        ("PATCH", 1),
        ("PATCH", 2),
    ];
    std::thread::scope(|scope| {
        for (method, which) in lost {
            scope.spawn(move || {
                let name = format!("l{which}-{}", method.to_lowercase());
                let proxy = nth(lab, method, move |n, request, up| {
                    if n == which {
                        return carried_out_but_gone(request, up);
                    }
                    up.pass(request)
                });
                let mac = format!("BC:24:11:00:{which:02}:{:02}", method.len());
                let record = format!(r#"{{"name":"{name}","vlan":30,"mac":"{mac}"}}"#);
                let ours = crate::client::Ours::new(&proxy.url);
                let ran = ours.fed("allocate --assign --cluster pve", &record);
                assert_eq!(ran.code, 0, "{name}: {ran:?}");
                assert_eq!(ran.record()["changed"], true, "{name}");
            });
        }
    });
    let lines = told(lab);
    let whole = |line: &&String| line.ends_with('*') && line.contains(" BC:24:11:");
    assert_eq!(
        (lines.len(), lines.iter().filter(whole).count()),
        (7, 7),
        "{lines:?}"
    );
    let macs = lab.results(&format!("{MACS}?limit=0"));
    let distinct: BTreeSet<&str> = macs
        .iter()
        .filter_map(|m| m["mac_address"].as_str())
        .collect();
    assert_eq!(macs.len(), distinct.len());
    // A server that fails for good: the address is kept and shown, and the run can be run again.
    let proxy = nth(lab, "POST", |n, request, up| match n {
        0 => up.pass(request),
        _ => Reply::Send(Message::reply(500, "application/json", r#"{"error":"no"}"#)),
    });
    let line = "allocate --vlan 30 --assign --cluster pve cut";
    let ran = crate::client::Ours::new(&proxy.url).run(line);
    assert!(ran.short().starts_with("3: cut 192.168.30."), "{ran:?}");
    assert_eq!(ran.record()["error"]["code"], "assign-failed");
    assert_eq!(ran.record()["changed"], true);
    let ran = lab.ours().run(line);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Cut off at any moment; then run to the end.
    let lines: Vec<String> = (0..4)
        .map(|number| format!("allocate --vlan 30 --assign --cluster pve k{number}"))
        .collect();
    let children: Vec<_> = lines.iter().map(|line| lab.ours().start(line)).collect();
    for mut child in children {
        std::thread::sleep(std::time::Duration::from_millis(250));
        let _ = child.kill();
        let _ = child.wait();
    }
    for ran in lab.ours().at_once(lines) {
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let lines = told(lab);
    let killed = lines.iter().filter(|line| line.starts_with('k'));
    assert!(
        killed.clone().count() == 4 && killed.clone().all(|line| line.ends_with('*')),
        "{lines:?}"
    );
}

/// Actions, and the types of objects that they are allowed on.
type Grants<'a> = (&'a [&'a str], &'a [&'a str]);

/// A token of version 1 of a user who has these permissions.
fn token(lab: &Lab, name: &str, permissions: &[Grants]) -> String {
    let user = lab.make(
        "/api/users/users/",
        &json!({"username": name, "password": "Tenant-pass-1234"}),
    );
    for (number, (actions, types)) in permissions.iter().enumerate() {
        lab.make(
            "/api/users/permissions/",
            &json!({"name": format!("{name} {number}"), "users": [user["id"]], "actions": actions, "object_types": types}),
        );
    }
    let token = json!({"user": user["id"], "version": 1, "write_enabled": true});
    let token = lab.make("/api/users/tokens/", &token);
    token["token"].as_str().unwrap().to_owned()
}

fn permissions(lab: &Lab) {
    const VIEWS: &[&str] = &["ipam.prefix", "ipam.iprange", "ipam.vlan", "ipam.vrf"];
    const MADE: &[&str] = &[
        "virtualization.virtualmachine",
        "virtualization.vminterface",
        "dcim.macaddress",
    ];
    clusters(lab);
    let plain: &[Grants] = &[
        (&["view"], VIEWS),
        (&["view", "add", "change"], &["ipam.ipaddress"]),
    ];
    // What README's table says is enough.
    let enough = [
        plain,
        &[
            (&["view"], &["virtualization.cluster"]),
            (&["view", "add", "change"], MADE),
        ],
    ]
    .concat();
    let ours = lab.ours().token(&token(lab, "enough", &enough));
    let record = format!(r#"{{"name":"web","vlan":30,"mac":"{A}"}}"#);
    ours.fed("allocate --assign --cluster pve", &record)
        .ends("0: web 192.168.30.2/24 new", &[]);
    assert_eq!(
        told(lab),
        [format!("web@pve active: net0 {A} 192.168.30.2/24*")]
    );
    ours.run("release --retire web")
        .ends("0: web 192.168.30.2/24 new", &[]);
    // Who may not see machines learns that before anything is made.
    let blind = lab.ours().token(&token(lab, "blind", plain));
    let before = lab.count();
    blind
        .run("allocate --vlan 30 --assign --cluster pve x")
        .ends("2: ", &["virtual-machines/", "may not do this"]);
    assert_eq!(lab.count(), before);
    // Who may see and not make keeps the address.
    let seen = [MADE, &["virtualization.cluster"]].concat();
    let sees = [plain, &[(&["view"], &seen[..])]].concat();
    let ran = lab
        .ours()
        .token(&token(lab, "sees", &sees))
        .run("allocate --vlan 30 --assign --cluster pve y");
    ran.ends("1: y 192.168.30.3/24 new !assign-failed", &[]);
    let message = ran.record()["error"]["message"].to_string();
    assert!(
        message.contains("the virtual machine y was not made: denied"),
        "{message}"
    );
    // A list is made without MAC addresses, and says so.
    let ran = blind.run("list web");
    ran.ends("0: web 192.168.30.2/24", &[]);
    lab.ours()
        .run("allocate --vlan 30 --assign --cluster pve web");
    blind.run("list web").ends(
        "0: web 192.168.30.2/24",
        &["note: no MAC addresses are told: "],
    );
    retiring(lab, plain, &sees);
}

/// Who may not change a virtual machine retires what is on none, and who may not mark takes nothing off.
fn retiring(lab: &Lab, plain: &[Grants], sees: &[Grants]) {
    let primary = format!("web@pve active: net0 {A} 192.168.30.2/24*");
    let is_kept = || {
        assert_eq!(lab.address("192.168.30.2")["status"]["value"], "active");
        assert!(told(lab).contains(&primary), "{:?}", told(lab));
    };
    lab.ours().run("allocate --vlan 30 free");
    let ran = lab.ours().token(&token(lab, "weak", sees));
    let ran = ran.run("release --retire web free");
    assert_eq!(ran.code, 1, "{ran:?}");
    let [web, free] = &ran.records()[..] else {
        panic!("{ran:?}")
    };
    assert_eq!(web["error"]["code"], "refused-value", "{web}");
    let message = web["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("the virtual machine web, which could not be changed: denied"),
        "{message}"
    );
    assert_eq!(
        (&web["changed"], &free["changed"]),
        (&json!(false), &json!(true)),
        "{ran:?}"
    );
    is_kept();
    // NetBox refuses the mark, when the virtual machine has been changed already.
    let able: &[Grants] = &[(&["view", "change"], &["virtualization.virtualmachine"])];
    let views = [&plain[..1], &[(&["view"], &["ipam.ipaddress"])], able].concat();
    let strict = token(lab, "strict", &views);
    let user = lab.results("/api/users/users/?username=strict")[0]["id"].clone();
    lab.make(
        "/api/users/permissions/",
        &json!({"name": "only active", "users": [user], "actions": ["change"], "object_types": ["ipam.ipaddress"], "constraints": {"status": "active"}}),
    );
    let ran = lab.ours().token(&strict).run("release --retire web");
    assert_ne!(ran.code, 0, "{ran:?}");
    is_kept();
}
