//! `pvx-migrate run` makes and removes guests on the simulated cluster: whole, killed at each line of
//! its journal, with each kind of fault, and two runs at once.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{
    kills::{FAST, kill_at},
    sim::{Ran, Sim, cluster, container, four_at_once, now, with},
};

/// Three nodes with templates and images.
pub fn scenario(guests: &[Value], more: Value) -> Value {
    let local = json!({"storages": {"local": {"type": "dir", "content": "iso,vztmpl,import,snippets"}},
        "files": {"local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst": {"seconds": 20, "debian": 13},
            "local:import/debian-13.qcow2": {"seconds": 20, "unpacked": 3_221_225_472_u64}}});
    with(with(cluster(guests), local), more)
}

fn create_ct() -> Value {
    json!({"vmid": 30050, "type": "lxc", "name": "paperless", "node": "b", "action": "create", "reason": "test",
        "params": {"ostemplate": "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst", "hostname": "paperless", "cores": 1,
            "memory": 1024, "swap": 512, "rootfs": "thin:8", "unprivileged": 1, "features": "nesting=1", "onboot": 1,
            "net0": "name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.50/24,gw=192.168.30.1,type=veth", "tags": "app;docs",
            "description": "papers"},
        "start": true, "blockers": [], "warnings": [], "cluster": "lab", "state_at": now()})
}

pub fn create_vm() -> Value {
    json!({"vmid": 30051, "type": "qemu", "name": "runner", "node": "b", "action": "create", "reason": "test",
        "params": {"name": "runner", "ostype": "l26", "cores": 2, "memory": 2048, "scsihw": "virtio-scsi-single",
            "scsi0": "thin:0,import-from=local:import/debian-13.qcow2,discard=on", "ide2": "thin:cloudinit", "boot": "order=scsi0",
            "net0": "virtio,bridge=vmbr0", "ipconfig0": "ip=192.168.30.51/24,gw=192.168.30.1", "ciuser": "debian"},
        "resize": {"scsi0": "32G"}, "start": true, "blockers": [], "warnings": [], "cluster": "lab", "state_at": now()})
}

/// The step that removes a guest, by the digest that it has now.
fn destroy(sim: &Sim, vmid: u64, node: &str, name: &str) -> Value {
    let path = format!("/api2/json/nodes/{node}/lxc/{vmid}/config");
    let config = sim.raw("GET", &path, &sim.authorization(), None).json();
    json!({"vmid": vmid, "type": "lxc", "name": name, "node": node, "action": "destroy", "reason": "test", "stop": true,
        "timeout_s": 60, "purge": null, "digest": config["data"]["digest"], "snapshot": null, "blockers": [], "warnings": [],
        "cluster": "lab", "state_at": now()})
}

fn code(record: &Value) -> &str {
    record["error"]["code"].as_str().unwrap_or("")
}

/// Tasks of a type about a guest that ended well.
fn tasks(truth: &Value, kind: &str, vmid: u64) -> usize {
    let tasks = truth["tasks"].as_array().unwrap().iter();
    let ended = tasks.filter(|task| task["type"] == kind && task["vmid"] == vmid);
    let well = |exit: &str| exit == "OK" || exit.starts_with("WARNINGS");
    ended
        .filter(|task| task["exitstatus"].as_str().is_some_and(well))
        .count()
}

/// Requests of a method.
fn requests(truth: &Value, method: &str) -> usize {
    let requests = truth["requests"].as_array().unwrap().iter();
    requests
        .filter(|request| request["method"] == method)
        .count()
}

