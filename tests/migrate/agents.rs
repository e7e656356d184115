//! Guest agents of VMs: what the API says of them, and the host keys that a run learns by them.

use serde_json::{Value, json};

use crate::{
    guests::{create_vm, scenario},
    sim::{Sim, machine, with},
};

const FILE: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
/// Of `ssh-keygen`, with what `ssh-keygen -l` says of it.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGIGQ10lxP/KNS8KH6/2138zaVFchCkBq0loMMHyQ4L root@g";
const PRINT: &str = "SHA256:S69QrzGADbXK8GcnHW1hfVcLKIuQFLqpJXFy1e3BKEY";

/// VM 102 runs, 103 has no agent in its configuration, the one of 104 is down, 105 is off.
fn machines() -> Vec<Value> {
    let agent = |vmid: u64| {
        with(
            machine(vmid, "a"),
            json!({"config": {"agent": "enabled=1"}}),
        )
    };
    vec![
        agent(102),
        machine(103, "a"),
        agent(104),
        with(agent(105), json!({"status": "stopped"})),
    ]
}

fn agents() -> Value {
    let agent = json!({"files": {FILE: KEY}});
    json!({"agents": {"102": agent, "103": agent, "105": agent}})
}

/// In the words of API2/Qemu/Agent.pm and QemuServer/Agent.pm.
#[test]
fn what_the_api_says_of_an_agent() {
    let missing = "/etc/ssh/ssh_host_rsa_key.pub";
    let absent = format!(
        "Agent error: failed to open file '{missing}' (mode: 'r'): No such file or directory"
    );
    #[rustfmt::skip]
    let rows = [
        // name, PVE, rights of the token, VM, file, status, data or message
        ("a file",             9, "VM.GuestAgent.FileRead",     102, FILE,    200, KEY),
        ("with the right to all", 9, "VM.GuestAgent.Unrestricted", 102, FILE, 200, KEY),
        ("PVE 8",              8, "VM.Monitor",                 102, FILE,    200, KEY),
        ("no such file",       9, "VM.GuestAgent.FileRead",     102, missing, 500, &*absent),
        ("not configured",     9, "VM.GuestAgent.FileRead",     103, FILE,    500, "No QEMU guest agent configured"),
        ("not running",        9, "VM.GuestAgent.FileRead",     104, FILE,    500, "QEMU guest agent is not running"),
        ("the VM is off",      9, "VM.GuestAgent.FileRead",     105, FILE,    500, "VM 105 is not running"),
        ("no right",           9, "VM.Audit",                   102, FILE,    403, "Permission check failed (/vms/102, VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted)"),
        ("PVE 8, no right",    8, "VM.Audit",                   102, FILE,    403, "Permission check failed (/vms/102, VM.Monitor)"),
    ];
    for (name, api, right, vmid, file, status, want) in rows {
        let rights = json!({"api": api, "rights": {"pvx@pve!drain": {"/": [right]}}});
        let sim = Sim::start(&scenario(&machines(), with(agents(), rights)));
        let path = format!("/api2/json/nodes/a/qemu/{vmid}/agent/file-read?file={file}");
        let answer = sim.raw("GET", &path, &sim.authorization(), None);
        let said = if answer.status() == 200 {
            answer.json()["data"]["content"].clone()
        } else {
            answer.json()["message"].clone()
        };
        assert_eq!(answer.status(), status, "{name}: {said}");
        assert_eq!(said.as_str().map(str::trim_end), Some(want), "{name}");
    }
}

/// A VM is made, its agent comes up 20 s after its start, and its record has its host keys; without
/// the right to it, or without an agent, the record says why it has none.
#[test]
fn host_keys_of_a_vm_that_is_made() {
    let plan = with(create_vm(), json!({"params": {"agent": "enabled=1"}}));
    let up =
        |after_s: u64| json!({"agents": {"30051": {"after_s": after_s, "files": {FILE: KEY}}}});
    let make = "VM.Allocate VM.Audit VM.PowerMgmt VM.Config.Disk VM.Config.CPU VM.Config.Memory VM.Config.Network VM.Config.Options VM.Config.HWType Datastore.AllocateSpace Datastore.Audit SDN.Use Sys.Audit";
    let words: Vec<&str> = make.split(' ').collect();
    let without = with(up(0), json!({"rights": {"pvx@pve!drain": {"/": words}}}));
    #[rustfmt::skip]
    let rows = [
        ("its agent comes up", up(20),  json!([{"type": "ed25519", "sha256": PRINT}]), ""),
        ("it never does",      up(9999), json!([]),                                    "QEMU guest agent is not running"),
        ("the token may not",  without, json!([]),                                     "VM.GuestAgent.FileRead"),
    ];
    for (name, more, keys, why) in rows {
        let sim = Sim::start(&scenario(&[], more));
        let ran = sim.run(std::slice::from_ref(&plan));
        assert_eq!(ran.code, 0, "{name}: {ran:#?}");
        let record = ran.record(30051);
        assert_eq!(record["phase"], "verified", "{name}: {record}");
        assert_eq!(record["host_keys"], keys, "{name}: {record}");
        let warning = &record["warnings"][0];
        let code = (!why.is_empty()).then_some("no-host-keys");
        assert_eq!(warning["code"].as_str(), code, "{name}: {record}");
        let said = warning["message"].as_str().unwrap_or_default();
        assert!(said.contains(why), "{name}: {record}");
        // What was learned stays known, and what was not costs no more waiting.
        let again = sim.run(std::slice::from_ref(&plan));
        assert_eq!(again.record(30051)["host_keys"], keys, "{name}: {again:#?}");
    }
}
