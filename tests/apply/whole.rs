//! From a request to a guest that works, and away again.

use std::process::Stdio;

use serde_json::json;

use crate::{
    bed::{Answer, Bed, lines},
    failures::failed,
    namespaces::not_run,
};

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
    let plan = Answer::of(&plan.unwrap());
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

/// A call that makes `paperless`, 30002.
pub const PAPERLESS: [&str; 6] = ["--apply", "paperless", "--vlan", "30", "--role", "app"];

#[test]
fn at_one_call() {
    let Some(bed) = Bed::new("at_one_call") else {
        return;
    };
    // A look changes nothing.
    let look = bed.provision(&[&["-n"], &PAPERLESS[..]].concat(), &[]);
    let record = look.good();
    assert_eq!(
        (&record["would"], &record["changed"], &record["dry_run"]),
        (&json!("create"), &json!(true), &json!(true)),
        "{record}"
    );
    assert!(look.said.contains("30002  paperless  lxc"), "{}", look.said);
    assert_eq!((bed.guests().len(), bed.addresses()), (1, vec![]));
    assert_eq!(bed.bash("ls -A $HOME/.local 2>/dev/null || true"), "");

    let answer = bed.provision(&PAPERLESS, &[]);
    let record = answer.good();
    assert_eq!(
        (
            &record["made"],
            &record["ready"],
            &record["changed"],
            &record["verified"]["hostname"]
        ),
        (
            &json!(true),
            &json!(true),
            &json!(true),
            &json!("paperless")
        ),
        "{record}"
    );
    assert_eq!(
        record["verified"]["macs"].as_array().map(Vec::len),
        Some(1),
        "{record}"
    );
    for part in [
        "check",
        "candidate",
        "wire",
        "allocate",
        "decide",
        "state",
        "plan",
        "create",
        "start",
        "configure",
        "verify",
        "total",
        "client",
    ] {
        assert!(record["steps_ms"][part].is_u64(), "{part}: {record}");
    }
    assert_eq!(
        bed.ssh("192.168.30.2", "hostname; dpkg -l lab-tool | grep -c ^ii"),
        "paperless\n1"
    );
    assert_eq!(
        bed.guests(),
        [(30002, "paperless".into()), (30200, "old".into())]
    );
    let truth = bed.truth();
    let config = &truth["guests"]["30002"]["config"];
    assert_eq!(config["tags"], "app", "{config}");
    // It is in use, and no run's any more.
    assert!(
        !config["description"]
            .as_str()
            .unwrap_or_default()
            .contains("pvx run"),
        "{config}"
    );

    let requests = truth["tasks"].as_array().unwrap().len();
    let again = bed.provision(&PAPERLESS, &[]);
    let record = again.good();
    assert_eq!(
        (&record["changed"], &record["ready"], &record["configured"]),
        (&json!(false), &json!(true), &json!({})),
        "{record}"
    );
    let truth = bed.truth();
    assert_eq!(truth["tasks"].as_array().unwrap().len(), requests);
    assert_eq!(truth["guests"]["30002"]["config"], *config);
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())]
    );
}

/// Taken away again, and made once more: by the same journal, with a new key.
#[test]
fn there_and_back_again() {
    let Some(bed) = Bed::new("there_and_back_again") else {
        return;
    };
    bed.provision(&PAPERLESS, &[]).good();
    let known = bed.known_hosts();
    let ipam = bed.word("ipam");
    let away = [
        "--apply",
        "--ipam",
        &ipam,
        "--stop",
        "--no-backup-needed",
        "--now",
        "paperless",
    ];
    bed.run("deprovision", &away, &[]).good();
    assert_eq!((bed.guests().len(), bed.addresses()), (1, vec![]));
    let record = bed.provision(&PAPERLESS, &[]).good().clone();
    assert_eq!(
        (&record["ready"], &record["changed"]),
        (&json!(true), &json!(true)),
        "{record}"
    );
    assert_ne!(bed.known_hosts(), known);
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless");
}

