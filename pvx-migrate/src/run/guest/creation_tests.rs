//! Plans that make guests, run whole over a scripted cluster: cut off and unanswered at each of their
//! requests; and what is not begun at all.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vmid::exit::Answer;

use super::{
    scripted_plan::{
        POST, create, create_vm, destroy, journal, options, run, run_with, there, ways,
    },
    test_pve::{Fault, World},
    test_server::Server,
};
use crate::{
    journal::file,
    run::{Options, ready as take_off},
};

#[test]
fn a_guest_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(World::default());
    let journal = journal(&folder);
    let ran = run(&server, &journal, &[create()]);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    let record = &ran.records[0];
    assert_eq!(record["phase"], "verified");
    assert_eq!(record["changed"], true);
    assert_eq!(
        record["host_keys"],
        json!([{"type": "ed25519", "sha256": "SHA256:VsaJwR5HcO0qy0oYTM4Pxy+QFgnYBOLDW8DNodakjIk"}])
    );
    assert!(
        record["took_ms"]["create"].is_u64() && record["took_ms"]["start"].is_u64(),
        "{record}"
    );
    let body = server.world().bodies[POST].clone();
    assert!(body.contains("features=nesting%3D1&"), "{body}");
    assert!(body.contains("description=pvx%20run%20"), "{body}");
    assert!(server.world().guests[&100].running);

    let again = run(&server, &journal, &[create()]);
    assert_eq!(again.answer, Ok(Answer::Yes));
    assert_eq!(again.records[0]["changed"], false);
    assert_eq!(
        again.records[0]["host_keys"], record["host_keys"],
        "as the journal has them"
    );
    // Another journal finds a guest of that ID and name, and touches nothing.
    let other = run(&server, &folder.path().join("other"), &[create()]);
    assert_eq!(other.answer, Ok(Answer::Yes));
    assert_eq!(other.records[0]["exists"], true);
    assert_eq!(other.records[0]["changed"], false);
    assert_eq!(other.records[0]["differs"], json!([]));
    assert_eq!(server.world().count(POST), 2, "one creation, one start");
    // A journal of such lines has no moves.
    assert_eq!(file::lines(&journal).unwrap(), []);
}

/// Each request of a creation is lost with and without its effect, and the run is killed or goes on: in
/// the end there is one guest, made by one creation that had its effect.
#[test]
fn a_creation_cut_off_at_each_request() {
    let clean = Server::start(World::default());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[create()]);
    let asked = clean.world().asked.clone();
    assert!(asked.len() > 10, "{asked:?}");
    for at in 0..asked.len() + 2 {
        for &(acts, kills) in ways(at, asked.get(at)) {
            let name = format!("request {at}, acts: {acts}, kills: {kills}");
            let folder = tempfile::tempdir().unwrap();
            let server = Server::start(World {
                fault: Some(Fault { at, acts, kills }),
                ..World::default()
            });
            let mut ran = run(&server, &journal(&folder), &[create()]);
            // The first request of all is of no step, and its failure the cluster's.
            if server.world().dead || at == 0 {
                server.world().dead = false;
                ran = run(&server, &journal(&folder), &[create()]);
            }
            assert_eq!(
                ran.answer,
                Ok(Answer::Yes),
                "{name}: {:?} {:#?}",
                ran.records,
                server.world().asked
            );
            assert_eq!(ran.records[0]["phase"], "verified", "{name}");
            let world = server.world();
            assert!(world.guests[&100].running, "{name}");
            let posts = world.asked.iter().filter(|line| *line == POST).count();
            assert!(posts <= 2, "{name}: {posts}");
            let made = world.count("DELETE");
            assert_eq!(made, 0, "{name}");
        }
    }
}

