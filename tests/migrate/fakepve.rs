//! Stock fakepve, which checks every parameter by the API's schema, takes every request of a run.
//!
//! What it answers is made up in part: it moves no VM, and its state is none that a plan could rest
//! on. So the plan is given, and what matters is that nothing is refused.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{sim, tools::search_path};

/// Runs a script beside fakepve; none if it is not installed, which is told aloud, and is a
/// failure under CI=true.
fn beside_fakepve(script: &str, folder: &Path) -> Option<Output> {
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/fakepve");
    let mut command = Command::new(lab);
    command
        .args(["with", "bash", "-c", script])
        .current_dir(folder)
        .env("PATH", search_path(Path::new(env!("CARGO_MANIFEST_DIR"))))
        .env("PVX_SPEED", "100");
    let output = command.output().unwrap();
    if output.status.code() == Some(4) {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!ci, "{why}");
        // Past the test's capture, so that it can't go unseen.
        let _ = writeln!(
            io::stdout(),
            "NOT RUN: tests/migrate, fakepve: {}",
            why.trim_end()
        );
        return None;
    }
    Some(output)
}

#[test]
fn fakepve_takes_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let step = |vmid: u64, ct: bool, running: bool| {
        let guest = if ct {
            sim::container(vmid, "node2")
        } else {
            sim::machine(vmid, "node2")
        };
        let guest = sim::with(
            guest,
            json!({"status": if running { "running" } else { "stopped" }}),
        );
        sim::with(
            sim::step(&guest, "node5"),
            json!({"cluster": "CLUSTER", "timeout_s": 1}),
        )
    };
    let plan = [
        step(100, true, true),
        sim::with(
            step(101, true, true),
            json!({"targetstorage": {"local-lvm": "local-lvm"}}),
        ),
        sim::with(
            step(102, false, true),
            json!({"targetstorage": {"local-lvm": "local-lvm"}}),
        ),
        step(103, false, false),
    ];
    let text: String = plan.iter().map(|step| format!("{step}\n")).collect();
    fs::write(folder.path().join("plan"), text).unwrap();
    let script = r#"
        pvx-migrate state -v --ca-cert "$PVE_CA" >state 2>said || exit 9
        sed -i "s/CLUSTER/$(jq -r .cluster.name state)/" plan
        pvx-migrate run -v --ca-cert "$PVE_CA" --journal journal <plan >records 2>>said
        echo $? >code"#;
    let Some(output) = beside_fakepve(script, folder.path()) else {
        return;
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let said = read("said");
    assert!(output.status.success(), "{output:?}\n{said}");
    // "pvx-migrate: GET https://127.0.0.1:1234/api2/json/version: 200 (63 bytes), 2 ms"
    let requests: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("/api2/json/"))
        .collect();
    let refused: Vec<_> = requests
        .iter()
        .filter(|line| !line.contains(": 200 ("))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let kinds: BTreeSet<String> = requests.iter().map(|line| kind(line)).collect();
    for kind in [
        "POST /lxc/migrate",
        "POST /qemu/migrate",
        "GET /lxc/migrate",
        "GET /qemu/migrate",
        "GET /tasks",
        "GET /tasks/status",
        "GET /tasks/log",
        "GET /lxc/config",
        "GET /cluster/resources",
    ] {
        assert!(
            kinds.contains(kind),
            "{kind} was never asked for: {kinds:#?}"
        );
    }
    // It does move containers.
    let records = read("records");
    let records: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for vmid in [100, 101] {
        let record = records
            .iter()
            .find(|record| record["vmid"] == vmid)
            .unwrap();
        assert_eq!(record["phase"], "verified", "{record}");
    }
}

/// `GET /lxc/migrate` of a line: without the node, the IDs and the query.
fn kind(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let path = words[2]
        .split_once("/api2/json")
        .map_or("", |(_, path)| path);
    let path = path
        .trim_end_matches(':')
        .split('?')
        .next()
        .unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let parts = match parts[..] {
        ["", "nodes", _, "tasks", _, what] => vec!["", "tasks", what],
        ["", "nodes", _, kind, _, what] => vec!["", kind, what],
        ["", "nodes", _, what] => vec!["", what],
        _ => parts,
    };
    format!("{} {}", words[1], parts.join("/"))
}

