//! `provision --rollback`: what a call made and did not bring to its end goes again, and nothing else.

use serde_json::json;

use crate::{bed::Bed, failures::failed, whole::PAPERLESS};

const BACK: [&str; 6] = ["--rollback", "paperless", "--vlan", "30", "--role", "app"];

#[test]
fn before_it_is_ready() {
    let Some(bed) = Bed::new("before_it_is_ready") else {
        return;
    };
    let call = [&PAPERLESS[..], &["--wait", "2"]].concat();
    let refused = |words: &[&str], code: &str| {
        let answer = bed.provision(words, &[]);
        assert_eq!(
            (answer.code, answer.records[0]["error"]["code"].as_str()),
            (Some(1), Some(code)),
            "{answer:?}"
        );
    };
    refused(&BACK, "nothing-begun");
    bed.bash("echo '[ $event != start ] || exit 0' >/mnt/lab/hook");
    failed(&bed.provision(&call, &[]), "no-sshd", "configure", "");
    refused(&["--rollback", "paperless", "--vlan", "30"], "other-call");
    let look = bed.provision(&[&["-n"], &BACK[..]].concat(), &[]);
    assert_eq!(
        (&look.good()["would"], bed.guests().len()),
        (&json!("remove"), 2),
        "{look:?}"
    );
    // Somebody has taken it for his own.
    let config = |text: &str| bed.put("/nodes/b/lxc/30002/config", &json!({"description": text}));
    let truth = bed.truth();
    let mark = truth["guests"]["30002"]["config"]["description"]
        .as_str()
        .unwrap()
        .to_owned();
    config("mine");
    refused(&BACK, "not-ours");
    assert_eq!(bed.guests().len(), 2);
    config(&mark);
    let record = bed.provision(&BACK, &[]).good().clone();
    assert_eq!(
        (&record["removed"], &record["released"], &record["changed"]),
        (&json!(true), &json!("192.168.30.2/24"), &json!(true)),
        "{record}"
    );
    assert_eq!(
        (bed.guests(), bed.addresses()),
        (vec![(30200, "old".into())], vec![])
    );
    refused(&BACK, "nothing-begun");

    // And once more, to its end: then it is in use.
    bed.bash("rm /mnt/lab/hook");
    bed.provision(&PAPERLESS, &[]).good();
    refused(&BACK, "ready");
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
    assert_eq!(bed.addresses().len(), 1);
}

/// An address that it had before the call stays.
#[test]
fn an_older_address_stays() {
    let Some(bed) = Bed::new("an_older_address_stays") else {
        return;
    };
    let ipam = bed.word("ipam");
    bed.run(
        "provision",
        &["--ipam", &ipam, "paperless", "--vlan", "30"],
        &[],
    )
    .good();
    bed.bash("echo '[ $event != start ] || exit 0' >/mnt/lab/hook");
    failed(
        &bed.provision(&[&PAPERLESS[..], &["--wait", "2"]].concat(), &[]),
        "no-sshd",
        "configure",
        "",
    );
    let record = bed.provision(&BACK, &[]).good().clone();
    assert_eq!(
        (&record["removed"], &record["released"]),
        (&json!(true), &json!(null)),
        "{record}"
    );
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );
}