#[test]
fn what_becomes_of_a_creation() {
    let fails = |kind: &str, words: &str| World {
        fails: BTreeMap::from([(kind.to_owned(), words.to_owned())]),
        ..World::default()
    };
    let dies = World {
        worker_dies: true,
        ..World::default()
    };
    let refuses = World {
        says: [(
            POST.to_owned(),
            (
                403,
                "Permission check failed (/vms/100, VM.Config.CPU)".into(),
            ),
        )]
        .into(),
        ..World::default()
    };
    let taken = |config: Value| World::default().with(100, config, true);
    let raced = World {
        meanwhile: Some((POST.to_owned(), |world: &mut World| {
            *world = std::mem::take(world).with(
                100,
                json!({"hostname": "g", "description": "pvx run ffffffffffffffff\n"}),
                true,
            );
        })),
        ..World::default()
    };
    let stolen = World {
        meanwhile: Some((POST.to_owned(), |world: &mut World| {
            *world = std::mem::take(world).with(100, json!({"hostname": "h"}), true);
        })),
        ..World::default()
    };
    let grows = || {
        let mut line = create();
        line["exists"] = true.into();
        line
    };
    #[rustfmt::skip]
    let rows = [
        // name, cluster, plan, error code, phase, changed, whether it is there
        ("its task fails",            fails("vzcreate", "unable to create CT 100 - no space"), create(), "not-made",     "failed",   true,  false),
        ("its start fails",           fails("vzstart", "bridge 'vmbr77' does not exist"),      create(), "start-failed", "failed",   true,  true),
        ("its worker dies",           dies,                                                    create(), "stale-lock",   "stuck",    true,  true),
        ("refused",                   refuses,                                                 create(), "refused",      "failed",   false, false),
        ("another name",              taken(json!({"hostname": "h"})),                         create(), "vmid-taken",   "failed",   false, true),
        ("the same name",             taken(json!({"hostname": "g"})),                         create(), "",             "verified", false, true),
        ("another run was faster",    raced,                                                   create(), "",             "verified", false, true),
        ("another guest was",         stolen,                                                  create(), "vmid-taken",   "failed",   false, true),
        ("planned as there, and not", World::default(),                                        grows(),  "changed",      "failed",   false, false),
        ("planned as there, and is",  taken(json!({"hostname": "g"})),                         grows(),  "",             "verified", false, true),
    ];
    for (name, world, line, code, phase, changed, is_there) in rows {
        let folder = tempfile::tempdir().unwrap();
        let before = world.guests.get(&100).map(|guest| guest.config.clone());
        let server = Server::start(world);
        let ran = run(&server, &journal(&folder), &[line]);
        let record = &ran.records[0];
        assert_eq!(ran.code(), code, "{name}: {record}");
        assert_eq!(record["phase"], phase, "{name}: {record}");
        assert_eq!(record["changed"], changed, "{name}: {record}");
        let world = server.world();
        assert_eq!(world.guests.contains_key(&100), is_there, "{name}");
        assert_eq!(world.count("DELETE"), 0, "{name}");
        if let Some(before) = before {
            assert_eq!(world.guests[&100].config, before, "{name}");
        }
    }
}

#[test]
fn a_creation_that_failed_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(World {
        fails: [("vzstart".to_owned(), "no".to_owned())].into(),
        ..World::default()
    });
    let ran = run(&server, &journal(&folder), &[create()]);
    assert_eq!(ran.code(), "start-failed");
    server.world().fails.clear();
    let ran = run(&server, &journal(&folder), &[create()]);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    assert_eq!(ran.records[0]["host_keys"][0]["type"], "ed25519");
    let posts = server
        .world()
        .asked
        .iter()
        .filter(|line| *line == POST)
        .count();
    assert_eq!(posts, 1, "it is started, not made again");
}

