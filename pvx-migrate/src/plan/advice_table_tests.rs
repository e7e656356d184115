//! What a refusal advises: the command that this version of Proxmox has.

use serde_json::{Value, json};

use super::{
    policy::Policy,
    table_fixture::{SSD, ct, decide, snap, subject, vm, with},
};

#[test]
fn advice_that_can_be_typed() {
    let lxc = |more: Value| with(ct(json!({"rootfs": SSD})), more);
    let locked = |lock: &str| json!({"lock": lock});
    let prefers = |rule: &str| {
        vec![
            (
                "/ha/resources",
                json!([{"sid": "ct:101", "state": "started"}]),
            ),
            (
                "/ha/rules",
                json!([{"type": "node-affinity", "rule": rule, "resources": ["ct:101"], "nodes": {"node2": 2, "node5": 1}}]),
            ),
        ]
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, &str)> = vec![
        ("hibernated",                  with(vm(json!({"scsi0": SSD})), locked("suspended")), vec![], "qm resume 101"),
        ("a container's volumes mounted", lxc(locked("mounted")), vec![],               "pct unmount 101"),
        ("snapshots on LVM-thin: shutting down is no way, either", with(vm(json!({"scsi0": SSD})), snap()), vec![], "nor stopped: scsi0: lvmthin cannot send"),
        ("a device: shutting down is one", with(vm(json!({"scsi0": SSD, "virtiofs0": "dirid=media"})), json!({"precondition": {}})), vec![], "--allow-shutdown"),
        ("a lock of a migration",       lxc(locked("migrate")), vec![],                 "pct unlock 101"),
        ("a group (PVE 8 knows no failback of a resource)", lxc(json!({})), prefers("group home"), "ha-manager groupset home --nofailback 1"),
        ("a rule",                      lxc(json!({})), prefers("home"),                "ha-manager set ct:101 --failback 0"),
    ];
    for (name, guest, changes, want) in rows {
        let plan = decide(&guest, &changes, &Policy::default());
        let step = subject(&plan);
        let blockers = step.blockers.iter().map(|blocker| &blocker.message);
        let refused = step.refused.iter().map(|refused| &refused.message);
        let said: Vec<&String> = blockers.chain(refused).collect();
        assert!(
            said.iter().any(|message| message.contains(want)),
            "{name}: {said:?}"
        );
    }
}
