//! What NetBox refuses of one record: that record says why, and the run goes on.

use serde_json::json;

use crate::{Section, client::Ours, server::Lab};

pub const SECTIONS: &[Section] = &[("refused: an unknown tag, a required field", faults)];

/// Those that need [`Lab::loose`]; its settings have the rules.
pub const LOOSE: &[Section] = &[("refused: validators and protection rules", rules)];

fn faults(lab: &Lab) {
    let ours = lab.ours();
    let tagged = r#"{"name":"a","vlan":30,"tags":["none"]}"#;
    let by_server = tagged.replace("30", "10");
    let sound = r#"{"name":"b","vlan":30}"#;
    let guest = r#"{"name":"g","net0":"virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=30","ipconfig0":"ip=192.168.30.7/24"}"#;
    #[rustfmt::skip]
    ours.table(&[
        ("the server chooses", "allocate", &by_server,                  "1: a !unknown-tag"),
        ("ipalloc chooses",    "allocate", tagged,                      "1: a !unknown-tag"),
        ("in a batch",         "allocate", &format!("{sound}{tagged}"), "1: b !batch, a !unknown-tag"),
        ("beside a guest",     "allocate", &format!("{tagged}{guest}"), "1: a !unknown-tag, g 192.168.30.7/24 new"),
    ]);
    assert_eq!(lab.owned(), ["g 192.168.30.7/24"]);
    lab.make(
        "/api/extras/custom-fields/",
        &json!({"name": "ticket", "type": "text", "object_types": ["ipam.ipaddress"], "required": true}),
    );
    #[rustfmt::skip]
    ours.table(&[
        ("the server chooses", "allocate --vlan 10 c",         "", "1: c !missing-field"),
        ("ipalloc chooses",    "allocate --vlan 30 c d",       "", "1: c !missing-field, d !missing-field"),
        ("what is there goes", "release g",                    "", "0: g 192.168.30.7/24 new"),
    ]);
    let message = ours.run("allocate --vlan 30 c").record()["error"]["message"].clone();
    assert_eq!(
        message,
        "refused by NetBox: Missing required custom field 'ticket'. (--cf ticket=VALUE gives it)"
    );
    assert_eq!(lab.owned(), [""; 0]);
}

fn rules(lab: &Lab) {
    let ours = Ours::new(lab.loose());
    #[rustfmt::skip]
    ours.table(&[
        ("refused",         "allocate --vlan 10 --description forbidden a", "", "1: a !refused-value"),
        ("chosen",          "allocate --vlan 30 --description forbidden a", "", "1: a !refused-value"),
        ("a good one",      "allocate --vlan 30 --description good a",      "", "0: a 192.168.30.2/24 new"),
        ("one to be kept",  "allocate --vlan 30 --description protected b", "", "0: b 192.168.30.3/24 new"),
        ("another",         "allocate --vlan 30 c",                         "", "0: c 192.168.30.4/24 new"),
        ("kept, the rest goes", "release a b c", "", "1: a 192.168.30.2/24 new, b !protected, c 192.168.30.4/24 new"),
    ]);
    // Made where that rule is not.
    lab.make(
        "/api/ipam/ip-addresses/",
        &json!({"address": "192.168.30.9/24", "dns_name": "d", "description": "forbidden"}),
    );
    ours.run("allocate --vlan 30 --adopt d")
        .ends("1: d !refused-value", &[]);
    assert_eq!(lab.owned(), ["b 192.168.30.3/24"]);
}
