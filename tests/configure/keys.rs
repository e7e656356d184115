//! Whose host key is trusted: the one that the guest was made with, and none that merely answers.

use std::fs;

use serde_json::{Value, json};

use crate::bed::Bed;

/// A guest that is made, goes, and another one that gets its address; and what asks for it then.
#[test]
fn only_the_creation_vouches_for_a_key() {
    let Some(bed) = Bed::new("only_the_creation_vouches_for_a_key") else {
        return;
    };
    bed.site(&json!({"domain": "lab.example", "templates": {"base": {}}}));
    let first = bed.made("first", "192.168.30.60");
    let run = |words: &[&str], record: &Value| bed.configure(words, std::slice::from_ref(record));
    let without = |record: &Value| {
        let mut other = record.clone();
        other.as_object_mut().unwrap().remove("host_keys");
        other["changed"] = json!(false);
        other
    };
    run(&[], &without(&first)).refused("host-key", "nothing says which host key", "nobody vouches");
    let mut wrong = first.clone();
    wrong["host_keys"][0]["sha256"] = json!(format!("SHA256:{}", "A".repeat(43)));
    wrong["host_keys"][1]["sha256"] = json!(format!("SHA256:{}", "B".repeat(43)));
    run(&["--accept-new", "first"], &wrong).refused(
        "host-key",
        "none of them was made with this guest",
        "another's keys",
    );
    assert_eq!(bed.known_hosts(), "");
    run(&[], &first).ready();
    run(&[], &without(&first)).ready(); // known by now
    let old = bed.known_hosts();

    bed.bash("guest down first");
    // With the ID of the first, as an ID follows from the address.
    let second = bed.made("second", "192.168.30.60");
    let mut claim = second.clone();
    claim["changed"] = json!(false); // it was not made by this run
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &Value); 5] = [
        ("the old record",            &[],                         &first),
        ("a record without keys",     &[],                         &without(&second)),
        ("accepting what is new",     &["--accept-new", "second"], &without(&second)),
        ("keys, and nothing made",    &[],                         &claim),
        ("only a look",               &["-n"],                     &claim),
    ];
    for (what, words, record) in cases {
        run(words, record).refused("host-key", "192.168.30.60 offers ssh-ed25519 SHA256:", what);
        assert_eq!(bed.known_hosts(), old, "{what}");
    }
    // A journal that made it says so, unless it is of another guest.
    let line = |name: &str| json!({"vmid": 30000, "name": name, "action": "create", "phase": "verified", "created": "UPID:x", "host_keys": second["host_keys"]});
    let journal = bed.path("journal");
    let words = ["--journal", journal.to_str().unwrap()];
    fs::write(&journal, format!("{}\n{{\"cut", line("other"))).unwrap();
    run(&words, &claim).refused(
        "host-key",
        "another guest's or another key of it",
        "another guest's journal",
    );
    fs::write(
        &journal,
        format!(
            "{}\n{}\n{{\"cut",
            line("second"),
            json!({"vmid": 30000, "name": "second", "phase": "verified", "from": "a", "to": "b"})
        ),
    )
    .unwrap();
    run(&words, &without(&second)).ready();
    assert_ne!(bed.known_hosts(), old);
    assert_eq!(bed.known_hosts().lines().count(), 1);

    // Why nothing vouches for it is run's to say, and what run has learned later is not in its journal.
    bed.bash("guest down second");
    let late = bed.made("late", "192.168.30.60");
    let mut unknown = without(&late);
    unknown["changed"] = json!(true);
    unknown["warnings"] = json!([{"code": "no-host-keys", "message": "its host keys are not known: status 500: QEMU guest agent is not running"}]);
    let answer = run(&[], &unknown);
    answer.refused(
        "host-key",
        "another guest's or another key of it",
        "no keys",
    );
    fs::remove_file(bed.path(".local/state/pvx/known_hosts")).unwrap();
    let answer = run(&[], &unknown);
    answer.refused("host-key", "QEMU guest agent is not running", "why not");
    let mut line = line("late");
    line.as_object_mut().unwrap().remove("host_keys");
    fs::write(&journal, format!("{line}\n")).unwrap();
    run(&words, &late).ready();

    bed.bash("guest down late");
    let third = bed.made("third", "192.168.30.60");
    run(&[], &third).ready(); // the record of its creation
    let mut vm = bed.made("vm", "192.168.30.61");
    vm["host_keys"] = json!([]);
    vm["type"] = json!("lxc");
    let accept = ["--accept-new", "vm"];
    run(&accept, &without(&vm)).ready();
    assert_eq!(bed.known_hosts().lines().count(), 2);

    // Another guest is to have that address, and the one before still answers there: its key is none of the new one's,
    // and accepting what answers changes nothing in it, nor is its key kept.
    let mut newer = vm.clone();
    (newer["name"], newer["vmid"]) = (json!("newer"), json!(30061));
    let known = bed.known_hosts();
    let before = bed.inside(
        "vm",
        "readlink /etc/localtime; cat /var/lib/dpkg/status | sha256sum",
    );
    bed.site(&json!({"timezone": "Asia/Tokyo", "templates": {"base": {"packages": ["lab-tool"]}}}));
    run(&[], &newer).refused(
        "host-key",
        "--accept-new newer",
        "a pin of the guest before",
    );
    run(&["--accept-new", "newer"], &newer).refused(
        "other-guest",
        "192.168.30.61 calls itself vm",
        "the guest before",
    );
    assert_eq!(
        (known, before),
        (
            bed.known_hosts(),
            bed.inside(
                "vm",
                "readlink /etc/localtime; cat /var/lib/dpkg/status | sha256sum"
            )
        )
    );
    // A VM of the same name that is made anew there.
    bed.bash("guest down vm");
    bed.made("vm", "192.168.30.61");
    run(&[], &vm).refused("host-key", "--accept-new vm", "the VM made anew");
    run(&accept, &without(&vm)).refused("host-key", "--journal", "not made, only accepted");
    run(&accept, &vm).ready();
    let other = run(&["--accept-new", "third"], &vm);
    assert_eq!(other.code, Some(2));
    assert!(other.said.contains("--accept-new names third"), "{other:?}");

    // Each is known by its names, too, which go with the guest to another address.
    let names = |name: &str| {
        let known = bed.known_hosts();
        let lines = known.lines().filter_map(|line| line.split(' ').next());
        let hosts: Vec<String> = lines
            .filter(|hosts| hosts.split(',').any(|host| host == name))
            .map(str::to_owned)
            .collect();
        hosts
    };
    assert_eq!(names("third"), ["192.168.30.60,third,third.lab.example"]);
    assert_eq!(names("first"), [""; 0]);
    bed.bash("guest down vm");
    let mut moved = bed.made("vm", "192.168.30.62");
    moved["vmid"] = json!(30_062);
    run(&[], &moved).ready();
    assert_eq!(names("vm"), ["192.168.30.62,vm"]); // the site has no domain by now
    assert_eq!(names("192.168.30.61"), ["192.168.30.61"]);
    bed.bash("ssh -F none -i /mnt/lab/id -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$HOME/.local/state/pvx/known_hosts -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=vm root@192.168.30.62 true");
}
