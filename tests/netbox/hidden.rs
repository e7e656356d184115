//! Tokens that see a part of the addresses only, as where several tenants share a prefix: what
//! others have is never handed out, and never the end of a call either.

use serde_json::{Value, json};

use crate::{Section, server::Lab};

pub const SECTIONS: &[Section] = &[(
    "hidden: a token that does not see what others have",
    of_tenants,
)];

/// The token of a user who sees, makes, changes and removes addresses whose description begins so.
fn token(lab: &Lab, name: &str, begins: &str) -> String {
    let user = lab.make(
        "/api/users/users/",
        &json!({"username": name, "password": "Tenant-pass-1234"}),
    );
    let id = &user["id"];
    lab.make(
        "/api/users/permissions/",
        &json!({"name": format!("{name} looks"), "users": [id], "actions": ["view"],
            "object_types": ["ipam.prefix", "ipam.iprange", "ipam.vlan", "ipam.vrf"]}),
    );
    lab.make(
        "/api/users/permissions/",
        &json!({"name": format!("{name} has"), "users": [id],
            "actions": ["view", "add", "change", "delete"], "object_types": ["ipam.ipaddress"],
            "constraints": {"description__startswith": begins}}),
    );
    let token = lab.make(
        "/api/users/tokens/",
        &json!({"user": id, "version": 1, "write_enabled": true}),
    );
    token["token"].as_str().unwrap().to_owned()
}

fn of_tenants(lab: &Lab) {
    let prefix = |net: &str| lab.make("/api/ipam/prefixes/", &json!({"prefix": net}));
    let record = |address: String| {
        let body = json!({"address": address, "description": "T2's", "dns_name": "theirs"});
        lab.make("/api/ipam/ip-addresses/", &body)
    };
    prefix("10.40.0.0/24");
    prefix("10.41.0.0/29");
    (2..=10).for_each(|host| drop(record(format!("10.40.0.{host}/24"))));
    (100..=104).for_each(|host| drop(record(format!("10.40.0.{host}/24"))));
    (2..=6).for_each(|host| drop(record(format!("10.41.0.{host}/29"))));
    let range = json!({"start_address": "10.40.0.100/24", "end_address": "10.40.0.110/24"});
    lab.make("/api/ipam/ip-ranges/", &range);
    let theirs = lab.ours().token(&token(lab, "tenant1", "T1"));
    let of_t1 = |line: &str| line.replace("allocate", "allocate --description T1");
    let before: Vec<Value> = lab.results("/api/ipam/ip-addresses/?limit=0&description=T2%27s");
    #[rustfmt::skip]
    let cases = [
        ("the lowest that nobody has",  "allocate --prefix 10.40.0.0/24 a",                        "0: a 10.40.0.11/24 new"),
        ("again",                       "allocate --prefix 10.40.0.0/24 a",                        "0: a 10.40.0.11/24"),
        ("another's",                   "allocate --prefix 10.40.0.0/24 --address 10.40.0.5 b",    "1: b !address-taken"),
        ("another's, else the next",    "allocate --prefix 10.40.0.0/24 --address 10.40.0.5 --fallback next b", "0: b 10.40.0.12/24 new"),
        ("nobody's",                    "allocate --prefix 10.40.0.0/24 --address 10.40.0.50 c",   "0: c 10.40.0.50/24 new"),
        ("several",                     "allocate --prefix 10.40.0.0/24 d e f",                    "0: d 10.40.0.13/24 new, e 10.40.0.14/24 new, f 10.40.0.15/24 new"),
        ("of a range",                  "allocate --range 10.40.0.100 g",                          "0: g 10.40.0.105/24 new"),
        ("nothing is left",             "allocate --prefix 10.41.0.0/29 h",                        "1: h !exhausted"),
        ("where the server chooses",    "allocate --prefix 10.40.0.0/24 --gateway none i",         "0: i 10.40.0.1/24 new"),
        ("released",                    "release a",                                               "0: a 10.40.0.11/24 new"),
    ];
    let mut wrong = String::new();
    for (name, line, want) in cases {
        let ran = theirs.run(&of_t1(line));
        if ran.short() != want || !ran.err.is_empty() {
            wrong += &format!(
                "{name}: {line}\n  want {want}\n  got  {}\n{}{}",
                ran.short(),
                ran.out,
                ran.err
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let ran = theirs.run(&of_t1(
        "allocate --prefix 10.40.0.0/24 --address 10.40.0.5 b5",
    ));
    assert!(ran.out.contains("which the token may not see"), "{ran:?}");
    // What is free and next is right, and it is said that not all is seen.
    let ran = theirs.run("show --prefix 10.40.0.0/24");
    let shown = ran.record();
    // Seen are .1, .12 to .15, .50 and .105; of the others' 9, but in a range it may be that nothing is given out.
    assert_eq!(
        (&shown["used"], &shown["next"]),
        (&json!(16), &json!("10.40.0.11/24")),
        "{ran:?}"
    );
    let note = "note: 10.40.0.0/24: this token does not see all of its addresses; at least 9 more are taken";
    assert!(ran.err.contains(note), "{ran:?}");
    assert_eq!(lab.ours().run("show --prefix 10.40.0.0/24").err, "");
    // Many at once, who see each other but not the others: all get one.
    let lines = (0..8).map(|n| {
        of_t1(&format!(
            "allocate --prefix 10.40.0.0/24 --timeout 120s m{n}"
        ))
    });
    let all = theirs.at_once(lines);
    let mut hosts: Vec<String> = all
        .iter()
        .map(|ran| ran.record()["address"].to_string())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    assert_eq!(hosts.len(), 8, "{all:?}");
    let after: Vec<Value> = lab.results("/api/ipam/ip-addresses/?limit=0&description=T2%27s");
    assert_eq!(before, after, "the others' are as they were");
}
