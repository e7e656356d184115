//! Both back ends give the same answers: a long series of requests, drawn by lot, to
//! NetBox and to a folder of CSV files that holds the same.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{Section, client::Ran, kills::Random, server::Lab};

pub const SECTIONS: &[Section] = &[
    ("agree: 100 requests to NetBox and to files", |lab| {
        agree(lab, 20_261_122, 100)
    }),
    ("agree: 30 requests among many addresses", |lab| {
        lab.fresh_large();
        agree(lab, 88_172_645_463_325_252, 30);
    }),
];

/// What NetBox has, as files that it would import.
fn export(lab: &Lab, folder: &Path) {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        other => other.to_string(),
    };
    let write = |file: &str, records: &[Value], columns: &[(&str, &str)]| {
        let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let mut csv = format!("{}\n", header.join(","));
        for record in records {
            let cell = |path: &str| text(record.pointer(path).unwrap_or(&Value::Null));
            let cells: Vec<String> = columns.iter().map(|(_, path)| cell(path)).collect();
            csv += &format!("{}\n", cells.join(","));
        }
        fs::write(folder.join(file), csv).unwrap();
    };
    let all = |list: &str| lab.results(&format!("/api/ipam/{list}/?limit=0"));
    // A prefix's VLAN doesn't say of which group and site it is.
    let (mut prefixes, vlans) = (all("prefixes"), all("vlans"));
    for prefix in &mut prefixes {
        let own = |vlan: &&Value| vlan["id"] == prefix["vlan"]["id"];
        if let Some(vlan) = vlans.iter().find(own) {
            prefix["vlan"] = vlan.clone();
        }
    }
    write(
        "prefixes.csv",
        &prefixes,
        &[
            ("prefix", "/prefix"),
            ("vrf", "/vrf/name"),
            ("tenant", "/tenant/name"),
            ("vlan_group", "/vlan/group/name"),
            ("vlan_site", "/vlan/site/name"),
            ("vlan", "/vlan/vid"),
            ("status", "/status/value"),
            ("scope_type", "/scope_type"),
            ("scope_name", "/scope/name"),
            ("is_pool", "/is_pool"),
            ("mark_utilized", "/mark_utilized"),
        ],
    );
    write(
        "ip-ranges.csv",
        &all("ip-ranges"),
        &[
            ("start_address", "/start_address"),
            ("end_address", "/end_address"),
            ("vrf", "/vrf/name"),
            ("status", "/status/value"),
            ("mark_populated", "/mark_populated"),
            ("mark_utilized", "/mark_utilized"),
        ],
    );
    let mut addresses = all("ip-addresses");
    for address in &mut addresses {
        let tags = address["tags"].as_array().unwrap().iter();
        let slugs: Vec<&str> = tags.filter_map(|tag| tag["slug"].as_str()).collect();
        address["slugs"] = json!(slugs.join(","));
    }
    write(
        "ip-addresses.csv",
        &addresses,
        &[
            ("address", "/address"),
            ("vrf", "/vrf/name"),
            ("tenant", "/tenant/slug"),
            ("status", "/status/value"),
            ("role", "/role/value"),
            ("dns_name", "/dns_name"),
            ("description", "/description"),
            ("comments", "/comments"),
            ("tags", "/slugs"),
            ("cf_ipalloc_key", "/custom_fields/ipalloc_key"),
            ("cf_ipalloc_owner", "/custom_fields/ipalloc_owner"),
        ],
    );
}

// What can be had is there more often: else nearly every batch would be refused.
const PLACES: [&str; 31] = [
    "--vlan 10",
    "--vlan 30",
    "--vlan 30",
    "--prefix 192.168.61.0/24",
    "--vlan 10",
    "--vlan 30",
    "--vlan 40",
    "--vlan 50",
    "--vlan 60",
    "--vlan 99",
    "--prefix 192.168.10.0/24 --vrf blue",
    "--prefix 192.168.10.0/24",
    "--prefix 192.168.50.0/29",
    "--prefix 192.168.52.0/31",
    "--prefix 192.168.52.16/30",
    "--prefix 192.168.61.0/24",
    "--prefix 192.168.62.0/29",
    "--prefix 192.168.70.0/28",
    "--prefix 192.168.80.0/24",
    "--range 192.168.30.200",
    "--range 192.168.80.150",
    "--prefix fd00:30::/64",
    "--vlan 31",
    "--vlan 50 --pool",
    "--vlan 50 --pool",
    "--vlan 32 --pool",
    "--vlan 32 --scope site:berlin-2",
    "--vlan 32 --scope site:berlin-2 --pool",
    "--vlan 32 --scope region:east",
    "--vlan 32 --vlan-group lan-1",
    "--vlan 32 --prefix-tenant acme",
];

