//! What fails says at which step and how to go on; what was not made leaves nothing, what was made stays.

use serde_json::{Value, json};

use crate::{
    bed::{Answer, Bed},
    whole::PAPERLESS,
};

/// That the one record has this error at this step.
pub fn failed<'a>(answer: &'a Answer, code: &str, step: &str, part: &str) -> &'a Value {
    let [record] = &answer.records[..] else {
        panic!("{answer:?}")
    };
    let error = &record["error"];
    assert_eq!(
        (answer.code, error["code"].as_str(), error["step"].as_str()),
        (Some(1), Some(code), Some(step)),
        "{answer:?}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(part), "{message}");
    record
}

/// What cannot be made, by a change of the cluster; code, and what the message says. Nothing is left, and nothing was begun.
#[test]
fn what_cannot_be_made_leaves_nothing() {
    #[rustfmt::skip]
    let cases = [
        ("no room", json!({"storages": {"thin": {"total": 10_737_418_240_u64, "used": 9_737_418_240_u64}}}), "space", "thin at b has 954 MiB free"),
        ("no template", json!({"files": {"local:vztmpl/debian-13.tar.zst": {"nodes": []}}}), "template", "debian-13.tar.zst"),
        ("no bridge", json!({"nodes": {"a": {"bridges": ["vmbr1"]}, "b": {"bridges": ["vmbr1"]}, "c": {"bridges": ["vmbr1"]}}}), "bridge", "vmbr0"),
        ("no quorum", json!({"quorate": false}), "no-quorum", "quorum"),
        ("another's ID", json!({"guests": [{"type": "lxc", "vmid": 30002, "name": "else", "node": "b", "status": "stopped", "config": {"hostname": "else"}}]}), "vmid-taken", "30002 lives already, as lxc else on b"),
        ("another's name", json!({"guests": [{"type": "lxc", "vmid": 999, "name": "paperless", "node": "b", "status": "stopped", "config": {"hostname": "paperless"}}]}), "name-taken", "999"),
        ("it fails", json!({"faults": [{"fault": "create-fails", "vmid": 30002, "exit": "boom"}]}), "not-made", "boom"),
        ("it is refused", json!({"faults": [{"fault": "reply", "match": "POST *lxc", "status": 500, "times": 9}]}), "refused", "500"),
    ];
    for (what, change, code, part) in cases {
        let Some(bed) = Bed::of(
            &format!("what_cannot_be_made_leaves_nothing: {what}"),
            change,
        ) else {
            return;
        };
        let guests = bed.guests();
        let answer = bed.provision(&PAPERLESS, &[]);
        let record = &answer.records[0];
        assert_eq!(
            (answer.code, record["error"]["code"].as_str()),
            (Some(1), Some(code)),
            "{what}: {answer:?}"
        );
        assert!(
            record["error"]["message"].as_str().unwrap().contains(part),
            "{what}: {answer:?}"
        );
        assert_eq!(
            (&record["changed"], record["made"] == true),
            (&json!(false), false),
            "{what}: {record}"
        );
        assert_eq!(
            (bed.guests(), bed.addresses()),
            (guests, vec![]),
            "{what}: {answer:?}"
        );
        assert_eq!(
            bed.bash("ls $HOME/.local/state/pvx | grep note || true"),
            "",
            "{what}"
        );
    }
}

/// An address that the guest had before stays, whatever becomes of it.
#[test]
fn an_older_address_stays() {
    let change = json!({"faults": [{"fault": "create-fails", "vmid": 30002, "exit": "boom"}]});
    let Some(bed) = Bed::of("an_older_address_stays", change) else {
        return;
    };
    let ipam = bed.word("ipam");
    bed.run(
        "provision",
        &["--ipam", &ipam, "paperless", "--vlan", "30"],
        &[],
    )
    .good();
    let answer = bed.provision(&PAPERLESS, &[]);
    failed(&answer, "not-made", "create", "boom");
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );
    bed.provision(&PAPERLESS, &[]).good();
}

