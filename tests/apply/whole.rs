//! From a request to a guest that works, and away again.

use serde_json::json;

use crate::bed::{Bed, lines};

/// The steps one by one, as a person would take them: so the bed does what it is there for.
#[test]
fn step_by_step() {
    let Some(bed) = Bed::new("step_by_step") else {
        return;
    };
    let ipam = bed.word("ipam");
    let request = ["--ipam", &ipam, "paperless", "--vlan", "30"];
    let decided = bed.run("provision", &request, &[]);
    let record = decided.good().clone();
    assert_eq!(
        (&record["vmid"], &record["wire"]),
        (&json!(30002), &json!("silent")),
        "{record}"
    );
    let state = bed.word("state.json");
    bed.command("bash")
        .args(["-c", "pvx-migrate state --content >\"$0\"", &state])
        .status()
        .unwrap();
    let plan = bed.run(
        "pvx-migrate",
        &["plan", "make", "--state", &state],
        std::slice::from_ref(&record),
    );
    assert_eq!(plan.good()["action"], "create");
    let journal = bed.word("journal.jsonl");
    let made = bed.run(
        "pvx-migrate",
        &["run", "--journal", &journal],
        &plan.records,
    );
    assert_eq!(made.good()["changed"], true);
    lines(&bed.path("provisioned"), &decided.records);
    let words = [
        "--identity",
        "/mnt/lab/id",
        "--provision",
        &bed.word("provisioned"),
    ];
    let ready = bed.run("configure", &words, &made.records);
    assert_eq!(
        ready.good()["configured"]["packages"],
        json!(["lab-tool"]),
        "{ready:?}"
    );
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
    assert_eq!(
        bed.guests(),
        [(30002, "paperless".into()), (30200, "old".into())]
    );
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );

    bed.command("bash")
        .args(["-c", "pvx-migrate state --content >\"$0\"", &state])
        .status()
        .unwrap();
    let words = [
        "plan",
        "remove",
        "30002",
        "--name",
        "paperless",
        "--stop",
        "--no-backup-needed",
    ];
    let plan = bed
        .command("bash")
        .args(["-c", "pvx-migrate \"$@\" <\"$0\"", &state])
        .args(words)
        .output();
    let plan = crate::bed::Answer::of(&plan.unwrap());
    let gone = bed.run(
        "pvx-migrate",
        &["run", "--journal", &journal],
        &plan.records,
    );
    assert_eq!(gone.good()["changed"], true);
    assert_eq!(bed.guests(), [(30200, "old".into())]);
    assert_eq!(
        bed.bash("ls /mnt; ip -br link show type veth; pgrep -c sshd || true"),
        "deb\nlab\nwww\n0"
    );
}
