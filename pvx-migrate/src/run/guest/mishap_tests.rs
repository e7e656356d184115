//! What goes wrong beside a run that makes or removes a guest: a journal whose last line is cut off, a
//! task that warns or has no end, another guest of the same name, jobs that change under way.

use std::{fs, path::Path};

use serde_json::{Value, json};
use vmid::exit::Answer;

use super::{
    scripted_plan::{DELETE, POST, create, destroy, journal, run, there},
    test_pve::{Fault, World},
    test_server::Server,
};

/// Where in a clean run a request is made.
fn position(world: World, plan: &Value, request: &str) -> usize {
    let server = Server::start(world);
    let folder = tempfile::tempdir().unwrap();
    run(&server, &journal(&folder), std::slice::from_ref(plan));
    let world = server.world();
    let found = world.asked.iter().position(|line| line == request);
    found.unwrap_or_else(|| panic!("{request} is not asked: {:#?}", world.asked))
}

/// Cuts the last line of a journal in its middle, as a crash does while it is written; the phase that it had.
fn cut_last_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    fs::write(path, format!("{before}\n{}", &last[..last.len() / 2])).unwrap();
    let line: Value = serde_json::from_str(last).unwrap();
    line["phase"].as_str().unwrap().to_owned()
}

/// A request has its effect, the run is killed, and of the line that tells of its task a half is there.
#[test]
fn a_journal_whose_last_line_is_cut_off() {
    let start = "POST /nodes/a/lxc/100/status/start";
    let status =
        "GET /nodes/a/tasks/UPID:a:00000001:00000001:6B07DB06:vzcreate:100:t@pve!x:/status";
    let gone = "GET /nodes/a/tasks/UPID:a:00000002:00000001:6B07DB06:vzdestroy:100:t@pve!x:/status";
    let worlds: [(&str, fn() -> World, Value, &str); 4] = [
        ("a creation's task", World::default, create(), status),
        ("a start's request", World::default, create(), start),
        ("a removal's task", there, destroy(), gone),
        ("a removal's request", there, destroy(), DELETE),
    ];
    for (name, world, plan, request) in worlds {
        let at = position(world(), &plan, request);
        let folder = tempfile::tempdir().unwrap();
        let path = journal(&folder);
        let server = Server::start(World {
            fault: Some(Fault {
                at,
                // A request whose own line is cut off was never sent.
                acts: request.starts_with("GET"),
                kills: true,
            }),
            ..world()
        });
        run(&server, &path, std::slice::from_ref(&plan));
        server.world().dead = false;
        let phase = cut_last_line(&path);
        let want = if request.starts_with("GET") {
            "task"
        } else {
            "requested"
        };
        assert_eq!(phase, want, "{name}");
        let ran = run(&server, &path, std::slice::from_ref(&plan));
        assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
        let world = server.world();
        let posts = world.asked.iter().filter(|line| *line == POST).count();
        assert_eq!(posts, usize::from(plan["action"] == "create"), "{name}");
        let made = plan["action"] == "create";
        assert_eq!(world.guests.contains_key(&100), made, "{name}");
        for line in fs::read_to_string(&path).unwrap().lines() {
            serde_json::from_str::<Value>(line)
                .unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        }
    }
}

