//! What is told of a step though nothing is against it.

use serde_json::{Value, json};

use super::{
    policy::Policy,
    table_fixture::{SSD, decide, outcome, subject, vm, warnings},
};

#[test]
fn what_is_told() {
    let ssd_vm = || vm(json!({"scsi0": SSD}));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, &str, &str)> = vec![
        ("nothing",                       ssd_vm(), vec![],                                  "live node5", ""),
        ("a patch level older: PVE moves it", ssd_vm(), vec![("/nodes/2/pve", json!("9.1.2"))], "live node5", "version"),
        ("newer",                         ssd_vm(), vec![("/nodes/2/pve", json!("9.1.10"))], "live node5", ""),
    ];
    for (name, guest, changes, want, told) in rows {
        let plan = decide(&guest, &changes, &Policy::default());
        let step = subject(&plan);
        assert_eq!(
            (&outcome(step)[..], &warnings(step)[..]),
            (want, told),
            "{name}"
        );
    }
}
