//! Which of several prefixes a VLAN means: by NetBox's tree of places, a VLAN's group, a tenant;
//! and all of them as one pool, whatever others take meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::{Section, client::Ours, server::Lab, strange::without_filters};

pub const SECTIONS: &[Section] = &[
    ("places: a VLAN at two sites", places),
    ("places: one of many sites, in few requests", many),
    ("places: several prefixes as one pool", pool),
];

/// May look at addresses, prefixes, VLANs and VRFs, and at no site.
const ALLOCATOR: &str = "nbt_ipallocAlloc.FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";

/// Makes something that has a name; its ID comes back.
fn named(lab: &Lab, list: &str, name: &str, more: &Value) -> Value {
    let slug = name.to_lowercase().replace(' ', "-");
    let mut body = json!({"name": name, "slug": slug, "status": "active"});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    lab.make(&format!("/api/{list}/"), &body)["id"].clone()
}

fn prefix(lab: &Lab, net: &str, vlan: &Value, more: Value) {
    let mut body = more;
    (body["prefix"], body["vlan"]) = (json!(net), vlan.clone());
    lab.make("/api/ipam/prefixes/", &body);
}

/// VLAN 300 at two sites of a region: Berlin's prefix is the site's, Munich's that of a hall in it,
/// and a tenant's.
fn two_sites(lab: &Lab) {
    let europe = named(lab, "dcim/regions", "Europe", &json!({}));
    let region = named(lab, "dcim/regions", "Germany", &json!({"parent": europe}));
    let group = named(lab, "dcim/site-groups", "Labs", &json!({}));
    let berlin = named(lab, "dcim/sites", "Berlin", &json!({"region": region}));
    let more = json!({"region": region, "group": group});
    let munich = named(lab, "dcim/sites", "Munich", &more);
    let hall = named(lab, "dcim/locations", "Hall 1", &json!({"site": munich}));
    let acme = named(lab, "tenancy/tenants", "Acme", &json!({}));
    let vlan = |name: &str| {
        let group = named(lab, "ipam/vlan-groups", name, &json!({}));
        let body = json!({"vid": 300, "name": name, "group": group});
        lab.make("/api/ipam/vlans/", &body)["id"].clone()
    };
    let (of_berlin, of_munich) = (vlan("Lan Berlin"), vlan("Lan Munich"));
    let scope = |kind: &str, id: &Value| json!({"scope_type": kind, "scope_id": id});
    prefix(lab, "10.30.0.0/24", &of_berlin, scope("dcim.site", &berlin));
    let mut of_hall = scope("dcim.location", &hall);
    of_hall["tenant"] = acme;
    prefix(lab, "10.31.0.0/24", &of_munich, of_hall);
}

