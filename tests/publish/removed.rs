//! A guest that deprovision removes is no name any more, on any server; where that fails, the same call goes on.

use std::fs;

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};

/// What is done beside the simulated cluster: the removal of web; that of db, while no server's key is known; that once more.
const REMOVALS: &str = r#"known=$HOME/.local/state/pvx/known_hosts
remove() { deprovision --apply --stop --no-backup-needed --identity /mnt/lab/id --ipam ipam "$1" || echo "{\"code\":$?}"; }
cd "$HOME"
remove web >first
mv "$known" kept
remove db >second
mv kept "$known"
remove db >third"#;

#[test]
fn a_guest_that_is_removed_is_no_name() {
    let Some(bed) = Bed::new("a_guest_that_is_removed_is_no_name", &["dnsmasq"]) else {
        return;
    };
    bed.two();
    bed.first().published(true);
    assert_eq!(bed.ask("192.168.30.51", "web"), "192.168.30.70");

    let guest = |vmid: u32, name: &str| {
        json!({"type": "lxc", "vmid": vmid, "name": name, "node": "a", "status": "running",
            "config": {"memory": 512, "rootfs": format!("thin:vm-{vmid}-disk-0,size=2G"), "hostname": name}})
    };
    let scenario = json!({"cluster": "lab", "nodes": {"a": {}}, "storages": {"thin": {"type": "lvmthin", "content": "images,rootdir"}},
        "guests": [guest(30070, "web"), guest(30071, "db")]});
    fs::write(bed.path("scenario.json"), scenario.to_string()).unwrap();
    let ran = bed
        .command("pve-cluster")
        .args(["--speed", "400"])
        .arg(bed.path("scenario.json"))
        .args(["bash", "-euc", REMOVALS])
        .output()
        .unwrap();
    let said = Answer::of(&ran);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let records = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(bed.path(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };

    let first = records("first");
    assert_eq!(first.len(), 1, "{first:#?} {said:#?}");
    assert_eq!(
        (&first[0]["destroyed"], &first[0]["retired"]),
        (&json!(true), &json!(true)),
        "{first:#?}"
    );
    let names = first[0]["names"].as_array().unwrap();
    assert_eq!(names.len(), 2, "{first:#?}");
    for server in names {
        let seen = (&server["verified"], &server["removed_names"]);
        assert_eq!(
            seen,
            (&json!(true), &json!(["web.lab.example"])),
            "{server}"
        );
    }

    let second = records("second");
    assert_eq!(
        (
            &second[0]["destroyed"],
            &second[0]["retired"],
            &second[0]["error"]["code"]
        ),
        (&json!(true), &json!(true), &json!("names")),
        "{second:#?}"
    );
    assert_eq!(second[1], json!({"code": 1}), "{second:#?}");
    let third = records("third");
    assert_eq!(third.len(), 1, "{third:#?} {said:#?}");
    assert_eq!(third[0]["destroyed"], false, "{third:#?}");
    for address in ["192.168.30.51", "192.168.30.52"] {
        for name in ["web", "db"] {
            assert_eq!(bed.ask(address, name), "", "{address} {name}");
        }
        assert_eq!(bed.ask(address, "mail"), "192.168.30.72", "{address}");
    }
}