/// What fails when the guest is there: guest and address stay, and the same call goes on.
#[test]
fn what_was_made_stays() {
    let Some(bed) = Bed::new("what_was_made_stays") else {
        return;
    };
    let hook = |text: &str| bed.bash(&format!("cat >/mnt/lab/hook <<'EOF'\n{text}\nEOF"));
    let wait = ["--wait", "2"];
    let call = [&PAPERLESS[..], &wait].concat();
    let same = |what: &str| {
        assert_eq!(
            bed.guests(),
            [(30002, "paperless".into()), (30200, "old".into())],
            "{what}"
        );
        assert_eq!(
            bed.addresses(),
            [("192.168.30.2/24".into(), "paperless".into())],
            "{what}"
        );
    };

    // sshd never comes up.
    hook("[ $event != start ] || exit 0");
    let answer = bed.provision(&call, &[]);
    let record = failed(&answer, "no-sshd", "configure", "192.168.30.2");
    assert_eq!(
        (&record["made"], &record["changed"], &record["ready"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let go_on = record["go_on"].as_str().unwrap();
    assert!(
        go_on.contains(" --apply paperless --vlan 30 ") && answer.said.contains(go_on),
        "{answer:?}"
    );
    same("no sshd");
    // Nobody of that call is left, who would hold the name.
    assert_eq!(bed.bash("pgrep -c arping || true"), "0");

    // Its journal is not here: a call on another host, or one whose state is gone, says that it isn't ready.
    bed.bash("mv $HOME/.local/state/pvx $HOME/elsewhere");
    let answer = bed.provision(&call, &[]);
    let record = failed(
        &answer,
        "not-ready",
        "configure",
        "was made by another call",
    );
    assert_eq!(record["ready"], json!(false), "{record}");
    same("no journal");
    bed.bash("rm -r $HOME/.local/state/pvx; mv $HOME/elsewhere $HOME/.local/state/pvx");

    // Another host answers there, with a key of its own.
    bed.bash("guest up stranger 192.168.30.2");
    let answer = bed.provision(&call, &[]);
    failed(
        &answer,
        "host-key",
        "configure",
        "none of them was made with this guest",
    );
    same("another host");
    bed.bash("guest down stranger; rm /mnt/lab/hook; guest start paperless");

    // The mirror is dead.
    bed.bash("sed -i s,mirror.test/,mirror.test:81/, /mnt/paperless/root/etc/apt/sources.list");
    let answer = bed.provision(&call, &[]);
    failed(&answer, "configure", "configure", "mirror.test");
    same("no mirror");
    bed.bash("sed -i s,mirror.test:81,mirror.test, /mnt/paperless/root/etc/apt/sources.list");

    // Two hosts have the address: one more interface on the same wire.
    bed.bash("ip link add v-dup type veth peer name dup0; ip link set v-dup master br0 up; ip netns add dup 2>/dev/null || true; unshare --net sleep 1000 >/dev/null 2>&1 </dev/null & pid=$!; sleep 0.3; ip link set dup0 netns $pid; nsenter --net --target $pid ip address add 192.168.30.2/24 dev dup0; nsenter --net --target $pid ip link set dup0 up; echo $pid >/mnt/dup");
    // The guest is the one that this host talks to.
    bed.bash("ip neigh replace 192.168.30.2 lladdr $(guest exec paperless cat /sys/class/net/eth0/address) nud permanent dev br0");
    let answer = bed.provision(&call, &[]);
    failed(
        &answer,
        "duplicate-address",
        "verify",
        "192.168.30.2 is answered for by ",
    );
    same("two hosts");
    bed.bash(
        "kill $(cat /mnt/dup); ip link delete v-dup 2>/dev/null || true; ip neigh delete 192.168.30.2 dev br0 2>/dev/null || true; ip neigh flush dev br0",
    );

    let record = bed.provision(&call, &[]).good().clone();
    assert_eq!(
        (&record["ready"], &record["made"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
    same("in the end");
}

/// A host that has the address and answers later than it is waited for is heard while the guest is made.
#[test]
fn one_that_answers_late() {
    let Some(bed) = Bed::new("one_that_answers_late") else {
        return;
    };
    let responder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/responder.py");
    bed.bash(&format!(
        "ip link add v-late type veth peer name late0; ip link set v-late master br0 up; unshare --net sleep 1000 >/dev/null 2>&1 </dev/null & pid=$!; sleep 0.3; ip link set late0 netns $pid; nsenter --net --target $pid ip link set late0 address 02:00:00:00:00:66 up; nsenter --net --target $pid python3 {responder} arp late0 192.168.30.2 0.9 >/dev/null 2>&1 </dev/null & echo $! $pid >/mnt/late; sleep 0.5"
    ));
    let answer = bed.provision(&PAPERLESS, &[]);
    failed(&answer, "duplicate-address", "verify", "02:00:00:00:00:66");
    assert_eq!(answer.records[0]["wire"], "silent");
    bed.bash("kill $(cat /mnt/late); ip link delete v-late 2>/dev/null || true");
    bed.provision(&PAPERLESS, &[]).good();
    assert_eq!(bed.bash("pgrep -c arping || true"), "0");
}

/// It is made, and does not start: that is tried again.
#[test]
fn a_start_that_fails() {
    let change = json!({"faults": [{"fault": "start-fails", "vmid": 30002, "times": 1}]});
    let Some(bed) = Bed::of("a_start_that_fails", change) else {
        return;
    };
    failed(&bed.provision(&PAPERLESS, &[]), "start-failed", "start", "");
    assert_eq!((bed.guests().len(), bed.addresses().len()), (2, 1));
    bed.provision(&PAPERLESS, &[]).good();
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
}

/// What no token may set: root makes it, and --made goes on.
#[test]
fn what_root_makes() {
    let Some(bed) = Bed::new("what_root_makes") else {
        return;
    };
    bed.site(json!({"roles": {"docker": {}}}));
    let call = ["--apply", "paperless", "--vlan", "30", "--role", "docker"];
    let answer = bed.provision(&call, &[]);
    let record = failed(&answer, "root-only", "plan", "");
    assert_eq!(
        (&record["made"], &record["commands"][1]),
        (&json!(false), &json!("pct start 30002")),
        "{record}"
    );
    assert!(
        record["commands"][0]
            .as_str()
            .unwrap()
            .starts_with("pct create 30002 local:vztmpl/"),
        "{record}"
    );
    let go_on = record["go_on"].as_str().unwrap();
    assert!(go_on.contains("--apply --made paperless"), "{go_on}");
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );
    // As root would: the simulation's own token may do it.
    let params = json!({"vmid": 30002, "ostemplate": "local:vztmpl/debian-13.tar.zst", "rootfs": "thin:8", "hostname": "paperless", "memory": 512, "unprivileged": 1, "start": 1,
        "net0": "name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.2/24"});
    bed.post("/nodes/b/lxc", &params);
    bed.until("running", |truth| {
        truth["guests"]["30002"]["status"] == "running"
    });
    bed.bash("until timeout 1 bash -c '</dev/tcp/192.168.30.2/22' 2>/dev/null; do sleep 0.1; done");

    // Without --made it is left alone.
    let answer = bed.provision(&call, &[]);
    let record = answer.good();
    assert_eq!(
        (&record["exists"], &record["ready"], &record["changed"]),
        (&json!(true), &json!(false), &json!(false)),
        "{record}"
    );
    assert_eq!(
        bed.inside("paperless", "dpkg -l lab-tool 2>/dev/null | grep -c ^ii"),
        "0"
    );
    let made = [&call[..], &["--made"]].concat();
    failed(
        &bed.provision(&made, &[]),
        "host-key",
        "configure",
        "--accept-new paperless",
    );
    let accept = [&made[..], &["--accept-new", "paperless"]].concat();
    let record = bed.provision(&accept, &[]).good().clone();
    assert_eq!(
        (&record["ready"], &record["configured"]["packages"]),
        (&json!(true), &json!(["lab-tool"])),
        "{record}"
    );
    // It is provision's from now on.
    assert_eq!(bed.provision(&call, &[]).good()["ready"], true);
    assert_eq!(bed.guests().len(), 2);
}

/// Values that would be commands or options, wherever they stand.
#[test]
fn values_stay_values() {
    let Some(bed) = Bed::new("values_stay_values") else {
        return;
    };
    let bad = "x'; touch /tmp/pwned; $(touch /tmp/pwned) `touch /tmp/pwned` \" \u{1b}[31m";
    let request = json!({"name": "web", "vlan": 30, "note": bad, "params": {"hookscript": "local:snippets/x"}, "go_on": bad, "commands": [bad], "steps_ms": bad, "ready": true, "made": true, "exists": true,
        "verified": true, "dns_name": bad, "journal": bad});
    bed.site(json!({"ssh_keys_file": format!("/nowhere/{bad}").replace('\u{1b}', "")}));
    let answer = bed.provision(&["--apply", "--wait", "2"], &[request]);
    let record = &answer.records[0];
    assert_eq!(
        (&record["vmid"], &record["note"]),
        (&json!(30002), &json!(bad)),
        "{answer:?}"
    );
    assert!(!answer.said.contains('\u{1b}'), "{answer:?}");
    // The call that goes on, as the shell reads it.
    for name in ["-x", "../x", "a b", "$(touch /tmp/pwned)", "x\ny", ""] {
        let answer = bed.provision(&["--apply"], &[json!({"name": name, "vlan": 30})]);
        assert_eq!(
            (answer.code, &answer.records[0]["error"]["code"]),
            (Some(1), &json!("bad-name")),
            "{answer:?}"
        );
    }
    assert_eq!(bed.bash("ls /tmp/pwned 2>/dev/null || true"), "");
}
