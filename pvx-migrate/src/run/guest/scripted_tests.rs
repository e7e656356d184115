//! Plans that make and remove guests, run whole over a scripted cluster: cut off and unanswered at each
//! of their requests.

use std::{collections::BTreeMap, path::Path, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use vmid::exit::{Answer, Stop};

use super::test_pve::{Fault, Server, World};
use crate::{
    journal::file,
    run::{
        self, Options,
        clock::{Clock, Interrupts},
        queue::Limits,
    },
};

/// What a run left.
struct Ran {
    answer: Result<Answer, String>,
    records: Vec<Value>,
}

impl Ran {
    fn code(&self) -> &str {
        self.records[0]["error"]["code"].as_str().unwrap_or("")
    }
}

fn options(journal: Option<&Path>) -> Options {
    Options {
        journal: journal.map(Path::to_owned),
        limits: Limits {
            jobs: 4,
            per_node: 2,
        },
        partial: false,
        quorum_wait: Duration::from_secs(600),
        max_age: Duration::from_secs(600),
        now: "2020-01-01T00:05:00Z".parse().unwrap(),
        terminal: false,
    }
}

fn run_with(server: &Server, options: &Options, plan: &[Value], interrupted: usize) -> Ran {
    let clock = Clock {
        interrupts: Interrupts::default(),
        speed: 1000.0,
    };
    clock.interrupts.0.store(interrupted, Ordering::Relaxed);
    let text: String = plan.iter().map(|line| format!("{line}\n")).collect();
    let mut output = Vec::new();
    // A run that was killed waits for nothing any more.
    let watched = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while clock.interrupts.count() < 9 {
                if server.world().dead {
                    clock.interrupts.0.fetch_max(2, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let answer = run::run(&server.pve, options, &clock, text.as_bytes(), &mut output);
        clock.interrupts.0.store(9, Ordering::Relaxed);
        watcher.join().unwrap();
        answer
    });
    let text = String::from_utf8(output).unwrap();
    Ran {
        answer: watched.map_err(|stop: Stop| stop.to_string()),
        records: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

fn run(server: &Server, journal: &Path, plan: &[Value]) -> Ran {
    run_with(server, &options(Some(journal)), plan, 0)
}

fn create() -> Value {
    json!({"vmid": 100, "type": "lxc", "name": "g", "node": "a", "action": "create", "reason": "",
        "params": {"hostname": "g", "ostemplate": "local:vztmpl/x.tar.zst", "rootfs": "zdata:8", "memory": 512,
            "features": "nesting=1", "net0": "name=eth0,bridge=vmbr0,type=veth"},
        "start": true, "blockers": [], "cluster": "c", "state_at": "2020-01-01T00:00:00Z"})
}

/// The digest that the scripted cluster gives its first guest.
const DIGEST: &str = "0000000000000000000000000000000000000001";

fn destroy() -> Value {
    json!({"vmid": 100, "type": "lxc", "name": "g", "node": "a", "action": "destroy", "stop": true, "timeout_s": 60,
        "purge": null, "digest": DIGEST, "snapshot": null, "blockers": [], "cluster": "c", "state_at": "2020-01-01T00:00:00Z"})
}

fn there() -> World {
    World::default().with(
        100,
        json!({"hostname": "g", "description": "notes\n", "rootfs": "zdata:v,size=8G"}),
        true,
    )
}

fn journal(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("journal.jsonl")
}

const POST: &str = "POST /nodes/a/lxc";
const DELETE: &str = "DELETE /nodes/a/lxc/100";

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

/// How a request goes wrong: whether it has its effect, and whether the run is killed there. One that
/// changes nothing is worth less of the tests' time.
fn ways(at: usize, request: Option<&String>) -> &'static [(bool, bool)] {
    const ALL: [(bool, bool); 4] = [(false, true), (true, true), (true, false), (false, false)];
    let reads = request.is_none_or(|line| line.starts_with("GET"));
    match (reads, at % 4) {
        (false, _) => &ALL,
        (true, 0) => &[(false, false)],
        (true, _) => &ALL[..1],
    }
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

/// The same of a removal: the guest is gone, and nothing but it was touched.
#[test]
fn a_removal_cut_off_at_each_request() {
    let clean = Server::start(there());
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&clean, &journal(&folder), &[destroy()]);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    assert_eq!(ran.records[0]["phase"], "verified");
    assert_eq!(ran.records[0]["changed"], true);
    let asked = clean.world().asked.clone();
    for at in 0..asked.len() + 2 {
        for &(acts, kills) in ways(at, asked.get(at)) {
            let name = format!("request {at}, acts: {acts}, kills: {kills}");
            let folder = tempfile::tempdir().unwrap();
            let mut world = there().with(101, json!({"hostname": "other"}), true);
            world.fault = Some(Fault { at, acts, kills });
            let server = Server::start(world);
            let mut ran = run(&server, &journal(&folder), &[destroy()]);
            if server.world().dead || at == 0 {
                server.world().dead = false;
                ran = run(&server, &journal(&folder), &[destroy()]);
            }
            assert_eq!(
                ran.answer,
                Ok(Answer::Yes),
                "{name}: {:?} {:#?}",
                ran.records,
                server.world().asked
            );
            let world = server.world();
            assert!(!world.guests.contains_key(&100), "{name}");
            assert!(world.guests[&101].running, "{name}");
            assert!(world.count(DELETE) <= 2, "{name}");
            assert_eq!(world.count("DELETE"), world.count(DELETE), "{name}");
        }
    }
}

/// Every DELETE has a line in the journal that is its own.
#[test]
fn one_delete_for_each_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = there();
    world
        .says
        .insert(DELETE.to_owned(), (596, "Connection timed out".into()));
    let server = Server::start(world);
    let ran = run(&server, &journal(&folder), &[destroy()]);
    assert_eq!(ran.code(), "not-destroyed");
    let text = std::fs::read_to_string(journal(&folder)).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked =
        |line: &&Value| line["phase"] == "requested" && line["request"]["call"] == "destroy";
    assert_eq!(
        lines.iter().filter(asked).count(),
        server.world().count(DELETE)
    );
    assert_eq!(
        server.world().guests[&100].config["description"],
        "notes\n",
        "as it was"
    );
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
fn what_becomes_of_a_removal() {
    fn change(world: &mut World, change: Value) {
        let guest = world.guests.get(&100).unwrap().clone();
        let mut config = Value::Object(guest.config);
        config
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        *world = std::mem::take(world).with(100, config, false);
    }
    let with = |name: &str, value: Value| {
        let mut line = destroy();
        line[name] = value;
        line
    };
    let says = |line: &str, status: u16, data: Value| {
        let mut world = there();
        world.says.insert(line.to_owned(), (status, data));
        world
    };
    let meanwhile = |before: &str, act: fn(&mut World)| {
        let mut world = there();
        world.meanwhile = Some((before.to_owned(), act));
        world
    };
    let fails = |kind: &str| {
        let mut world = there();
        world
            .fails
            .insert(kind.to_owned(), "it went wrong".to_owned());
        world
    };
    let mark = "PUT /nodes/a/lxc/100/config";
    let ha = json!([{"sid": "ct:100", "state": "ignored"}]);
    let jobs = json!([{"id": "nightly", "vmid": "100,101"}]);
    let other = || World::default().with(100, json!({"hostname": "h"}), false);
    let purge =
        json!({"ha": null, "replication": [], "jobs": [{"id": "nightly", "effect": "trimmed"}]});
    #[rustfmt::skip]
    let rows = [
        // name, cluster, plan, error code, DELETEs
        ("all as planned",             there(),                                         destroy(),              "",              1),
        ("another name",               other(),                                         destroy(),              "changed",       0),
        ("gone already",               World::default(),                                destroy(),              "",              0),
        ("another digest",             there(),                                         with("digest", format!("{:040x}", 9).into()), "changed", 0),
        ("runs, and must not",         there(),                                         with("stop", false.into()), "running",   0),
        ("does not stop",              fails("vzshutdown"),                             destroy(),              "did-not-stop",  0),
        ("its removal fails",          fails("vzdestroy"),                              destroy(),              "not-destroyed", 1),
        ("changed before the mark",    meanwhile(mark, |world| change(world, json!({"memory": 9}))), destroy(), "changed",       0),
        ("changed after the mark",     meanwhile("GET /cluster/backup", |world| change(world, json!({"memory": 9}))), destroy(), "changed", 0),
        ("renamed before the DELETE",  meanwhile("POST /nodes/a/lxc/100/status/shutdown", |world| change(world, json!({"hostname": "h"}))), destroy(), "changed", 0),
        ("protected",                  World::default().with(100, json!({"hostname": "g", "protection": 1}), false), destroy(), "protection", 0),
        ("HA has it, unplanned",       says("GET /cluster/ha/resources", 200, ha),      destroy(),              "changed",       0),
        ("a job names it, unplanned",  says("GET /cluster/backup", 200, jobs.clone()),  destroy(),              "changed",       0),
        ("a job names it, as planned", says("GET /cluster/backup", 200, jobs),          with("purge", purge.clone()), "",        1),
        ("the job is gone",            there(),                                         with("purge", purge.clone()), "changed", 0),
        ("jobs are not seen",          says("GET /cluster/backup", 403, "Permission check failed (/, Sys.Audit)".into()), destroy(), "", 1),
        ("nor what is purged",         says("GET /cluster/backup", 403, "Permission check failed (/, Sys.Audit)".into()), with("purge", purge), "unseen", 0),
        ("the DELETE is refused",      says(DELETE, 403, "Permission check failed".into()), destroy(),          "refused",       1),
    ];
    for (name, world, line, code, deletes) in rows {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(world);
        let ran = run(&server, &journal(&folder), std::slice::from_ref(&line));
        assert_eq!(ran.code(), code, "{name}: {:?}", ran.records);
        let world = server.world();
        assert_eq!(world.count("DELETE"), deletes, "{name}: {:#?}", world.asked);
        let purges = world.count("DELETE /nodes/a/lxc/100?purge=1");
        assert_eq!(
            purges,
            if line["purge"].is_null() { 0 } else { deletes },
            "{name}"
        );
        let gone = code.is_empty();
        assert_eq!(world.guests.contains_key(&100), !gone, "{name}");
        if let Some(guest) = world.guests.get(&100) {
            let description = guest.config.get("description").and_then(Value::as_str);
            assert!(
                !description.unwrap_or("").contains("pvx"),
                "{name}: {description:?}"
            );
        }
    }
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
    #[rustfmt::skip]
    let rows = [
        ("force",           param("force", 1.into()),                    "plan make sets no \"force\""),
        ("a hook script",   param("hookscript", "local:x".into()),       "plan make sets no \"hookscript\""),
        ("a bind mount",    param("mp0", "/,mp=/x".into()),              "mp0 has a form"),
        ("a node's path",   edit("node", "a/../b".into()),               "no name of a node"),
        ("an ID too small", edit("vmid", 99.into()),                     "no ID"),
        ("another type",    edit("type", "../qemu".into()),              "expected \"qemu\" or \"lxc\""),
        ("another cluster", edit("cluster", "d".into()),                 "of the cluster"),
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

/// Told to stop, a run removes nothing more, though the guest is off already.
#[test]
fn stopped_before_the_removal() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(there());
    let ran = run_with(&server, &options(Some(&journal(&folder))), &[destroy()], 1);
    assert_eq!(ran.code(), "not-begun");
    assert!(server.world().guests[&100].running);
    assert_eq!(server.world().count("POST"), 0);
}

/// Without a plan what was under way is brought to its end, and nothing more is asked for.
#[test]
fn without_a_plan() {
    let deleted = |server: &Server| server.world().count(DELETE);
    for (name, before, acts, gone) in [
        (
            "before the removal",
            "PUT /nodes/a/lxc/100/config",
            true,
            false,
        ),
        ("the removal was heard", DELETE, true, true),
        ("the removal was not heard", DELETE, false, false),
    ] {
        let clean = Server::start(there());
        let folder = tempfile::tempdir().unwrap();
        run(&clean, &journal(&folder), &[destroy()]);
        let at = clean
            .world()
            .asked
            .iter()
            .position(|line| line == before)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut world = there();
        world.fault = Some(Fault {
            at,
            acts,
            kills: true,
        });
        let server = Server::start(world);
        run(&server, &journal(&folder), &[destroy()]);
        server.world().dead = false;
        let asked = deleted(&server);
        let ran = run(&server, &journal(&folder), &[]);
        assert_eq!(deleted(&server), asked, "{name}: none is sent");
        assert_eq!(
            server.world().guests.contains_key(&100),
            !gone,
            "{name}: {:?}",
            ran.records
        );
        assert_eq!(
            ran.code(),
            if gone { "" } else { "not-destroyed" },
            "{name}"
        );
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
        let answer = run::ready(&server.pve, &path, vmid, now, &mut output);
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
