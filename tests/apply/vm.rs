//! A VM: its host keys come through its guest agent, and by them alone it is logged in to.

use serde_json::{Value, json};

use crate::bed::{Answer, Bed, lines};

/// What a run's record and then configure say of a VM that provision has decided on.
fn made_and_configured(bed: &Bed) -> (Value, Answer) {
    let ipam = bed.word("ipam");
    let vm = ["--compose", "--custom-kernel"];
    let request = [&["--ipam", &ipam, "runner", "--vlan", "30"], &vm[..]].concat();
    let decided = bed.run("provision", &request, &[]);
    let record = decided.good().clone();
    assert_eq!(
        (&record["vmid"], &record["shape"]),
        (&json!(30002), &json!("vm")),
        "{record}"
    );
    let state = bed.word("state.json");
    let read = ["-c", "pvx-migrate state --content >\"$0\"", &state];
    bed.command("bash").args(read).status().unwrap();
    let words = ["plan", "make", "--state", &state];
    let plan = bed.run("pvx-migrate", &words, &[record]);
    assert_eq!(plan.good()["action"], "create");
    let words = ["run", "--journal", &bed.word("journal.jsonl")];
    let made = bed.run("pvx-migrate", &words, &plan.records);
    lines(&bed.path("provisioned"), &decided.records);
    let words = [
        "--identity",
        "/mnt/lab/id",
        "--provision",
        &bed.word("provisioned"),
    ];
    let ready = bed.run("configure", &words, &made.records);
    (made.good().clone(), ready)
}

#[test]
fn its_agent_tells_its_host_keys() {
    let agents = |root: &str| json!({"agents": {"30002": {"after_s": 20, "root": root}}});
    let Some(bed) = Bed::of("its_agent_tells", agents("/mnt/runner/root")) else {
        return;
    };
    let (made, ready) = made_and_configured(&bed);
    let keys = bed.bash("guest keys runner");
    assert_eq!(
        made["host_keys"],
        serde_json::from_str::<Value>(&keys).unwrap(),
        "{made}"
    );
    assert!(made["took_ms"]["agent"].is_u64(), "{made}");
    assert_eq!(ready.good()["configured"]["packages"][0], "lab-tool");
    let known = bed.known_hosts();
    assert_eq!(known.lines().count(), 1, "{known}");

    // Who answers at the address with other keys is refused.
    bed.bash("rm /mnt/runner/root/etc/ssh/ssh_host_*; for type in ed25519 ecdsa; do ssh-keygen -q -t $type -N '' -f /mnt/runner/root/etc/ssh/ssh_host_${type}_key; done; kill \"$(</mnt/runner/sshd)\"; guest serve runner");
    let words = ["--identity", "/mnt/lab/id", "--accept-new", "runner"];
    let provisioned = ["--provision", &bed.word("provisioned")];
    let words = [&words[..], &provisioned[..]].concat();
    let refused = bed.run("configure", &words, &[made]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.records[0]["error"]["code"], "host-key");
    assert_eq!(bed.known_hosts(), known);
}

#[test]
fn without_an_agent_nobody_is_trusted() {
    let Some(bed) = Bed::new("without_an_agent") else {
        return;
    };
    let (made, refused) = made_and_configured(&bed);
    assert_eq!(made["host_keys"], json!([]), "{made}");
    assert_eq!(made["warnings"][0]["code"], "no-host-keys", "{made}");
    let error = &refused.records[0]["error"];
    assert_eq!(error["code"], "host-key", "{refused:?}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("QEMU guest agent is not running"),
        "{message}"
    );
    let words = ["--identity", "/mnt/lab/id", "--accept-new", "runner"];
    let provisioned = ["--provision", &bed.word("provisioned")];
    let words = [&words[..], &provisioned[..]].concat();
    let ready = bed.run("configure", &words, &[made]);
    assert_eq!(ready.good()["configured"]["packages"][0], "lab-tool");
}

/// The whole way, and with it the last look, as the VM's own user.
#[test]
fn at_one_call() {
    let agents = json!({"agents": {"30002": {"after_s": 20, "root": "/mnt/runner/root"}}});
    let Some(bed) = Bed::of("vm::at_one_call", agents) else {
        return;
    };
    let call = [
        "--apply",
        "runner",
        "--vlan",
        "30",
        "--compose",
        "--custom-kernel",
    ];
    let record = bed.provision(&call, &[]).good().clone();
    assert_eq!(
        (&record["ready"], &record["shape"]),
        (&json!(true), &json!("vm")),
        "{record}"
    );
    assert_eq!(record["verified"]["hostname"], "runner", "{record}");
    assert!(record["steps_ms"]["agent"].is_u64(), "{record}");
    let again = bed.provision(&call, &[]).good().clone();
    assert_eq!(
        (&again["ready"], &again["changed"]),
        (&json!(true), &json!(false)),
        "{again}"
    );
    assert_eq!(bed.guests().len(), 2);
}