#[test]
fn plans_that_are_not_begun() {
    let edit = |name: &str, value: Value| {
        let mut line = create();
        line[name] = value;
        line
    };
    let param = |name: &str, value: Value| {
        let mut line = create();
        line["params"][name] = value;
        line
    };
    let with = |line: &Value, name: &str, value: Value| {
        let mut line = line.clone();
        line[name] = value;
        line
    };
    #[rustfmt::skip]
    let rows = [
        ("force",           param("force", 1.into()),                    "plan make sets no \"force\""),
        ("a hook script",   param("hookscript", "local:x".into()),       "plan make sets no \"hookscript\""),
        ("a bind mount",    param("mp0", "/,mp=/x".into()),              "mp0 has a form"),
        ("a node's path",   edit("node", "a/../b".into()),               "no name of a node"),
        ("an ID too small", edit("vmid", 99.into()),                     "no ID"),
        ("another type",    edit("type", "../qemu".into()),              "expected \"qemu\" or \"lxc\""),
        ("another cluster", edit("cluster", "d".into()),                 "of the cluster"),
        ("force, of a guest that exists", with(&param("force", 1.into()), "exists", true.into()), "plan make sets no \"force\""),
        ("a disk that grows, of one",     with(&edit("resize", json!({"rootfs": "9G"})), "exists", true.into()), "is no disk of params"),
        ("an old plan",     edit("state_at", "2019-12-31T00:00:00Z".into()), "rests on a state"),
    ];
    for (name, line, want) in rows {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World::default());
        let ran = run(&server, &journal(&folder), &[line]);
        let stop = ran.answer.unwrap_err();
        assert!(stop.contains(want), "{name}: {stop}");
        let world = server.world();
        assert_eq!(world.count("POST"), 0, "{name}");
        assert!(!journal(&folder).exists(), "{name}");
    }
}

/// A blocked line holds the others back; with --partial it doesn't.
#[test]
fn blocked_lines() {
    let mut blocked = create();
    for (name, value) in [
        ("vmid", json!(101)),
        ("action", json!("blocked")),
        ("wants", json!("create")),
        ("root_only", json!(["pct create 101"])),
    ] {
        blocked[name] = value;
    }
    blocked["blockers"] =
        json!([{"code": "root-only", "message": "features: root alone may set keyctl"}]);
    for (partial, made) in [(false, false), (true, true)] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World::default());
        let options = Options {
            partial,
            ..options(Some(&journal(&folder)))
        };
        let ran = run_with(&server, &options, &[blocked.clone(), create()], 0);
        assert_eq!(ran.answer, Ok(Answer::No));
        assert_eq!(ran.records[0]["error"]["code"], "blocked");
        assert_eq!(ran.records[0]["root_only"], json!(["pct create 101"]));
        let code = ran.records[1]["error"]["code"].as_str();
        assert_eq!(code, (!made).then_some("not-begun"));
        assert_eq!(server.world().guests.contains_key(&100), made);
        assert!(!server.world().guests.contains_key(&101));
    }
}

#[test]
fn a_rehearsal_asks_for_nothing() {
    for (name, world, line, code) in [
        ("a creation", World::default(), create(), ""),
        (
            "taken",
            World::default().with(100, json!({"hostname": "h"}), true),
            create(),
            "vmid-taken",
        ),
        ("a removal", there(), destroy(), ""),
        (
            "another name",
            World::default().with(100, json!({"hostname": "h"}), true),
            destroy(),
            "changed",
        ),
    ] {
        let server = Server::start(world);
        let ran = run_with(&server, &options(None), &[line], 0);
        assert_eq!(ran.code(), code, "{name}: {:?}", ran.records);
        assert_eq!(ran.records[0]["changed"], false, "{name}");
        let world = server.world();
        let changes = ["POST", "PUT", "DELETE"].map(|method| world.count(method));
        assert_eq!(changes, [0, 0, 0], "{name}");
    }
}

