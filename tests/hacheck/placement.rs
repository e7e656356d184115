//! Pairs that are well, and where the members are: what is redundant on the wire may
//! hang on one node or one disk.

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab},
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
        .wants_message("same-node", "guest 10012 is not in the list");

    // Both disks on one shared storage: pvx-migrate's state tells them.
    let disk = |vmid: u32, node: &str| {
        json!({"type": "qemu", "vmid": vmid, "node": node, "status": "running",
            "config": {"scsi0": format!("nas:{vmid}/vm-{vmid}-disk-0.qcow2,size=8G")}})
    };
    let state = json!({
        "guests": [disk(10011, "node3"), disk(10012, "node5")],
        "storages": [{"storage": "nas", "shared": true}],
    });
    seen(lab, &state)
        .wants_status("warning")
        .wants("same-storage", "warning", &["guests"])
        .wants_message("same-storage", "nas")
        .lacks(&["same-node"]);
}

/// As `/cluster/resources` has the members: the first of each pair on one node, the second on another.
pub fn guests(one: &str, other: &str) -> Value {
    let guest = |vmid: u32, node: &str| {
        json!({"id": format!("lxc/{vmid}"), "type": "lxc", "vmid": vmid, "name": format!("ct-{vmid}"),
            "node": node, "status": "running", "template": 0})
    };
    let members = [(30011, one), (30012, other), (10011, one), (10012, other)];
    members.map(|(vmid, node)| guest(vmid, node)).into()
}

/// The check of a member's pair by all means, and by the list of guests.
fn seen(lab: &Lab, guests: &Value) -> Verdict {
    let guests = lab.keep("guests", guests.to_string().as_bytes());
    let more = ["--guests", guests.to_str().unwrap()];
    lab.check_of(&lab.path("pairs.json"), "dns", Eyes::Both, &more)
}
