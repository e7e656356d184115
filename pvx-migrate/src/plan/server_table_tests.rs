//! Guests that others stand on: the server of a storage moves alone.

use serde_json::{Value, json};
use vmid::site::{Member, Pair};

use super::{
    Plan,
    policy::Policy,
    table_fixture::{SSD, allow, ct, planned, space, warnings, with},
};

/// `101 103:[101]`: the order, and who waits for whom.
fn order(plan: &Plan) -> String {
    let words = plan.steps.iter().map(|step| match step.after.is_empty() {
        true => step.vmid.to_string(),
        false => format!("{}:{:?}", step.vmid, step.after),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_server_of_a_storage_moves_alone() {
    let net = |address: &str| format!("name=eth0,bridge=vmbr0,ip={address}/24");
    let other = |vmid: u32, rootfs: &str, more: Value| {
        let config = with(json!({"rootfs": rootfs}), more);
        with(
            json!({"vmid": vmid, "type": "lxc", "name": format!("g{vmid}"), "node": "node2", "status": "running", "maxmem": 1, "snapshots": []}),
            ct(config),
        )
    };
    let nfs = |address: &str| ct(json!({"rootfs": SSD, "net0": net(address)}));
    let on_share = other(103, "share:103/vm-103-disk-0.raw,size=1G", json!({}));
    let router = other(
        104,
        "ssd-data:vm-104-disk-0,size=1G",
        json!({"startup": "order=1"}),
    );
    let spare = other(
        105,
        "ssd-data:vm-105-disk-0,size=1G",
        json!({"net0": net("192.0.2.10")}),
    );
    let pair = || {
        let member = |vmid| Member {
            vmid: Some(vmid),
            ..Member::default()
        };
        Pair {
            name: "nfs".to_owned(),
            vip: "192.0.2.9".parse().ok(),
            members: vec![member(101), member(105)],
            ..Pair::default()
        }
    };
    let plain = Policy::default;
    let paired = || allow(|policy| policy.pairs = vec![pair()]);
    let server = |name: &str| ("/storages/2/server", json!(name));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<&Value>, &str, Policy, bool, &str, &str)> = vec![
        // name, guest 101, others, the share's server, policy, home, order, warnings of 101
        ("no server",                    nfs("192.0.2.8"), vec![&on_share, &router], "192.0.2.9", plain(), false, "103 101 104:[101, 103]", ""),
        ("the server, by its address",   nfs("192.0.2.9"), vec![&on_share, &router], "192.0.2.9", plain(), false, "103 104:[103] 101:[103, 104]", "storage-server"),
        ("by its name",                  nfs("192.0.2.8"), vec![&on_share],          "subject.home.example", plain(), false, "103 101:[103]", "storage-server"),
        ("home it goes first",           nfs("192.0.2.9"), vec![&on_share, &router], "192.0.2.9", plain(), true,  "101 104:[101] 103:[101, 104]", "storage-server"),
        ("alone",                        nfs("192.0.2.9"), vec![],                   "192.0.2.9", plain(), false, "101", "storage-server"),
    ];
    for (name, guest, others, address, policy, home, want, told) in rows {
        let mut changes = vec![
            server(address),
            ("/storages/0/nodes/node5/free", json!(1_u64 << 40)),
        ];
        changes.extend(others.into_iter().map(|other| ("/guests/-", other.clone())));
        let got = planned(&guest, &changes, &policy, home);
        let subject = got.steps.iter().find(|step| step.vmid == 101).unwrap();
        assert_eq!(
            (&order(&got)[..], &warnings(subject)[..]),
            (want, told),
            "{name}"
        );
    }
    // Both members of a pair whose address the server's is, one after the other.
    let changes = vec![
        server("192.0.2.9"),
        ("/guests/-", spare),
        ("/guests/-", on_share.clone()),
        (
            "/storages/0/nodes",
            space(&["node2", "node3", "node5"], 100),
        ),
    ];
    let got = planned(&nfs("192.0.2.11"), &changes, &paired(), false);
    assert_eq!(order(&got), "103 105:[103] 101:[103, 105]");
}

/// The server and one that HA keeps with it, with others between them by their order.
#[test]
fn a_server_with_company() {
    let one = |vmid: u32, startup: u32, address: &str| {
        let net = format!("name=eth0,bridge=vmbr0,ip={address}/24");
        let root = format!("ssd-data:vm-{vmid}-disk-0,size=1G");
        let config = json!({"rootfs": root, "net0": net, "startup": format!("order={startup}")});
        json!({"vmid": vmid, "type": "lxc", "name": format!("g{vmid}"), "node": "node2",
            "status": "running", "maxmem": 1, "snapshots": [], "config": config})
    };
    let sids = ["ct:101", "ct:105"];
    let resources = sids.map(|sid| json!({"sid": sid, "state": "started"}));
    let rule =
        json!([{"type": "resource-affinity", "rule": "r", "resources": sids, "negative": false}]);
    let changes = vec![
        ("/storages/2/server", json!("192.0.2.9")),
        ("/storages/0/nodes/node5/free", json!(1_u64 << 40)),
        ("/ha/resources", json!(resources)),
        ("/ha/rules", rule),
        ("/guests/-", one(103, 2, "192.0.2.3")),
        ("/guests/-", one(105, 3, "192.0.2.5")),
    ];
    let guest = one(101, 1, "192.0.2.9");
    // home, order
    for (home, want) in [
        (false, "103 101:[103] 105:[101]"),
        (true, "101 105:[101] 103:[101, 105]"),
    ] {
        let got = planned(&guest, &changes, &Policy::default(), home);
        assert_eq!(order(&got), want, "home: {home}");
    }
}