/// What the lot may leave out, and where the two differ most easily.
const ALWAYS: [&str; 32] = [
    "allocate --range 192.168.80.1 z1",
    "allocate --range 192.168.80.1 --force z1",
    "allocate --range 192.168.80.1 --force --address 192.168.80.5 z1",
    "allocate --range 192.168.80.150 --force z1",
    "allocate --prefix 192.168.80.0/24 --force --address 192.168.80.5 z2",
    "allocate --prefix 192.168.80.0/24 --force z2",
    "allocate --vlan 31 six",
    "allocate --vlan 31 --family both six --domain lab.example",
    "allocate --vlan 31 -6 six --description new",
    "allocate --vlan 31 --domain x.example six",
    "allocate --prefix 192.168.70.0/28 one two",
    "allocate --prefix 192.168.70.0/28 --reassign two",
    "release -6 six",
    "release six one two",
    "allocate --vlan 32 p1",
    "allocate --vlan 32 --pool p1",
    "allocate --vlan 32 --scope site:berlin-2 p1",
    "allocate --vlan 32 --scope site:berlin-2 --pool p1 p2 p3 p4 p5 p6 p7",
    "allocate --vlan 32 --scope site:berlin-2 --pool p8 p9 p10 p11",
    "allocate --vlan 32 --scope site:berlin-2 --pool --address 192.168.233.10 p8",
    "allocate --vlan 32 --scope site:berlin-2 --pool old8",
    "allocate --vlan 32 --vlan-group lan-1 --prefix-tenant acme p9",
    "allocate --vlan 32 --vlan-group lan-1 --prefix-tenant nobody p9",
    "allocate --prefix-tenant acme p9",
    "allocate --scope region:east --address 192.168.234.9 p10",
    "allocate --scope region:east --address 192.168.233.9 p11",
    "allocate --vlan 50 --pool --gateway last --avoid 3 p12 p13",
    "show --scope site:berlin-2",
    "show --vlan 32 --vlan-group lan-1",
    "list p1 p8 p9/eth1 192.168.234.0/29",
    "list",
    "release p1 p2 p3 p4 p5 p6 p7 p8 p9 p10 p12 p13",
];

const NAMES: [&str; 20] = [
    "app1",
    "app2",
    "app3",
    "app4",
    "app5",
    "app6",
    "app7",
    "app8",
    "web",
    "db",
    "WIKI.",
    "gw10",
    "vip",
    "m32.lab.example",
    "a.b",
    "mail",
    "dns",
    "n8n",
    "nas",
    "bad-",
];

const ADDRESSES: [&str; 10] = [
    "192.168.10.1",
    "192.168.10.20",
    "192.168.10.7",
    "192.168.30.66",
    "192.168.30.201",
    "192.168.30.140",
    "192.168.40.5/28",
    "192.168.40.5/24",
    "192.168.50.7",
    "fd00:30::5",
];

