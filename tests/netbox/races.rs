//! Many processes at once: one address for one name, another for each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{
    Section,
    client::{Ours, Ran},
    server::Lab,
};

pub const SECTIONS: &[Section] = &[
    ("races: 32 processes, one name", one_name),
    ("races: 32 processes, 32 names, the server chooses", |lab| {
        names(lab, 32, 10)
    }),
    ("races: 32 processes, 32 names, we choose", |lab| {
        names(lab, 32, 30)
    }),
    (
        "races: names and processes, beside others without keys",
        mixed,
    ),
    ("races: the last addresses of a prefix", last),
    ("races: among many addresses", among_many),
];

/// Those that need [`Lab::loose`].
pub const LOOSE: &[Section] = &[
    ("races: a server that allows duplicates", loose),
    ("races: duplicates that cannot be removed", kept_duplicates),
];

/// What was printed is what NetBox has; every name and every address once.
pub fn sound(lab: &Lab, all: &[Ran]) {
    let mut printed: BTreeMap<String, String> = BTreeMap::new();
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for ran in all {
        assert!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
        for record in ran.records() {
            let name = record["name"].as_str().unwrap().to_owned();
            let address = record["address"].as_str().unwrap().to_owned();
            *made.entry(name.clone()).or_default() += usize::from(record["changed"] == true);
            let before = printed.insert(name.clone(), address.clone());
            assert!(
                before.as_ref().is_none_or(|before| *before == address),
                "{name}: {before:?}, {address}"
            );
        }
    }
    let twice: Vec<_> = made.iter().filter(|(_, made)| **made != 1).collect();
    assert!(twice.is_empty(), "not made exactly once: {twice:?}");
    let want: BTreeSet<String> = printed
        .iter()
        .map(|(name, address)| format!("{name} {address}"))
        .collect();
    let owned = lab.owned();
    assert_eq!(
        owned.iter().cloned().collect::<BTreeSet<_>>(),
        want,
        "printed is what NetBox has"
    );
    assert_eq!(owned.len(), want.len(), "an owner twice: {owned:?}");
    let all = lab.results("/api/ipam/ip-addresses/?limit=0&vrf_id=null");
    let addresses: BTreeSet<String> = all.iter().map(host).collect();
    assert_eq!(addresses.len(), all.len(), "an address twice: {owned:?}");
}

fn host(record: &Value) -> String {
    record["address"]
        .as_str()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned()
}

fn one_name(lab: &Lab) {
    for vlan in [10, 30] {
        let all = lab
            .ours()
            .at_once((0..32).map(|_| format!("allocate --vlan {vlan} --timeout 120s web")));
        sound(lab, &all);
        lab.ours().run("release web");
    }
}

fn names(lab: &Lab, count: usize, vlan: u16) {
    let before = lab.count();
    let all = lab
        .ours()
        .at_once((0..count).map(|n| format!("allocate --vlan {vlan} --timeout 120s g{n}")));
    sound(lab, &all);
    assert_eq!(lab.count(), before + count as u64, "something leaked");
}

fn mixed(lab: &Lab) {
    let stop = AtomicBool::new(false);
    let path = format!(
        "/api/ipam/prefixes/{}/available-ips/",
        lab.prefix("192.168.10.0/24")
    );
    let all = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(lab.api("POST", &path, Some(&json!({}))).0, 201);
            }
        });
        let lines = (0..32).map(|n| {
            let (vlan, name) = (if n % 8 < 4 { 10 } else { 30 }, n % 8);
            match n / 8 {
                // Batches that hold the same names in another order.
                3 if name == 0 => "allocate --vlan 10 --timeout 120s g2 g1 g0".to_owned(),
                3 if name == 4 => "allocate --vlan 30 --timeout 120s g6 g4 g5".to_owned(),
                _ => format!("allocate --vlan {vlan} --timeout 120s g{name}"),
            }
        });
        let all = lab.ours().at_once(lines);
        stop.store(true, Ordering::SeqCst);
        all
    });
    sound(lab, &all);
    // A batch is all or nothing here, too: releasing at the same time frees each once.
    let gone = lab
        .ours()
        .at_once((0..8).map(|_| "release g0 g1 g2 g3".to_owned()));
    assert!(gone.iter().any(|ran| ran.code == 0), "{gone:?}");
    assert!(
        lab.owned()
            .iter()
            .all(|line| ["g4", "g5", "g6", "g7"].contains(&line.split(' ').next().unwrap())),
        "{:?}",
        lab.owned()
    );
}

fn last(lab: &Lab) {
    // 13 are left, and by hand nobody takes any of them: 13 of 20 get one, the others hear that it is full.
    let all = lab
        .ours()
        .at_once((0..20).map(|n| format!("allocate --vlan 40 --timeout 120s g{n}")));
    let (got, full): (Vec<Ran>, Vec<Ran>) = all.into_iter().partition(|ran| ran.code == 0);
    assert_eq!((got.len(), full.len()), (13, 7));
    sound(lab, &got);
    for ran in full {
        assert_eq!(
            (ran.code, &ran.record()["error"]["code"]),
            (1, &json!("exhausted")),
            "{ran:?}"
        );
    }
}

