//! Known before the first move: what is read of the cluster, planned and run, from one end to
//! the other. What the plan lets through arrives; what it blocks is not touched.

use std::{io::Write as _, process::Output};

use serde_json::{Value, json};

use crate::sim::{Sim, cluster, container, machine, with};

/// Output of `pvx-migrate` with these words and this input, on the cluster.
fn answer(sim: &Sim, words: &[&str], input: &[u8]) -> Output {
    let mut child = sim.command(words).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// The lines of the plan that drains `a`.
fn plan(sim: &Sim) -> Vec<Value> {
    let state = answer(sim, &["state", "--node", "a"], b"");
    let words = ["plan", "drain", "a", "--allow-shutdown"];
    let plan = answer(sim, &words, &state.stdout);
    let text = String::from_utf8(plan.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn what_is_planned_arrives() {
    let on_nas = |guest: Value, more: Value| {
        let vmid = guest["vmid"].clone();
        let key = if guest["type"] == "lxc" {
            "rootfs"
        } else {
            "scsi0"
        };
        let disk = format!("nas:{vmid}/vm-{vmid}-disk-0.raw,size=2G");
        with(with(guest, json!({"config": {key: disk}})), more)
    };
    let hook = |vmid: u64, name: &str| {
        let script = format!("local:snippets/{name}.pl");
        with(
            container(vmid, "a"),
            json!({"config": {"hookscript": script}}),
        )
    };
    let mount_point = json!({"s": {"mp0": "tank:subvol-103-disk-1,mp=/a,size=1G"}});
    let image = json!({"s": {"ide2": "local:iso/x.iso,media=cdrom"}});
    let guests = [
        hook(100, "known"),
        hook(101, "unknown"),
        on_nas(machine(102, "a"), json!({"snapshots": image})),
        on_nas(container(103, "a"), json!({"snapshots": mount_point})),
        on_nas(
            machine(104, "a"),
            json!({"config": {"virtiofs0": "dirid=media"}}),
        ),
        with(
            container(105, "a"),
            json!({"config": {"net0": "name=eth0,bridge=vmbr0,ip=192.0.2.9/24"}}),
        ),
    ];
    let everything = [
        "VM.Audit",
        "VM.Migrate",
        "VM.PowerMgmt",
        "Sys.Audit",
        "SDN.Audit",
        "Datastore.Audit",
        "Datastore.Allocate",
    ];
    let scenario = with(
        cluster(&guests),
        json!({
            "nodes": {"b": {"files": ["local:snippets/known.pl"]}},
            "storages": {
                "local": {"type": "dir", "content": "iso,snippets", "path": "/var/lib/vz"},
                "tank": {"type": "zfspool", "content": "images,rootdir", "pool": "tank", "nodes": "a,c"},
            },
            "rights": {"pvx@pve!drain": {"/": everything}},
        }),
    );
    let sim = Sim::start(&scenario);
    let plan = plan(&sim);
    let of = |vmid: u64| plan.iter().find(|step| step["vmid"] == vmid).unwrap();
    let blocked = |vmid: u64| of(vmid)["blockers"][0]["code"].as_str();
    assert_eq!(
        (&of(100)["action"], &of(100)["to"]),
        (&json!("restart"), &json!("b"))
    );
    assert_eq!(
        (blocked(101), blocked(102)),
        (Some("local-file"), Some("local-image"))
    );
    assert_eq!(
        (&of(103)["action"], &of(103)["to"]),
        (&json!("restart"), &json!("c"))
    );
    assert_eq!(of(104)["action"], "shutdown");
    // The server of the storage goes last, alone.
    let last = plan.iter().rfind(|step| !step["to"].is_null()).unwrap();
    assert_eq!(
        (&last["vmid"], &last["after"]),
        (&json!(105), &json!([100, 103, 104]))
    );

    let ran = sim.begin(&plan, &["--partial"]).wait_with_output().unwrap();
    assert_eq!(
        ran.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let truth = sim.truth();
    for vmid in 100..=105 {
        let guest = &truth["guests"][vmid.to_string()];
        let to = of(vmid)["to"].as_str().unwrap_or("a");
        assert_eq!(
            (&guest["node"], &guest["status"]),
            (&json!(to), &json!("running")),
            "{vmid}: {guest}"
        );
    }
}