fn call(random: &mut Random) -> (String, String) {
    let mut pick = |list: &[&str]| list[random.below(list.len())].to_owned();
    let names = |count: usize, pick: &mut dyn FnMut(&[&str]) -> String| -> String {
        let list: Vec<String> = (0..count).map(|_| pick(&NAMES)).collect();
        list.join(" ")
    };
    let kind = pick(&[
        "allocate", "allocate", "allocate", "allocate", "batch", "release", "release", "retire",
        "expire", "show", "check", "list",
    ]);
    let flag = |pick: &mut dyn FnMut(&[&str]) -> String, flags: &[&str]| pick(flags);
    match kind.as_str() {
        "allocate" => {
            let mut line = format!("allocate {}", pick(&PLACES));
            line += &flag(
                &mut pick,
                &[
                    "",
                    "",
                    "",
                    " --adopt",
                    " --force",
                    " --dry-run",
                    " --interface eth1",
                    " --reassign",
                    " -4",
                    " -6",
                    " --family both",
                    " --description x",
                    " --ipam-role vip",
                    " --ipam-role loopback --ipam-status reserved",
                    " --tenant acme --ipam-status dhcp",
                    " --domain lab.example",
                    " --gateway last",
                    " --avoid 2-20",
                ],
            );
            if pick(&["", "", "wanted"]) == "wanted" {
                line += &format!(
                    " --address {}{}",
                    pick(&ADDRESSES),
                    pick(&["", " --fallback next"])
                );
            }
            let count = pick(&["1", "1", "2", "3"]).parse().unwrap();
            (format!("{line} {}", names(count, &mut pick)), String::new())
        }
        "batch" => {
            let mut input = String::new();
            for _ in 0..3 {
                input += &format!(
                    "{{\"name\":\"{}\",\"vlan\":{}}}\n",
                    pick(&NAMES),
                    pick(&["10", "30", "40", "60", "10", "30", "99"])
                );
            }
            ("allocate".to_owned(), input)
        }
        "release" => {
            let count = pick(&["1", "2", "4"]).parse().unwrap();
            let flags = flag(
                &mut pick,
                &["", "", " --dry-run", " --force", " --interface eth1"],
            );
            (
                format!("release{flags} {}", names(count, &mut pick)),
                String::new(),
            )
        }
        "retire" => (
            format!("release --retire {}", names(1, &mut pick)),
            String::new(),
        ),
        "expire" => (
            format!("release --retired-before {}", pick(&["0s", "1d"])),
            String::new(),
        ),
        "list" => {
            let net = pick(&["192.168.10.0/24", "192.168.60.0/24", "fd00:30::/64"]);
            let words = [pick(&NAMES), pick(&NAMES[..8]), pick(&ADDRESSES), net];
            let words = match pick(&["", "some", "some"]).as_str() {
                "" => String::new(),
                _ => words
                    .map(|word| {
                        word.split_once('/')
                            .map_or(word.clone(), |(host, mask)| match mask {
                                "24" | "64" => word.clone(),
                                _ => host.to_owned(),
                            })
                    })
                    .join(" "),
            };
            let vrf = pick(&["", "", "--vrf Global", "--vrf blue"]);
            (format!("list {vrf} {words}"), String::new())
        }
        "show" => (
            format!(
                "show {}",
                pick(&[
                    "",
                    "--vlan 10",
                    "--vlan 40",
                    "--vrf blue",
                    "--vlan 99",
                    "--vrf Global",
                    "--scope region:east",
                    "--prefix 192.168.30.0/24"
                ])
            ),
            String::new(),
        ),
        _ => (
            "check".to_owned(),
            format!(
                "{{\"name\":\"{}\",\"address\":\"{}\"}}\n",
                pick(&NAMES[..3]),
                pick(&["192.168.10.6/24", "192.168.30.2", "10.1.1.1"])
            ),
        ),
    }
}

/// The records without what files have not.
fn compared(ran: &Ran, sort: bool) -> (i32, Vec<String>) {
    let mut records = ran.records();
    for record in &mut records {
        for name in ["ipam_id", "ipam_id6"] {
            record.as_object_mut().unwrap().shift_remove(name);
        }
    }
    let mut lines: Vec<String> = records.iter().map(Value::to_string).collect();
    if sort {
        lines.sort();
    }
    (ran.code, lines)
}