#[test]
fn ready() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(World::default());
    let path = journal(&folder);
    let mut line = create();
    line["params"]["description"] = "notes of mine".into();
    run(&server, &path, &[line]);
    let description = |server: &Server| {
        let world = server.world();
        world.guests[&100].config["description"]
            .as_str()
            .unwrap()
            .trim()
            .to_owned()
    };
    assert!(description(&server).starts_with("notes of mine\npvx run "));
    let ready = |server: &Server, vmid: u32| {
        let mut output = Vec::new();
        let now = "2020-01-01T00:06:00Z".parse().unwrap();
        let answer = take_off(&server.pve, &path, vmid, now, &mut output);
        let record: Value = serde_json::from_slice(&output).unwrap_or_default();
        (answer.map_err(|stop| stop.to_string()), record)
    };
    let (answer, _) = ready(&server, 101);
    assert!(answer.unwrap_err().contains("it has made no guest 101"));
    for (name, changed) in [("first", true), ("again", false)] {
        let (answer, record) = ready(&server, 100);
        assert_eq!(answer, Ok(Answer::Yes), "{name}");
        assert_eq!(record["phase"], "ready", "{name}");
        assert_eq!(record["changed"], changed, "{name}");
        assert_eq!(description(&server), "notes of mine", "{name}");
    }
    // It stays done.
    let ran = run(&server, &path, &[create()]);
    assert_eq!(ran.records[0]["phase"], "ready");
    // Another guest of that ID is let alone.
    *server.world() =
        World::default().with(100, json!({"hostname": "h", "description": "x"}), true);
    let (answer, record) = ready(&server, 100);
    assert_eq!(answer, Ok(Answer::No));
    assert_eq!(record["error"]["code"], "changed");
    assert_eq!(server.world().count("PUT"), 0);
}

/// Two runs with one token make one guest, and the slower one's answer is lost: the task that it finds is
/// the other one's, and so is the guest. It is told as that, and as nothing of this run's.
#[test]
fn another_run_was_faster_and_the_answer_is_lost() {
    let clean = Server::start(World::default());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[create()]);
    let at = clean.world().asked.iter().position(|line| line == POST);
    let fault = at.map(|at| Fault {
        at,
        acts: true, // Proxmox VE hears it, and refuses it
        kills: false,
    });
    fn other_run(world: &mut World, name: &str) {
        let config = json!({"hostname": name, "description": "pvx run ffffffffffffffff\n"});
        *world = World {
            guests: std::mem::take(&mut world.guests),
            ..std::mem::take(world)
        }
        .with(100, config, true);
        world.begin("vzcreate", 100);
        world.bodies.insert(
            "made 100".into(),
            Value::from(world.guests[&100].config.clone()).to_string(),
        );
    }
    for (name, raced, code) in [
        (
            "the same name",
            (|world: &mut World| other_run(world, "g")) as fn(&mut World),
            "",
        ),
        (
            "another name",
            |world: &mut World| other_run(world, "h"),
            "vmid-taken",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World {
            fault,
            meanwhile: Some((POST.to_owned(), raced)),
            ..World::default()
        });
        let ran = run(&server, &journal(&folder), &[create()]);
        let record = &ran.records[0];
        assert_eq!(ran.code(), code, "{name}: {record}");
        assert_eq!(record["changed"], false, "{name}: {record}");
        assert_eq!(record["host_keys"], json!([]), "{name}: {record}");
        if code.is_empty() {
            assert_eq!(record["exists"], true, "{name}: {record}");
            assert_eq!(record["made_by"], "ffffffffffffffff", "{name}: {record}");
        } else {
            let message = record["error"]["message"].as_str().unwrap();
            assert!(message.contains("ffffffffffffffff"), "{name}: {message}");
        }
        assert_eq!(server.world().count("DELETE"), 0, "{name}");
        // The same command says the same.
        let ran = run(&server, &journal(&folder), &[create()]);
        assert_eq!(ran.code(), code, "{name}, again: {:?}", ran.records);
        assert_eq!(ran.records[0]["changed"], false, "{name}, again");
    }
}

