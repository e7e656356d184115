//! `provision --rollback`: what a call made and did not bring to its end goes again, and nothing else.

use std::fs;

use serde_json::json;

use crate::{
    bed::{Answer, Bed},
    failures::failed,
    whole::PAPERLESS,
};

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

/// That it refuses, by this code, and has changed nothing.
fn refused(bed: &Bed, code: &str) -> Answer {
    let before = (bed.guests(), bed.addresses());
    let answer = bed.provision(&BACK, &[]);
    let record = &answer.records[0];
    assert_eq!(
        (
            answer.code,
            record["error"]["code"].as_str(),
            &record["changed"]
        ),
        (Some(1), Some(code), &json!(false)),
        "{answer:?}"
    );
    assert_eq!((bed.guests(), bed.addresses()), before, "{answer:?}");
    answer
}

/// What is not seen may be there, and what is written down may be of another time.
#[test]
fn what_is_not_known_stays() {
    let Some(bed) = Bed::new("what_is_not_known_stays") else {
        return;
    };
    let note = ".local/state/pvx/provision-paperless.jsonl.note";
    let state = bed.word("old.json");
    bed.command("bash")
        .args(["-c", "pvx-migrate state --content >\"$0\"", &state])
        .status()
        .unwrap();
    bed.bash("echo '[ $event != start ] || exit 0' >/mnt/lab/hook");
    let call = [&PAPERLESS[..], &["--wait", "2"]].concat();
    failed(&bed.provision(&call, &[]), "no-sshd", "configure", "");
    let written = fs::read_to_string(bed.path(note)).unwrap();

    // A state of before it was made.
    let old = bed.provision(&[&BACK[..], &["--state", &state]].concat(), &[]);
    assert_eq!(old.code, Some(2), "{old:?}");

    // A token that does not see it.
    let (token, _) = bed.token().split_once('=').unwrap();
    let rights = |more: &str| {
        let some = "Sys.Audit Datastore.Audit VM.Allocate VM.PowerMgmt VM.Config.Options Datastore.AllocateSpace SDN.Audit";
        let all: Vec<&str> = some.split(' ').chain(more.split_whitespace()).collect();
        bed.control("rights", &json!({token: {"/": all}}));
    };
    rights("");
    let answer = refused(&bed, "unseen");
    assert!(answer.said.contains("VM.Audit"), "{answer:?}");
    rights("VM.Audit VM.Config.Disk VM.Backup");

    // A note that is none.
    for text in ["", "{\"name\":\"pap", "[]\n"] {
        fs::write(bed.path(note), text).unwrap();
        let answer = refused(&bed, "note");
        assert!(
            answer.said.contains("jsonl.note can't be read"),
            "{answer:?}"
        );
        let answer = bed.provision(&call, &[]);
        assert_eq!(
            answer.records[0]["error"]["code"], "note",
            "{text:?}: {answer:?}"
        );
    }

    // It was cut off while the address was allocated: who did it is not known. The guest goes, as it is the call's own.
    let doubtful = written.replace("\"allocated\":true", "\"allocated\":false");
    let doubtful = doubtful.replace("\"allocating\":false", "\"allocating\":true");
    assert_ne!(doubtful, written);
    fs::write(bed.path(note), doubtful).unwrap();
    let answer = bed.provision(&BACK, &[]);
    let record = &answer.records[0];
    assert_eq!(
        (&record["error"]["code"], &record["removed"], answer.code),
        (&json!("not-known"), &json!(true), Some(1)),
        "{answer:?}"
    );
    assert_eq!(bed.guests(), [(30200, "old".into())]);
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );

    // The name has another address since. The IPAM is the same from another folder.
    fs::write(bed.path(note), &written).unwrap();
    let ipam = bed.word("ipam");
    let release = ["release", "--ipam", &ipam, "paperless"];
    let own = |address: &str| {
        let request = json!({"name": "paperless", "vlan": 30, "address": address});
        bed.run("ipalloc", &["allocate", "--ipam", &ipam], &[request])
            .good();
    };
    bed.run("ipalloc", &release, &[]).good();
    own("192.168.30.77/24");
    refused(&bed, "address-changed");
    bed.run("ipalloc", &release, &[]).good();
    own("192.168.30.2/24");
    let elsewhere = "cd \"$0\" && exec provision --ipam ./ipam \"$@\"";
    let mut relative = bed.command("bash");
    relative.args(["-c", elsewhere, &bed.word("")]).args(BACK);
    let answer = Answer::of(&relative.output().unwrap());
    assert_eq!(answer.good()["released"], "192.168.30.2/24", "{answer:?}");
    assert_eq!(bed.addresses(), []);
}

/// What was in use is deprovision's to take away, and what that retired stays so.
#[test]
fn what_was_in_use() {
    let Some(bed) = Bed::new("what_was_in_use") else {
        return;
    };
    bed.provision(&PAPERLESS, &[]).good();
    let note = ".local/state/pvx/provision-paperless.jsonl.note";
    let written = fs::read_to_string(bed.path(note)).unwrap();
    assert!(written.contains("\"allocated\":false"), "{written}");
    refused(&bed, "ready");
    let ipam = bed.word("ipam");
    let removal = ["--apply", "--ipam", &ipam, "--stop", "--no-backup-needed"];
    bed.run("deprovision", &[&removal[..], &["paperless"]].concat(), &[])
        .good();
    let before = fs::read_to_string(bed.path("ipam/ip-addresses.csv")).unwrap();
    assert!(before.contains("deprecated"), "{before}");
    refused(&bed, "ready");
    let after = fs::read_to_string(bed.path("ipam/ip-addresses.csv")).unwrap();
    assert_eq!(after, before);
}
