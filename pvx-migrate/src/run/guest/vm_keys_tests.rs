//! VMs that are made, and what becomes known of their host keys through the guest agent.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vmid::exit::Answer;

use super::{
    scripted_plan::{create_vm, journal, options, run, run_with},
    test_pve::World,
    test_server::Server,
};

/// Of `ssh-keygen`, with what `ssh-keygen -l` says of it.
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGIGQ10lxP/KNS8KH6/2138zaVFchCkBq0loMMHyQ4L root@g";
const ED25519_PRINT: &str = "SHA256:S69QrzGADbXK8GcnHW1hfVcLKIuQFLqpJXFy1e3BKEY";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDadj02xppFU385VMEKlEo5p+Pi/k12QP1UahsNDVLiZf713G0tXjJq5ZDxRybCVPW2+yZwd6R0dn5uyvHYH5u8= root@g";
const ECDSA_PRINT: &str = "SHA256:m4n0DFDZz5UQdn5DyGhGCYcdaPuuxLXPi+62VrOzaT8";

const READ: &str = "GET /nodes/a/qemu/100/agent/file-read?file=/etc/ssh/ssh_host_";

fn path(kind: &str) -> String {
    format!("/etc/ssh/ssh_host_{kind}_key.pub")
}

fn files() -> BTreeMap<String, String> {
    [
        (path("ed25519"), format!("{ED25519}\n")),
        (path("ecdsa"), format!("{ECDSA}\n")),
    ]
    .into()
}

fn both() -> Value {
    json!([{"type": "ecdsa", "sha256": ECDSA_PRINT}, {"type": "ed25519", "sha256": ED25519_PRINT}])
}

#[test]
fn host_keys_of_a_vm() {
    let denied =
        "Permission check failed (/vms/100, VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted)";
    let agent = |no_agent: u32| World {
        no_agent,
        files: files(),
        ..World::default()
    };
    let refuses = || {
        let mut world = agent(0);
        let line = format!("{READ}ecdsa_key.pub");
        world.says.insert(line, (403, denied.into()));
        world
    };
    let with = |kind: &str, content: &str| {
        let mut world = agent(0);
        world.files.insert(path(kind), content.to_owned());
        world
    };
    let none = || World {
        files: BTreeMap::new(),
        ..agent(0)
    };
    let late = || World {
        // Its second key is made behind the first look, as ssh-keygen -A makes one after the other.
        files: [(path("ecdsa"), ECDSA.to_owned())].into(),
        meanwhile: Some((format!("{READ}rsa_key.pub"), |world: &mut World| {
            world.files = files();
        })),
        ..World::default()
    };
    let ecdsa_alone = || World {
        files: [(path("ecdsa"), ECDSA.to_owned())].into(),
        ..World::default()
    };
    let plain = || {
        let mut line = create_vm();
        line["params"].as_object_mut().unwrap().remove("agent");
        line
    };
    let off = || {
        let mut line = create_vm();
        line["start"] = false.into();
        line
    };
    #[rustfmt::skip]
    let rows = [
        // name, cluster, plan, its keys, a part of the warning, most questions for keys
        ("at once",                   agent(0),    create_vm(), both(),    "",                               3),
        ("its agent comes up",        agent(9),    create_vm(), both(),    "",                               12),
        ("its keys come later",       late(),      create_vm(), both(),    "",                               6),
        ("it has no Ed25519 key",     ecdsa_alone(), create_vm(), json!([{"type": "ecdsa", "sha256": ECDSA_PRINT}]), "", 60),
        ("no agent comes up",         agent(9999), create_vm(), json!([]), "QEMU guest agent is not running", 100),
        ("it has no keys",            none(),      create_vm(), json!([]), "it has no host keys in /etc/ssh", 300),
        ("one key is none",           with("rsa", "x"), create_vm(), both(), "",                             3),
        ("none is one",               World { files: [(path("ed25519"), ECDSA.to_owned())].into(), ..World::default() }, create_vm(), json!([]), "ssh_host_ed25519_key.pub is no such key", 300),
        ("the token may not",         refuses(),   create_vm(), json!([]), "VM.GuestAgent.FileRead",         1),
        ("no agent in its config",    agent(0),    plain(),     json!([]), "No QEMU guest agent configured", 1),
        ("it stays off",              agent(0),    off(),       json!([]), "VM 100 is not running",          1),
    ];
    for (name, world, line, keys, warning, most) in rows {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(world);
        let ran = run(&server, &journal(&folder), &[line]);
        assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
        let record = &ran.records[0];
        assert_eq!(record["phase"], "verified", "{name}: {record}");
        assert_eq!(record["host_keys"], keys, "{name}: {record}");
        let said = record["warnings"][0]["message"].as_str().unwrap_or("");
        assert!(said.contains(warning), "{name}: {record}");
        assert_eq!(said.is_empty(), warning.is_empty(), "{name}: {record}");
        let asked = server.world().count(READ);
        assert!((1..=most).contains(&asked), "{name}: {asked}");
    }
}

/// What was not known when it was made is asked once more by the same command, without waiting.
#[test]
fn an_agent_that_came_up_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal(&folder);
    let server = Server::start(World {
        no_agent: 9999,
        files: files(),
        ..World::default()
    });
    let ran = run(&server, &path, &[create_vm()]);
    assert_eq!(ran.records[0]["host_keys"], json!([]), "{:?}", ran.records);
    let later = || {
        let mut line = create_vm();
        line["exists"] = true.into();
        line["state_at"] = "2099-01-01T00:00:00Z".into();
        line
    };
    for (name, plan) in [("the same plan", create_vm()), ("a later one", later())] {
        server.world().asked.clear();
        let ran = run(&server, &path, std::slice::from_ref(&plan));
        assert_eq!(ran.records[0]["host_keys"], json!([]), "{name}");
        assert_eq!(server.world().count(READ), 1, "{name}: it is not waited");
        let before = std::mem::take(&mut server.world().no_agent);
        let ran = run(&server, &path, &[plan]);
        assert_eq!(ran.records[0]["host_keys"], both(), "{name}");
        assert_eq!(ran.records[0]["changed"], false, "{name}");
        server.world().no_agent = before;
    }
    // The last one has written it down.
    server.world().asked.clear();
    let ran = run(&server, &path, &[create_vm()]);
    assert_eq!(ran.records[0]["host_keys"], both());
    assert_eq!(server.world().count(READ), 0);
}

/// The ID is another guest's by now: what its agent tells is not of the one that was made.
#[test]
fn another_guest_s_agent_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal(&folder);
    let server = Server::start(World {
        no_agent: 9999,
        files: files(),
        ..World::default()
    });
    run(&server, &path, &[create_vm()]);
    {
        let mut world = server.world();
        world.no_agent = 0;
        let guest = world.guests.get_mut(&100).unwrap();
        guest.config.insert("description".into(), "by hand".into());
        world.asked.clear();
    }
    let ran = run(&server, &path, &[create_vm()]);
    assert_eq!(ran.records[0]["host_keys"], json!([]), "{:?}", ran.records);
    assert_eq!(server.world().count(READ), 0);
}

/// Without patience the agent is asked once.
#[test]
fn without_patience() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(World {
        no_agent: 9999,
        files: files(),
        ..World::default()
    });
    let mut options = options(Some(&journal(&folder)));
    options.agent_wait = std::time::Duration::ZERO;
    let ran = run_with(&server, &options, &[create_vm()], 0);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    assert_eq!(server.world().count(READ), 1);
}