/// What of two disks is enlarged is told by the disk: the task of the first one is no answer for the second.
#[test]
fn each_disk_has_a_task_of_its_own() {
    let clean = Server::start(World::default());
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&clean, &journal(&folder), &[create_vm()]);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    const RESIZE: &str = "PUT /nodes/a/qemu/100/resize";
    let asked = clean.world().asked.clone();
    let resizes = asked.iter().enumerate().filter(|(_, line)| *line == RESIZE);
    let resizes: Vec<usize> = resizes.map(|(at, _)| at).collect();
    assert_eq!(resizes.len(), 2, "{asked:?}");
    for at in resizes {
        for &(acts, kills) in ways(at, asked.get(at)) {
            let name = format!("request {at}, acts: {acts}, kills: {kills}");
            let folder = tempfile::tempdir().unwrap();
            let server = Server::start(World {
                fault: Some(Fault { at, acts, kills }),
                ..World::default()
            });
            let mut ran = run(&server, &journal(&folder), &[create_vm()]);
            if kills {
                server.world().dead = false;
                ran = run(&server, &journal(&folder), &[create_vm()]);
            }
            assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
            let world = server.world();
            let config = &world.guests[&100].config;
            assert_eq!(config["scsi0"], "zdata:0,size=12G", "{name}");
            assert_eq!(config["scsi1"], "zdata:4,size=9G", "{name}");
            assert_eq!(
                world.count(RESIZE),
                if acts { 2 } else { 3 },
                "{name}: {:#?}",
                world.asked
            );
        }
    }
}

/// A log that can't be read for a moment is read again, and one that can't for long by the next run.
#[test]
fn host_keys_whose_log_is_not_read_at_once() {
    const KEY: &str = "SHA256:VsaJwR5HcO0qy0oYTM4Pxy+QFgnYBOLDW8DNodakjIk";
    for (name, unread_logs, known) in [("for a moment", 10, true), ("for long", 1000, false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = journal(&folder);
        let server = Server::start(World {
            unread_logs,
            ..World::default()
        });
        let ran = run(&server, &path, &[create()]);
        assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
        let record = &ran.records[0];
        if known {
            assert_eq!(record["host_keys"][0]["sha256"], KEY, "{name}: {record}");
            continue;
        }
        assert_eq!(record["host_keys"], json!([]), "{name}: {record}");
        let warning = &record["warnings"][0];
        assert_eq!(warning["code"], "no-host-keys", "{name}: {record}");
        let message = warning["message"].as_str().unwrap();
        assert!(
            message.contains("Connection timed out"),
            "{name}: {message}"
        );
        server.world().unread_logs = 0;
        let again = run(&server, &path, &[create()]);
        assert_eq!(again.records[0]["changed"], false, "{name}");
        assert_eq!(again.records[0]["host_keys"][0]["sha256"], KEY, "{name}");
        // A plan of later finds it made.
        let mut later = create();
        later["exists"] = true.into();
        later["state_at"] = "2099-01-01T00:00:00Z".into();
        let again = run(&server, &path, &[later]);
        assert_eq!(again.records[0]["host_keys"][0]["sha256"], KEY, "{name}");
        let mut output = Vec::new();
        let now = "2020-01-01T00:06:00Z".parse().unwrap();
        take_off(&server.pve, &path, 100, now, &mut output).unwrap();
        let record: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(record["host_keys"][0]["sha256"], KEY, "{name}: {record}");
    }
}

/// A request that nobody could hear was not made: it is made again, within the patience that a silent
/// cluster gets.
#[test]
fn a_request_that_was_not_sent() {
    let clean = Server::start(World::default());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[create()]);
    let asked = clean.world().asked.clone();
    let changes = asked.iter().enumerate();
    let changes = changes.filter(|(_, line)| !line.starts_with("GET"));
    for (at, line) in changes {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World {
            away_after: Some(at),
            ..World::default()
        });
        let ran = run(&server, &journal(&folder), &[create()]);
        assert_eq!(ran.answer, Ok(Answer::Yes), "{line}: {:?}", ran.records);
        let world = server.world();
        assert_eq!(world.away_after, None, "{line}: it was away");
        assert_eq!(world.count(POST), 2, "{line}: one creation, one start");
        assert!(world.guests[&100].running, "{line}");
    }
}