#[test]
fn made_used_and_removed() {
    let sim = Sim::start(&scenario(&[container(100, "a")], json!({})));
    let plan = [create_ct(), create_vm()];
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ct = ran.record(30050);
    assert_eq!(
        (&ct["phase"], &ct["changed"]),
        (&"verified".into(), &true.into()),
        "{ct}"
    );
    let keys = ct["host_keys"].as_array().unwrap();
    let types: Vec<&str> = keys
        .iter()
        .map(|key| key["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["ecdsa", "ed25519", "rsa"]);
    let vm = ran.record(30051);
    assert_eq!(vm["host_keys"], json!([]));
    for part in ["create", "resize", "start"] {
        assert!(vm["took_ms"][part].is_u64(), "{part}: {vm}");
    }
    let truth = sim.truth();
    for vmid in ["30050", "30051"] {
        assert_eq!(truth["guests"][vmid]["status"], "running", "{vmid}");
    }
    let disk = truth["guests"]["30051"]["config"]["scsi0"]
        .as_str()
        .unwrap();
    assert!(disk.contains("size=32G"), "{disk}");
    let description = |truth: &Value| {
        truth["guests"]["30050"]["config"]["description"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(description(&truth).starts_with("papers\npvx run "));

    // The same again, and from another journal, changes nothing.
    let again = sim.run(&plan);
    assert_eq!(again.code, 0, "{again:#?}");
    assert_eq!(again.record(30050)["host_keys"], ct["host_keys"]);
    let other = with_journal(&sim, &plan, "other.jsonl");
    assert_eq!(other.code, 0, "{other:#?}");
    for vmid in [30050, 30051] {
        let record = other.record(vmid);
        assert_eq!(
            (&record["exists"], &record["changed"]),
            (&true.into(), &false.into()),
            "{record}"
        );
        assert_eq!(record["differs"], json!([]), "{record}");
    }
    assert_eq!(tasks(&sim.truth(), "vzcreate", 30050), 1);

    let journal = sim.journal();
    let words = [
        "run",
        "--journal",
        journal.to_str().unwrap(),
        "--ready",
        "30050",
    ];
    for changed in [true, false] {
        let ready = Ran::of(sim.command(&words).output().unwrap());
        assert_eq!(ready.code, 0, "{ready:#?}");
        assert_eq!(ready.record(30050)["changed"], changed);
        assert_eq!(description(&sim.truth()).trim(), "papers");
    }

    // A removal of one guest leaves the others as they are.
    let ran = sim.run(&[destroy(&sim, 30050, "b", "paperless")]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let truth = sim.truth();
    let left: Vec<&String> = truth["guests"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["100", "30051"]);
    assert_eq!(truth["guests"]["100"]["status"], "running");
}

fn with_journal(sim: &Sim, plan: &[Value], name: &str) -> Ran {
    let path = sim.folder.path().join(name);
    let text: String = plan.iter().map(|line| format!("{line}\n")).collect();
    let input = sim.folder.path().join(format!("{name}.plan"));
    fs::write(&input, text).unwrap();
    let mut command = sim.command(&["run", "--journal", path.to_str().unwrap()]);
    Ran::of(
        command
            .stdin(fs::File::open(input).unwrap())
            .output()
            .unwrap(),
    )
}

/// What goes wrong, and the codes that a run may end with for it.
struct Kill {
    name: &'static str,
    fault: Value,
    line: usize,
    codes: &'static [&'static str],
}

fn kinds(kinds: &[(&'static str, Value, &'static [&'static str])], lines: usize) -> Vec<Kill> {
    let at_lines = kinds.iter().flat_map(|(name, fault, codes)| {
        (1..=lines).map(|line| Kill {
            name,
            fault: fault.clone(),
            line,
            codes,
        })
    });
    at_lines.collect()
}

fn reply(pattern: &str, acts: bool) -> Value {
    json!([{"fault": "reply", "match": pattern, "acts": acts}])
}

#[test]
fn a_creation_killed_at_every_line_of_the_journal() {
    const POST: &str = "POST */lxc";
    let gateway =
        json!([{"fault": "reply", "match": POST, "acts": true, "status": 504, "form": "html"}]);
    #[rustfmt::skip]
    let all = kinds(&[
        ("nothing goes wrong",        json!([]),                                       &[""]),
        ("the answer is lost",        reply(POST, true),                               &[""]),
        ("the request is lost",       reply(POST, false),                              &[""]),
        ("a gateway answers 504",     gateway,                                         &[""]),
        ("its worker isn't heard of", json!([{"fault": "no-worker", "match": POST}]),  &["stale-lock"]),
        ("its worker dies",           json!([{"fault": "worker-dies", "vmid": 30050, "when": {"task": "vzcreate", "phase": "unpack"}}]), &["stale-lock"]),
        ("it fails",                  json!([{"fault": "create-fails", "vmid": 30050, "times": 9}]), &["not-made"]),
        ("it does not start",         json!([{"fault": "start-fails", "vmid": 30050, "times": 9}]), &["start-failed"]),
        ("the start's answer is lost", reply("POST */30050/status/start", true),       &[""]),
    ], 4);
    let cut = AtomicUsize::new(0);
    four_at_once(
        &all,
        |kill| format!("{}, line {}", kill.name, kill.line),
        |kill| {
            let sim = Sim::at_speed(
                &scenario(&[container(100, "b")], json!({"faults": kill.fault})),
                FAST,
            );
            let plan = [create_ct()];
            let was_cut = kill_at(&sim, sim.begin(&plan, &[]), kill.line);
            cut.fetch_add(usize::from(was_cut), Ordering::Relaxed);
            let ran = sim.run(&plan);
            let said = format!("{}, line {}: {ran:#?}", kill.name, kill.line);
            let record = ran.record(30050);
            // A fault is used up; a run that was killed at it goes on without.
            assert!(
                kill.codes.contains(&code(record)) || was_cut && code(record).is_empty(),
                "{said}"
            );
            let truth = sim.truth();
            assert!(tasks(&truth, "vzcreate", 30050) <= 1, "{said}");
            assert_eq!(requests(&truth, "DELETE"), 0, "{said}");
            if code(record).is_empty() {
                assert_eq!(truth["guests"]["30050"]["status"], "running", "{said}");
                assert_eq!(record["host_keys"].as_array().unwrap().len(), 3, "{said}");
            }
            assert_eq!(truth["guests"]["100"]["status"], "running", "{said}");
        },
    );
    // How many is the scheduler's doing; that none was would be the test's fault.
    assert!(cut.into_inner() > 0, "none was cut off");
}

#[test]
fn a_removal_killed_at_every_line_of_the_journal() {
    const DELETE: &str = "DELETE */lxc/100";
    #[rustfmt::skip]
    let all = kinds(&[
        ("nothing goes wrong",           json!([]),                                      &[""]),
        ("the answer is lost",           reply(DELETE, true),                            &[""]),
        ("the request is lost",          reply(DELETE, false),                           &[""]),
        ("the shutdown's answer is lost", reply("POST */100/status/shutdown", true),     &[""]),
        ("the mark's answer is lost",    reply("PUT */100/config", true),                &[""]),
        ("the mark is lost",             reply("PUT */100/config", false),               &[""]),
        ("its worker isn't heard of",    json!([{"fault": "no-worker", "match": DELETE}]), &["", "not-destroyed"]),
    ], 5);
    let cut = AtomicUsize::new(0);
    four_at_once(
        &all,
        |kill| format!("{}, line {}", kill.name, kill.line),
        |kill| {
            let guests = [container(100, "a"), container(101, "a")];
            let sim = Sim::at_speed(&scenario(&guests, json!({"faults": kill.fault})), FAST);
            let plan = [destroy(&sim, 100, "a", "ct100")];
            let was_cut = kill_at(&sim, sim.begin(&plan, &[]), kill.line);
            cut.fetch_add(usize::from(was_cut), Ordering::Relaxed);
            let ran = sim.run(&plan);
            let said = format!("{}, line {}: {ran:#?}", kill.name, kill.line);
            let code = code(ran.record(100));
            assert!(
                kill.codes.contains(&code) || was_cut && code.is_empty(),
                "{said}"
            );
            let truth = sim.truth();
            assert_eq!(truth["guests"]["100"].is_null(), code.is_empty(), "{said}");
            assert_eq!(truth["guests"]["101"]["status"], "running", "{said}");
            assert!(requests(&truth, "DELETE") <= 2, "{said}");
        },
    );
    // How many is the scheduler's doing; that none was would be the test's fault.
    assert!(cut.into_inner() > 0, "none was cut off");
}

/// Two runs with journals of their own make one ID at once: one of them makes it, the other finds it.
#[test]
fn two_at_once() {
    for (name, other, codes) in [
        ("the same guest", create_ct(), ["", ""]),
        (
            "another guest",
            with(
                create_ct(),
                json!({"name": "wiki", "params": {"hostname": "wiki"}}),
            ),
            ["", "vmid-taken"],
        ),
    ] {
        let sim = Sim::start(&scenario(&[], json!({})));
        let ran = std::thread::scope(|scope| {
            let first = scope.spawn(|| with_journal(&sim, &[create_ct()], "first.jsonl"));
            let second = scope.spawn(|| with_journal(&sim, &[other], "second.jsonl"));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let mut got: Vec<&str> = ran.iter().map(|ran| code(ran.record(30050))).collect();
        got.sort_unstable();
        assert_eq!(got, codes, "{name}: {ran:#?}");
        let changed = ran
            .iter()
            .filter(|ran| ran.record(30050)["changed"] == true);
        assert_eq!(changed.count(), 1, "{name}: {ran:#?}");
        let truth = sim.truth();
        assert_eq!(tasks(&truth, "vzcreate", 30050), 1, "{name}");
        assert_eq!(requests(&truth, "DELETE"), 0, "{name}");
    }
}

/// What a purge takes along is exactly what was planned, or nothing goes.
#[test]
fn what_names_a_guest_goes_only_as_planned() {
    let jobs = json!([{"id": "alone", "vmid": "100", "storage": "nas", "enabled": 1, "schedule": "02:00"},
        {"id": "both", "vmid": "100,101", "storage": "nas", "enabled": 1, "schedule": "03:00"}]);
    let planned = |alone: &str| {
        let jobs = json!([{"id": "alone", "effect": alone}, {"id": "both", "effect": "trimmed"}]);
        json!({"purge": {"ha": null, "replication": [], "jobs": jobs}})
    };
    for (name, change, want) in [
        ("as planned", planned("deleted"), ""),
        ("another effect", planned("trimmed"), "changed"),
        ("nothing was planned", json!({}), "changed"),
    ] {
        let guests = [container(100, "a"), container(101, "a")];
        let sim = Sim::start(&scenario(&guests, json!({"backup_jobs": jobs})));
        let plan = [with(destroy(&sim, 100, "a", "ct100"), change)];
        let ran = sim.run(&plan);
        assert_eq!(code(ran.record(100)), want, "{name}: {ran:#?}");
        let truth = sim.truth();
        let gone = want.is_empty();
        assert_eq!(truth["guests"]["100"].is_null(), gone, "{name}");
        let left = truth["backup_jobs"].as_array().unwrap().iter();
        let left: Vec<&str> = left.map(|job| job["id"].as_str().unwrap()).collect();
        let both: &[&str] = if gone { &["both"] } else { &["alone", "both"] };
        assert_eq!(left, both, "{name}");
        assert!(
            gone || truth["guests"]["100"]["status"] == "running",
            "{name}"
        );
    }
}

/// With the roles that the README gives to a token that makes and removes: on a pool and on `/`. An ID
/// that is in no pool yet is none that this token may read.
#[test]
fn with_the_rights_of_the_readme() {
    const MAKE: &str = "VM.Allocate VM.Audit VM.PowerMgmt VM.Config.Disk VM.Config.CPU VM.Config.Memory VM.Config.Network VM.Config.Options VM.Config.HWType VM.GuestAgent.FileRead Pool.Audit";
    const MAKE_ON: &str = "Datastore.AllocateSpace Datastore.Audit SDN.Use Sys.Audit";
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../pvx-migrate/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    for role in [MAKE, MAKE_ON] {
        assert!(readme.contains(&format!("-privs \"{role}\"")), "{role}");
    }
    let words = |role: &str| -> Vec<String> { role.split(' ').map(str::to_owned).collect() };
    let rights = json!({"pvx@pve!drain": {"/pool/made": words(MAKE), "/": words(MAKE_ON)}});
    let more = json!({"rights": rights, "pools": {"made": [], "others": [100]}});
    let sim = Sim::start(&scenario(&[container(100, "a")], more));
    let pool = json!({"params": {"pool": "made"}});
    let plan = [
        with(create_ct(), pool.clone()),
        with(create_vm(), pool.clone()),
    ];
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 0, "{ran:#?}");
    // What another pool has is taken, and told without its name.
    let taken = with(with(create_ct(), pool), json!({"vmid": 100}));
    let ran = sim.run(&[taken]);
    assert_eq!(code(ran.record(100)), "vmid-taken", "{ran:#?}");
    let ran = sim.run(&[destroy(&sim, 30050, "b", "paperless")]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let truth = sim.truth();
    let left: Vec<&String> = truth["guests"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["100", "30051"]);
}

/// What `plan return` has to do with a journal that made and removed guests: nothing.
#[test]
fn a_return_leaves_made_guests_alone() {
    let sim = Sim::start(&scenario(&[container(100, "a")], json!({})));
    let ran = sim.run(&[create_ct()]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let state: PathBuf = sim.folder.path().join("state.json");
    let read = sim.command(&["state"]).output().unwrap();
    fs::write(&state, read.stdout).unwrap();
    let journal = sim.journal();
    let mut command = sim.command(&["plan", "return", "--journal", journal.to_str().unwrap()]);
    let output = command
        .stdin(fs::File::open(&state).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(output.stdout, b"", "{said}");
}