/// What `provision` prints of a container and of a VM is taken as it is, and so it is by the simulated cluster.
#[test]
fn what_provision_asks_for_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        scripts=$1
        echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJq5Qy1xWv0b6nO0Z6l0Vn1bq7o2m8b9w3n7yqkzq2T me@x' >keys
        jq --arg keys "$PWD/keys" '.ssh_keys_file = $keys' "$scripts/site.json" >site.json
        provision -n --site site.json --ipam "$scripts/ipam" paperless --vlan 30 >lxc 2>>said || exit 9
        provision -n --site site.json --ipam "$scripts/ipam" big --vlan 40 --compose --custom-kernel >qemu 2>>said || exit 9
        ask() { curl -sS --cacert "$PVE_CA" -H "Authorization: PVEAPIToken=$PROXMOX_VE_API_TOKEN" "$@"; }
        for kind in lxc qemu; do
            url=${PROXMOX_VE_ENDPOINT%/}/api2/json/nodes/node2/$kind
            jq -r '.params | to_entries | map("\(.key)=\(.value | tostring | @uri)") | join("&")' $kind >form
            ask -w '\n%{http_code}\n' -d @form "$url" >>answers
            vmid=$(jq .params.vmid $kind)
            for ((try = 0; try < 200; try++)); do
                ask "$url/$vmid/config" >config.$kind
                ! jq -e '.data | .digest and (.lock | not)' config.$kind >/dev/null || break
                sleep 0.1
            done
        done"#;
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");
    let script = format!("set -- {scripts}\nPATH={scripts}:$PATH\n{script}");
    let Some(output) = beside_fakepve(&script, folder.path()) else {
        return;
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert!(output.status.success(), "{output:?}\n{}", read("said"));
    let answers = read("answers");
    let codes: Vec<&str> = answers.lines().filter(|line| line.len() == 3).collect();
    assert_eq!(codes, ["200", "200"], "{answers}");
    let params = |kind: &str| {
        let record: Value = serde_json::from_str(&read(kind)).unwrap();
        record["params"].clone()
    };
    let config = |kind: &str| {
        serde_json::from_str::<Value>(&read(&format!("config.{kind}"))).unwrap()["data"].take()
    };
    assert_eq!(
        config("lxc")["hostname"],
        "paperless",
        "{}",
        read("config.lxc")
    );
    assert_eq!(config("qemu")["name"], "big", "{}", read("config.qemu"));
    let (ct, vm) = (params("lxc"), params("qemu"));
    assert!(
        ct["ssh-public-keys"].is_string() && vm["sshkeys"].is_string(),
        "{ct}\n{vm}"
    );
    let file = |params: &Value, key: &str| {
        let text = params[key].as_str().unwrap();
        text.rsplit("import-from=")
            .next()
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .to_owned()
    };
    let storage = json!({"type": "lvmthin", "content": "images,rootdir"});
    let mut cluster = sim::cluster(&[]);
    cluster["storages"] = json!({"ssd-data": storage, "local": {"type": "dir", "path": "/var/lib/vz", "content": "vztmpl,import"}});
    cluster["files"] =
        json!({file(&ct, "ostemplate"): {}, file(&vm, "scsi0"): {"unpacked": 3_u64 << 30}});
    let sim = sim::Sim::start(&cluster);
    for (kind, params) in [("lxc", &ct), ("qemu", &vm)] {
        let path = format!("/api2/json/nodes/b/{kind}");
        let answer = sim.raw("POST", &path, &sim.authorization(), Some(params));
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
    let ended = |truth: &Value| {
        truth["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| !task["end"].is_null())
    };
    let truth = sim.until("made", ended);
    for task in truth["tasks"].as_array().unwrap() {
        assert_eq!(task["exitstatus"], "OK", "{task}");
    }
    let disk = truth["guests"][vm["vmid"].to_string()]["config"]["scsi0"]
        .as_str()
        .unwrap();
    assert!(disk.ends_with(",discard=on,iothread=1,size=3G"), "{disk}");
}