/// Records on standard input, side by side; each has its own end, in their order.
#[test]
fn several_at_once() {
    let Some(bed) = Bed::new("several_at_once") else {
        return;
    };
    let ask = |name: &str| json!({"name": name, "vlan": 30, "x": name});
    let requests = [
        ask("one"),
        json!({"name": "bad name", "vlan": 30}),
        ask("two"),
        ask("three"),
    ];
    let answer = bed.provision(&["--apply", "--parallel", "3"], &requests);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let ready: Vec<_> = answer
        .records
        .iter()
        .map(|record| (&record["name"], &record["ready"], &record["x"]))
        .collect();
    let (yes, none) = (json!(true), json!(null));
    assert_eq!(
        ready,
        [
            (&json!("one"), &yes, &json!("one")),
            (&json!("bad name"), &none, &none),
            (&json!("two"), &yes, &json!("two")),
            (&json!("three"), &yes, &json!("three"))
        ],
        "{answer:?}"
    );
    assert_eq!(bed.guests().len(), 4);
    for (address, name) in bed.addresses() {
        assert_eq!(bed.ssh(address.trim_end_matches("/24"), "hostname"), name);
    }
}

/// Two runs of one name: one of them makes it. Of two names: both are made.
#[test]
fn two_runs_at_once() {
    let Some(bed) = Bed::new("two_runs_at_once") else {
        return;
    };
    let ipam = bed.word("ipam");
    let begin = |name: &str| {
        let words = [
            "--ipam",
            &ipam,
            "--identity",
            "/mnt/lab/id",
            "--apply",
            name,
            "--vlan",
            "30",
        ];
        let mut command = bed.given("provision", &words, &[]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs = [begin("same"), begin("same"), begin("other")]
        .map(|run| Answer::of(&run.wait_with_output().unwrap()));
    let busy: Vec<_> = runs[..2].iter().filter(|run| run.code == Some(1)).collect();
    assert_eq!(busy.len(), 1, "{runs:?}");
    assert_eq!(
        (
            &busy[0].records[0]["error"]["code"],
            &busy[0].records[0]["changed"]
        ),
        (&json!("busy"), &json!(false))
    );
    runs[2].good();
    let mut names: Vec<_> = bed.guests().into_iter().map(|(_, name)| name).collect();
    names.sort();
    assert_eq!(names, ["old", "other", "same"]);
    assert_eq!(bed.addresses().len(), 2);
}
/// The name is asked of a real dnsmasq in the end. A server that is away is told, and the same call goes on.
#[test]
fn by_its_name() {
    let Some(bed) = Bed::new("by_its_name") else {
        return;
    };
    if bed.bash("command -v dnsmasq || true").is_empty() {
        not_run("apply", "by_its_name", "not installed: dnsmasq");
        return;
    }
    bed.bash("guest up ns-1 192.168.30.53; guest-dns ns-1; guest exec ns-1 dns start");
    let server = json!({"name": "ns-1", "address": "192.168.30.53", "format": "dnsmasq", "file": "/etc/dnsmasq.d/names.conf", "reload": "dns restart"});
    bed.site(json!({"dns": {"servers": [server]}}));
    // Nobody has said yet that this is the server: the guest works, and its name isn't there.
    let answer = bed.provision(&PAPERLESS, &[]);
    let record = failed(&answer, "publish", "publish", "ns-1");
    assert_eq!(
        (&record["made"], &record["ready"]),
        (&json!(true), &json!(false)),
        "{record}"
    );
    let ipam = bed.word("ipam");
    bed.run(
        "publish-names",
        &[
            "--apply",
            "--ipam",
            &ipam,
            "--identity",
            "/mnt/lab/id",
            "--accept-new",
            "ns-1",
        ],
        &[],
    )
    .good();
    let first = bed.provision(&PAPERLESS, &[]).good()["published"].clone();
    let again = bed.provision(&PAPERLESS, &[]).good()["published"].clone();
    assert_eq!((first, again), (json!(["ns-1"]), json!(null)));
    let record = bed
        .provision(&["--apply", "wiki", "--vlan", "30"], &[])
        .good()
        .clone();
    assert_eq!(
        (&record["published"], &record["ready"]),
        (&json!(["ns-1"]), &json!(true)),
        "{record}"
    );
    let asked = bed.run(
        "hacheck",
        &["ask", "192.168.30.53", "wiki.lab.example"],
        &[],
    );
    assert!(
        format!("{:?}", asked.records).contains("192.168.30."),
        "{asked:?}"
    );
}
