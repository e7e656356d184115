//! Pairs that are well, and where the members are: what is redundant on the wire may
//! hang on one node or one disk.

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, pairs},
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("members_on_one_node", FAST, one_node),
];

fn one_node(lab: &Lab) {
    let apart = guests("node3", "node5");
    seen(lab, &apart)
        .wants_status("ok")
        .wants("placement", "info", &["guests"])
        .lacks(&["same-node", "same-storage"]);

    let together = guests("node3", "node3");
    seen(lab, &together)
        .wants_status("warning")
        .wants("same-node", "warning", &["guests"])
        .wants_message("same-node", "node3");

    let mut missing = guests("node3", "node5");
    missing.as_array_mut().unwrap().pop();
    seen(lab, &missing)
        .wants_status("warning")
        .wants("same-node", "warning", &["guests"])
        .wants_message("same-node", "guest 10112 is not in the list");

    // Both disks on one shared storage: pvx-migrate's state tells them.
    let disk = |vmid: u32, node: &str| {
        json!({"type": "qemu", "vmid": vmid, "node": node, "status": "running",
            "config": {"scsi0": format!("nas:{vmid}/vm-{vmid}-disk-0.qcow2,size=8G")}})
    };
    let state = json!({
        "guests": [disk(10111, "node3"), disk(10112, "node5")],
        "storages": [{"storage": "nas", "shared": true}],
    });
    seen(lab, &state)
        .wants_status("warning")
        .wants("same-storage", "warning", &["guests"])
        .wants_message("same-storage", "nas")
        .lacks(&["same-node"]);
}

/// As `/cluster/resources` has the two members.
fn guests(one: &str, other: &str) -> Value {
    let guest = |vmid: u32, node: &str| {
        json!({"id": format!("lxc/{vmid}"), "type": "lxc", "vmid": vmid, "name": format!("dns-{vmid}"),
            "node": node, "status": "running", "template": 0})
    };
    json!([guest(10111, one), guest(10112, other)])
}

/// The check of a member's pair by all means, and by the list of guests.
fn seen(lab: &Lab, guests: &Value) -> Verdict {
    let mut pairs = pairs();
    for (member, vmid) in [(0, 10111), (1, 10112)] {
        pairs["pairs"][0]["members"][member]["vmid"] = vmid.into();
    }
    let pairs = lab.keep("pairs", pairs.to_string().as_bytes());
    let guests = lab.keep("guests", guests.to_string().as_bytes());
    let more = ["--guests", guests.to_str().unwrap()];
    lab.check_of(&pairs, "dns", Eyes::Both, &more)
}