fn places(lab: &Lab) {
    two_sites(lab);
    #[rustfmt::skip]
    lab.ours().table(&[
        ("which of the two",      "allocate --vlan 300 a",                                      "", "1: a !ambiguous-prefix"),
        ("the site's",            "allocate --vlan 300 --scope site:berlin a",                  "", "0: a 10.30.0.2/24 new"),
        ("the same again",        "allocate --vlan 300 --scope site:berlin a",                  "", "0: a 10.30.0.2/24"),
        ("it has it elsewhere",   "allocate --vlan 300 --scope site:munich a",                  "", "1: a !name-taken"),
        ("a hall of the site",    "allocate --vlan 300 --scope site:munich b",                  "", "0: b 10.31.0.2/24 new"),
        ("the hall",              "allocate --vlan 300 --scope location:hall-1 b",              "", "0: b 10.31.0.2/24"),
        ("both are in it",        "allocate --vlan 300 --scope region:europe c",                "", "1: c !ambiguous-prefix"),
        ("in both places",        "allocate --vlan 300 --scope region:europe,site-group:labs c", "", "0: c 10.31.0.3/24 new"),
        ("by the VLAN's group",   "allocate --vlan 300 --vlan-group lan-berlin d",              "", "0: d 10.30.0.3/24 new"),
        ("by the tenant",         "allocate --vlan 300 --prefix-tenant acme e",                 "", "0: e 10.31.0.4/24 new"),
        ("by that alone",         "allocate --prefix-tenant acme f",                            "", "0: f 10.31.0.5/24 new"),
        ("an address says which", "allocate --scope site:berlin --address 10.30.0.9 g",         "", "0: g 10.30.0.9/24 new"),
        ("an address elsewhere",  "allocate --scope site:berlin --address 10.31.0.9 h",         "", "1: h !no-prefix"),
        ("a prefix elsewhere",    "allocate --scope site:berlin --prefix 10.31.0.0/24 h",       "", "1: h !no-prefix"),
        ("no such site",          "allocate --vlan 300 --scope site:nowhere h",                 "", "1: h !no-prefix"),
        ("a name is no slug",     "allocate --vlan 300 --scope site:Berlin h",                  "", "1: h !no-prefix"),
        ("nothing is there",      "allocate --vlan 10 --scope site:berlin h",                   "", "1: h !no-prefix"),
        ("two VLANs are no pool", "allocate --vlan 300 --pool h",                               "", "1: h !ambiguous-prefix"),
        ("nor in a region",       "allocate --vlan 300 --scope region:europe --pool h",         "", "1: h !ambiguous-prefix"),
        ("each its own",          "allocate --vlan 300 --scope site:berlin", r#"{"name":"i"}{"name":"j","scope":"site:munich"}{"name":"k","vlan_group":"lan-berlin"}"#,
                                  "0: i 10.30.0.4/24 new, j 10.31.0.6/24 new, k 10.30.0.5/24 new"),
        ("nothing is no tenant",  "allocate --vlan 300",                     r#"{"name":"l","prefix_tenant":"null"}"#, "1: l !bad-field"),
        ("no place",              "allocate --vlan 300",                     r#"{"name":"l","scope":{"id":1}}"#, "1: l !bad-field"),
    ]);
    let message = |line: &str| lab.ours().run(line).record()["error"]["message"].clone();
    assert_eq!(
        message("allocate --vlan 300 --scope site:nowhere --prefix-tenant x --vrf blue z"),
        "the IPAM has no prefix on VLAN 300 in site nowhere of tenant x in VRF blue"
    );
    // Who may not look at sites may be told of their prefixes all the same.
    let allocator = lab.ours().token(ALLOCATOR);
    allocator
        .run("allocate --vlan 300 --scope site:munich m")
        .ends("0: m 10.31.0.7/24 new", &[]);
    // Bonn gets a hall of the same slug, and no prefix in it: the slug says no longer which.
    let bonn = named(lab, "dcim/sites", "Bonn", &json!({}));
    named(lab, "dcim/locations", "Hall 1", &json!({"site": bonn}));
    #[rustfmt::skip]
    lab.ours().table(&[
        ("two halls",             "allocate --vlan 300 --scope location:hall-1 n",              "", "1: n !ambiguous-prefix"),
        ("with its site",         "allocate --vlan 300 --scope site:munich,location:hall-1 b",  "", "0: b 10.31.0.2/24"),
        ("there is none",         "allocate --vlan 300 --scope site:bonn,location:hall-1 n  ",  "", "1: n !no-prefix"),
    ]);
    let nets = |line: &str| -> Vec<Value> {
        let records = lab.ours().run(line).records();
        records.into_iter().map(|r| r["prefix"].clone()).collect()
    };
    let munich = [json!("10.31.0.0/24")];
    assert_eq!(nets("show --scope site:munich"), munich);
    assert_eq!(nets("show --vlan 300 --prefix-tenant acme"), munich);
    assert_eq!(nets("show --scope region:europe").len(), 2);
    let ran = lab.ours().run("show --scope site:nowhere");
    assert_eq!((ran.code, ran.records().len()), (1, 1), "{ran:?}");
    // NetBox ignores what it doesn't know, and so may what stands before it: then nothing is made.
    for (filter, option) in [
        ("site=", "--scope site:berlin"),
        ("site=", "--scope site:munich"),
        ("region=", "--scope region:europe"),
        ("site_group=", "--scope site-group:labs"),
        ("vlan_group=", "--vlan-group lan-berlin"),
        ("tenant=", "--prefix-tenant acme"),
        ("vlan_vid=", "--scope region:germany"),
    ] {
        let filters: &'static [&'static str] = Box::leak(Box::new([filter]));
        let proxy = lab.proxy(without_filters(filters));
        let ran = Ours::new(&proxy.url).run(&format!("allocate --vlan 300 {option} n"));
        // All that came is the region's, with the VLAN or without.
        match filter {
            "vlan_vid=" => ran.ends("1: n !ambiguous-prefix", &[]),
            _ => ran.ends("3: ", &["was not honoured"]),
        }
    }
    assert!(!lab.owned().iter().any(|line| line.starts_with("n ")));
}

/// VLAN 300 at a dozen sites of a large NetBox.
fn many(lab: &Lab) {
    lab.sql("many.sql");
    for n in 0..12 {
        let site = named(lab, "dcim/sites", &format!("S{n}"), &json!({}));
        let vlan = json!({"vid": 300, "name": "lan", "site": site});
        let vlan = lab.make("/api/ipam/vlans/", &vlan)["id"].clone();
        for half in [0, 128] {
            let scope = json!({"scope_type": "dcim.site", "scope_id": site});
            prefix(lab, &format!("10.30.{n}.{half}/25"), &vlan, scope);
        }
    }
    #[rustfmt::skip]
    let cases = [
        ("of a pool",       "allocate --vlan 300 --scope site:s7 --pool a", "0: a 10.30.7.2/25 new", 13),
        ("the same again",  "allocate --vlan 300 --scope site:s7 --pool a", "0: a 10.30.7.2/25",     12),
        ("by its prefix",   "allocate --prefix 10.30.8.128/25 --scope site:s8 b", "0: b 10.30.8.130/25 new", 11),
        ("elsewhere",       "allocate --prefix 10.30.8.128/25 --scope site:s7 b", "1: b !no-prefix",   10),
        ("of no site",      "allocate --vlan 300 --scope site:no b",        "1: b !no-prefix",       10),
    ];
    let mut wrong = String::new();
    for (name, line, want, limit) in cases {
        let ran = lab.ours().run(&format!("{line} -v"));
        let (got, requests) = (ran.short(), ran.requests());
        if got != want || requests > limit {
            wrong += &format!(
                "{name}: ipalloc {line}\n  want {want}\n  got  {got}, {requests} requests\n{}\n{}",
                ran.out, ran.err
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    // 50 guests share the reading: two prefixes, two owners' questions for all of them.
    let names: Vec<String> = (0..50).map(|n| format!("g{n}")).collect();
    let line = format!(
        "allocate --vlan 300 --scope site:s3 --pool -v {}",
        names.join(" ")
    );
    let ran = lab.ours().run(&line);
    assert_eq!(
        (ran.code, ran.out.matches("\"changed\":true").count()),
        (0, 50)
    );
    assert!(ran.requests() <= 16, "{}", ran.err);
}

fn pool(lab: &Lab) {
    let vlan = lab.make("/api/ipam/vlans/", &json!({"vid": 301, "name": "pool"}));
    let vlan = vlan["id"].clone();
    // The gateways have records, so that the server may choose.
    for net in ["10.33.0.8/29", "10.33.0.0/29"] {
        prefix(lab, net, &vlan, json!({}));
    }
    for address in ["10.33.0.1/29", "10.33.0.9/29"] {
        lab.make("/api/ipam/ip-addresses/", &json!({"address": address}));
    }
    prefix(lab, "10.33.0.16/29", &vlan, json!({"mark_utilized": true}));
    let old = json!({"address": "10.33.0.18/29", "dns_name": "old", "custom_fields": {"ipalloc_key": "old"}});
    lab.make("/api/ipam/ip-addresses/", &old);
    #[rustfmt::skip]
    lab.ours().table(&[
        ("several",              "allocate --vlan 301 a",                               "", "1: a !ambiguous-prefix"),
        ("from the first",       "allocate --vlan 301 --pool a b",                      "", "0: a 10.33.0.2/29 new, b 10.33.0.3/29 new"),
        ("by its record",        "allocate --vlan 301", r#"{"name":"b","pool":true}"#,      "0: b 10.33.0.3/29"),
        ("a wanted one",         "allocate --vlan 301 --pool --address 10.33.0.12 c",   "", "0: c 10.33.0.12/29 new"),
        ("its own in the second", "allocate --vlan 301 --pool c",                       "", "0: c 10.33.0.12/29"),
        ("its own in a full one", "allocate --vlan 301 --pool old",                     "", "0: old 10.33.0.18/29"),
        ("across the two",       "allocate --vlan 301 --pool d e f g",                  "", "0: d 10.33.0.4/29 new, e 10.33.0.5/29 new, f 10.33.0.6/29 new, g 10.33.0.10/29 new"),
        ("more than there are",  "allocate --vlan 301 --pool h i j k",                  "", "1: h !batch, i !batch, j !batch, k !exhausted"),
        ("freed in the first",   "release d e",                                         "", "0: d 10.33.0.4/29 new, e 10.33.0.5/29 new"),
    ]);
    // While one is being made, others fill the first: it goes on with the second.
    let filled = AtomicBool::new(false);
    let proxy = lab.proxy(move |request, up| {
        if request.method() == "POST" && !filled.swap(true, Ordering::SeqCst) {
            for (key, address) in [("x", "10.33.0.4/29"), ("y", "10.33.0.5/29")] {
                let body = json!({"address": address, "custom_fields": {"ipalloc_key": key}});
                let token = format!("Token {}", crate::client::ADMIN);
                let path = "/api/ipam/ip-addresses/";
                let other = crate::wire::Message::request("POST", path, &token, Some(&body));
                assert_eq!(up.send(&other).status(), 201);
            }
        }
        up.pass(request)
    });
    Ours::new(&proxy.url)
        .run("allocate --vlan 301 --pool late")
        .ends("0: late 10.33.0.11/29 new", &[]);
    let ran = lab.ours().run("allocate --vlan 301 --pool late");
    assert_eq!(
        (&ran.record()["prefix"], ran.code),
        (&json!("10.33.0.8/29"), 0)
    );
    // Many at once, of whom not all have room: nobody gets another's, and who is told of none is right.
    lab.ours().run("release a b c f g x y");
    let lines = (0..16).map(|n| format!("allocate --vlan 301 --pool --timeout 120s m{n}"));
    let all = lab.ours().at_once(lines);
    let mut given: Vec<String> = Vec::new();
    for ran in &all {
        match ran.code {
            0 => given.push(ran.record()["address"].to_string()),
            _ => assert_eq!(ran.record()["error"]["code"], "exhausted", "{ran:?}"),
        }
    }
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 9, "5 of each, and one is late's: {all:?}");
    let want = "10.33.0.0/29, 10.33.0.8/29 are full: 12 usable addresses, none free";
    let full = lab.ours().run("allocate --vlan 301 --pool z").record();
    assert_eq!(full["error"]["message"], want);
}