/// `WARNINGS: 1` is success; what was warned of is told.
#[test]
fn a_task_that_warns() {
    for kind in ["vzcreate", "vzstart", "vzshutdown", "vzdestroy"] {
        let removes = ["vzshutdown", "vzdestroy"].contains(&kind);
        let (mut world, plan) = match removes {
            true => (there(), destroy()),
            false => (World::default(), create()),
        };
        world
            .fails
            .insert(kind.to_owned(), "WARNINGS: 1".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(world);
        let ran = run(&server, &journal(&folder), &[plan]);
        assert_eq!(ran.answer, Ok(Answer::Yes), "{kind}: {:?}", ran.records);
        assert_eq!(server.world().guests.contains_key(&100), !removes, "{kind}");
        if kind == "vzcreate" {
            let record = &ran.records[0];
            assert_eq!(record["host_keys"][0]["type"], "ed25519", "{record}");
            let warning = &record["warnings"][0];
            assert_eq!(warning["code"], "creation", "{record}");
            assert_eq!(warning["message"], "it is newer than tested", "{record}");
        }
    }
}

/// The answer to the DELETE is lost, the guest goes, and somebody makes one of the same ID and name: it is
/// none of this run's, and no second DELETE meets it.
#[test]
fn a_new_guest_of_the_same_name_behind_a_lost_answer() {
    fn made_anew(world: &mut World) {
        world.end_tasks();
        let config = json!({"hostname": "g", "rootfs": "zdata:w,size=8G"});
        *world = std::mem::take(world).with(100, config, true);
    }
    let at = position(there(), &destroy(), DELETE);
    for (name, kills) in [("the run goes on", false), ("the run is killed", true)] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World {
            fault: Some(Fault {
                at,
                acts: true,
                kills,
            }),
            meanwhile_at: (!kills).then_some((at + 1, made_anew as fn(&mut World))),
            ..there()
        });
        let mut ran = run(&server, &journal(&folder), &[destroy()]);
        if kills {
            made_anew(&mut server.world());
            server.world().dead = false;
            ran = run(&server, &journal(&folder), &[destroy()]);
        }
        for again in [false, true] {
            if again {
                ran = run(&server, &journal(&folder), &[destroy()]);
            }
            assert_eq!(ran.code(), "changed", "{name}: {:?}", ran.records);
            assert_eq!(ran.records[0]["phase"], "stuck", "{name}");
            let world = server.world();
            assert_eq!(world.count("DELETE"), 1, "{name}");
            assert!(world.guests[&100].running, "{name}");
            assert_eq!(world.guests[&100].config.get("description"), None, "{name}");
        }
    }
}

/// What a purge would change is as planned when the guest is marked, and not any more when it is to go.
#[test]
fn jobs_that_change_behind_the_mark() {
    fn says(world: &mut World, jobs: Value) {
        let line = "GET /cluster/backup".to_owned();
        world.says.insert(line, (200, jobs));
    }
    let planned =
        json!({"ha": null, "replication": [], "jobs": [{"id": "nightly", "effect": "trimmed"}]});
    let both = json!([{"id": "nightly", "vmid": "100,101"}]);
    let changes: [(&str, fn(&mut World)); 4] = [
        ("one more job", |world| {
            says(
                world,
                json!([{"id": "nightly", "vmid": "100,101"}, {"id": "new", "vmid": "100"}]),
            );
        }),
        ("it is alone in it now", |world| {
            says(world, json!([{"id": "nightly", "vmid": "100"}]));
        }),
        ("the job is gone", |world| says(world, json!([]))),
        ("HA has it", |world| {
            let line = "GET /cluster/ha/resources".to_owned();
            world.says.insert(line, (200, json!([{"sid": "ct:100"}])));
        }),
    ];
    for (name, change) in changes {
        let mut world = there();
        says(&mut world, both.clone());
        world.meanwhile = Some(("PUT /nodes/a/lxc/100/config".to_owned(), change));
        let server = Server::start(world);
        let folder = tempfile::tempdir().unwrap();
        let mut plan = destroy();
        plan["purge"] = planned.clone();
        let ran = run(&server, &journal(&folder), &[plan]);
        assert_eq!(ran.code(), "changed", "{name}: {:?}", ran.records);
        let world = server.world();
        assert_eq!(world.count("DELETE"), 0, "{name}");
        assert_eq!(
            world.guests[&100].config["description"], "notes\n",
            "{name}: as it was"
        );
    }
}

/// A task that goes on for hours is left to a person with the command that ends it; when it has ended, the
/// same command goes on.
#[test]
fn a_task_without_an_end() {
    let rows: [(&str, World, Value, &str); 3] = [
        ("a creation", World::default(), create(), "vzcreate"),
        ("a start", World::default(), create(), "vzstart"),
        ("a removal", there(), destroy(), "vzdestroy"),
    ];
    for (name, world, plan, kind) in rows {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World {
            endless: Some(kind.to_owned()),
            ..world
        });
        let ran = run(&server, &journal(&folder), std::slice::from_ref(&plan));
        assert_eq!(ran.code(), "no-progress", "{name}: {:?}", ran.records);
        assert_eq!(ran.records[0]["phase"], "stuck", "{name}");
        let message = ran.records[0]["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("pvesh delete '/nodes/a/tasks/UPID:a:"),
            "{name}: {message}"
        );
        server.world().endless = None;
        let ran = run(&server, &journal(&folder), std::slice::from_ref(&plan));
        assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
        let world = server.world();
        let posts = world.asked.iter().filter(|line| *line == POST).count();
        assert!(posts <= 1, "{name}: {posts}");
        assert!(world.count("DELETE") <= 1, "{name}");
    }
}
