//! An address of each family for one name: both or none, whatever happens to a reply.

use serde_json::{Value, json};

use crate::{Section, client::Ours, proxy::Reply, server::Lab};

pub const SECTIONS: &[Section] = &[("families: one of each, or none", families)];

fn families(lab: &Lab) {
    let vlan = lab.results("/api/ipam/vlans/?vid=30")[0]["id"].clone();
    let prefix = json!({"prefix": "fd00:3000::/64", "vlan": vlan});
    lab.make("/api/ipam/prefixes/", &prefix);
    let ours = lab.ours();
    ours.run("allocate --vlan 30 plain").ends(
        "0: plain 192.168.30.2/24 new",
        &["VLAN 30 has prefixes of IPv4 and IPv6"],
    );
    let both = |record: &Value| [&record["address"], &record["address6"]].map(Value::to_string);
    let ran = ours.run("allocate --vlan 30 --family both plain web");
    ran.ends("0: plain 192.168.30.2/24 new, web 192.168.30.3/24 new", &[]);
    let records = ran.records();
    let want = [
        ["\"192.168.30.2/24\"", "\"fd00:3000::2/64\""],
        ["\"192.168.30.3/24\"", "\"fd00:3000::3/64\""],
    ];
    assert_eq!(records.iter().map(both).collect::<Vec<_>>(), want);
    assert!(
        records.iter().all(|record| record["ipam_id6"].is_u64()),
        "{records:?}"
    );
    // The same at once by many: nobody gets half of it, or two.
    let lines =
        (0..16).map(|n| format!("allocate --vlan 30 --family both --timeout 120s g{}", n % 4));
    let all = ours.at_once(lines);
    assert!(all.iter().all(|ran| ran.code == 0), "{all:?}");
    let owned = lab.owned();
    for n in 0..4 {
        let of = |key: String| owned.iter().filter(|line| line.starts_with(&key)).count();
        assert_eq!(
            (of(format!("g{n} ")), of(format!("g{n}//6 "))),
            (1, 1),
            "{owned:?}"
        );
    }
    // The reply is lost after the commit: both are there, and found.
    let proxy = lab.proxy(|request, up| match request.method() {
        "POST" => {
            up.pass(request);
            Reply::Gone
        }
        _ => up.pass(request),
    });
    let lost = Ours::new(&proxy.url).run("allocate --vlan 30 --family both lost");
    let again = ours.run("allocate --vlan 30 --family both lost");
    assert_eq!((again.code, &again.record()["changed"]), (0, &json!(false)));
    assert_eq!(both(&again.record()), both(&lost.record()), "{lost:?}");
    // One half fails: no trace of the other.
    let before = lab.count();
    let line = "allocate --vlan 30 --family both --address 192.168.30.3 new";
    ours.run(line).ends("1: new !address-taken", &[]);
    assert_eq!(lab.count(), before);
    ours.run("release -4 web")
        .ends("0: web 192.168.30.3/24 new", &[]);
    let freed = ours.run("release web lost").records();
    assert_eq!(
        both(&freed[0]),
        ["\"fd00:3000::3/64\"".to_owned(), "null".into()]
    );
    assert_eq!(both(&freed[1]), both(&again.record()));
}