fn among_many(lab: &Lab) {
    lab.fresh_large();
    let lines = (0..24).map(|n| {
        format!(
            "allocate --vlan {} --timeout 120s g{}",
            if n % 12 < 6 { 10 } else { 30 },
            n % 12
        )
    });
    sound(lab, &lab.ours().at_once(lines));
}

/// Uniqueness switched off: who was later lets go.
fn loose(lab: &Lab) {
    let ours = Ours::new(lab.loose());
    sound(
        lab,
        &ours.at_once((0..24).map(|n| format!("allocate --vlan 30 --timeout 120s g{n}"))),
    );
    sound(
        lab,
        &[
            ours.at_once((0..8).map(|_| "allocate --vlan 30 --timeout 120s web".to_owned())),
            ours.at_once((0..24).map(|n| format!("allocate --vlan 30 --timeout 120s g{n}")))
                .into_iter()
                .map(|ran| Ran {
                    out: ran.out.replace("\"changed\":false", "\"changed\":true"),
                    ..ran
                })
                .collect(),
        ]
        .concat(),
    );
    // The main server allows them in a VRF of this kind; there nothing else keeps two apart either.
    lab.fresh("seeded");
    let lines =
        (0..8).map(|n| format!("allocate --prefix 192.168.70.0/28 --avoid 3 --timeout 120s g{n}"));
    let all = lab.ours().at_once(lines);
    let hosts: BTreeSet<String> = all.iter().map(|ran| host(&ran.record())).collect();
    assert_eq!(hosts.len(), 8, "{all:?}");
    let stored = lab.results("/api/ipam/ip-addresses/?limit=0&vrf=65000:2");
    assert_eq!(stored.iter().map(host).collect::<BTreeSet<_>>(), hosts);
    assert_eq!(stored.len(), 8, "a duplicate was left");
}

/// The token of a user who may do that with addresses, and see what `allocate` needs.
pub fn token(lab: &Lab, actions: &[&str]) -> String {
    let user = json!({"username": "limited", "password": "Not-needed-1"});
    let user = lab.make("/api/users/users/", &user)["id"].clone();
    let views = ["ipam.prefix", "ipam.iprange", "ipam.vlan", "ipam.vrf"];
    let all = [
        ("view", &views[..], &["view"][..]),
        ("do", &["ipam.ipaddress"], actions),
    ];
    for (name, types, actions) in all {
        let permission =
            json!({"name": name, "object_types": types, "actions": actions, "users": [user]});
        lab.make("/api/users/permissions/", &permission);
    }
    let token = lab.make("/api/users/tokens/", &json!({"user": user, "version": 1}));
    token["token"].as_str().unwrap().to_owned()
}

/// Uniqueness switched off, and no right to remove what was made too late: who has an
/// address with somebody else is told so, and can have another.
fn kept_duplicates(lab: &Lab) {
    let ours = Ours::new(lab.loose()).token(&token(lab, &["view", "add", "change"]));
    let all = |flags: &str| {
        let line = |n| format!("allocate --vlan 30 --timeout 120s {flags} g{n}");
        ours.at_once((0..24).map(line).collect::<Vec<_>>())
    };
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut note = |all: &[Ran]| {
        for record in all.iter().flat_map(Ran::records) {
            if record["address"].is_string() {
                let name = record["name"].as_str().unwrap().to_owned();
                let before = owners.insert(host(&record), name.clone());
                assert!(
                    before.is_none_or(|before| before == name),
                    "{record}: {all:?}"
                );
            }
        }
    };
    let first = all("");
    note(&first);
    assert!(
        first.iter().all(|ran| [0, 3].contains(&ran.code)),
        "{first:?}"
    );
    assert!(
        first.iter().any(|ran| ran.err.contains("--reassign")),
        "no duplicate: {first:?}"
    );
    let again = all("");
    note(&again);
    let is_shared = |ran: &&Ran| ran.short().contains("!shared-address");
    let (shared, own): (Vec<&Ran>, Vec<&Ran>) = again.iter().partition(is_shared);
    assert!(
        !shared.is_empty() && shared.iter().all(|ran| ran.code == 1),
        "{shared:?}"
    );
    assert!(own.iter().all(|ran| ran.code == 0), "{own:?}");
    // As often as it takes: who is overtaken too often gives up, and can go on.
    let moved = all("--reassign");
    assert!(moved.iter().all(|ran| ran.code == 0), "{moved:?}");
    let instead = |ran: &&Ran| ran.record().get("instead_of").is_some();
    assert!(moved.iter().any(|ran| instead(&ran)), "{moved:?}");
    note(&moved);
    let changed = |ran: &&Ran| ran.record()["changed"] == true;
    assert_eq!(
        moved.iter().filter(changed).count(),
        shared.len(),
        "{moved:?}"
    );
    let hosts: BTreeSet<String> = lab
        .owned()
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        (hosts.len(), lab.owned().len()),
        (24, 24),
        "{:?}",
        lab.owned()
    );
    let calm = all("");
    note(&calm);
    assert!(
        calm.iter()
            .all(|ran| ran.code == 0 && ran.record()["changed"] == false),
        "{calm:?}"
    );
}