/// A VLAN number at two places, of which one has two prefixes for it, and a third that is full.
fn prepare_places(lab: &Lab) {
    let named = |list: &str, name: &str, slug: &str| {
        let body = json!({"name": name, "slug": slug, "status": "active"});
        lab.make(&format!("/api/{list}/"), &body)["id"].clone()
    };
    let (site, region) = (
        named("dcim/sites", "Berlin 2", "berlin-2"),
        named("dcim/regions", "East", "east"),
    );
    let (group, acme) = (
        named("ipam/vlan-groups", "Lan 1", "lan-1"),
        named("tenancy/tenants", "Acme", "acme"),
    );
    let vlan = |more: Value| {
        let mut vlan = more;
        (vlan["vid"], vlan["name"]) = (json!(32), json!("lan"));
        lab.make("/api/ipam/vlans/", &vlan)["id"].clone()
    };
    let (of_site, of_group) = (vlan(json!({"site": site})), vlan(json!({"group": group})));
    #[rustfmt::skip]
    let prefixes = [
        json!({"prefix": "192.168.233.8/29", "vlan": of_site, "scope_type": "dcim.site", "scope_id": site}),
        json!({"prefix": "192.168.233.0/29", "vlan": of_site, "scope_type": "dcim.site", "scope_id": site}),
        json!({"prefix": "192.168.233.16/29", "vlan": of_site, "scope_type": "dcim.site", "scope_id": site, "mark_utilized": true}),
        json!({"prefix": "192.168.234.0/29", "vlan": of_group, "scope_type": "dcim.region", "scope_id": region, "tenant": acme}),
    ];
    for prefix in &prefixes {
        lab.make("/api/ipam/prefixes/", prefix);
    }
    let fields = json!({"ipalloc_key": "old8"});
    let old = json!({"address": "192.168.233.18/29", "dns_name": "old8", "custom_fields": fields});
    lab.make("/api/ipam/ip-addresses/", &old);
}

/// A VLAN with both families, and an address that two owners have.
fn prepare(lab: &Lab) {
    prepare_places(lab);
    let vlan = lab.make("/api/ipam/vlans/", &json!({"vid": 31, "name": "dual"}));
    for net in ["192.168.231.0/29", "fd00:31::/64"] {
        let prefix = json!({"prefix": net, "vlan": vlan["id"]});
        lab.make("/api/ipam/prefixes/", &prefix);
    }
    let found = lab.results("/api/ipam/prefixes/?prefix=192.168.70.0/28");
    let vrf = found[0]["vrf"]["id"].clone();
    for key in ["one", "two"] {
        let fields = json!({"ipalloc_key": key});
        let address = json!({"address": "192.168.70.5/28", "vrf": vrf, "dns_name": key, "custom_fields": fields});
        lab.make("/api/ipam/ip-addresses/", &address);
    }
}

fn agree(lab: &Lab, seed: u64, rounds: usize) {
    prepare(lab);
    let folder = tempfile::tempdir().unwrap();
    export(lab, folder.path());
    let mut random = Random(seed);
    let mut changes = 0;
    let always = ALWAYS.map(|line| (line.to_owned(), String::new()));
    let drawn = (0..rounds).map(|_| call(&mut random));
    for (round, (line, input)) in always.into_iter().chain(drawn).enumerate() {
        let words = line.split_once(' ').unwrap_or((&line, ""));
        let embedded = format!("{} --ipam {} {}", words.0, folder.path().display(), words.1);
        let netbox = lab.ours().fed(&line, &input);
        let files = lab.ours().fed(&embedded, &input);
        changes += netbox.out.matches("\"changed\":true").count();
        // Lists come in the order in which things are kept, which is not the same.
        let sort =
            ["show", "check", "list"].contains(&words.0) || line.contains("--retired-before");
        let (left, right) = (compared(&netbox, sort), compared(&files, sort));
        let only = |of: &[String], other: &[String]| -> String {
            let only = of.iter().filter(|line| !other.contains(line));
            only.map(|line| format!("\n  {line}")).collect()
        };
        assert!(
            left == right,
            "seed {seed}, round {round}: ipalloc {line} {input}\nNetBox: {} {}{}\nfiles: {} {}{}",
            left.0,
            netbox.err,
            only(&left.1, &right.1),
            right.0,
            files.err,
            only(&right.1, &left.1),
        );
        assert_eq!(netbox.err, files.err, "{line}");
    }
    assert!(
        changes > rounds / 8,
        "only {changes} changes in {rounds} rounds: little was compared"
    );
}
