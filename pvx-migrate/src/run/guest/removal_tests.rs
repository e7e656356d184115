//! Plans that remove guests, run whole over a scripted cluster: cut off and unanswered at each of their
//! requests; and what is removed only as planned.

use serde_json::{Value, json};
use vmid::exit::Answer;

use super::{
    scripted_plan::{DELETE, destroy, journal, options, run, run_with, there, ways},
    test_pve::{Fault, World},
    test_server::Server,
};

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

/// Told to stop, a run asks for nothing more, however far it is: until the removal itself was asked for.
#[test]
fn stopped_before_the_removal() {
    const SHUTDOWN: &str = "POST /nodes/a/lxc/100/status/shutdown";
    const MARK: &str = "PUT /nodes/a/lxc/100/config";
    let related = "GET /cluster/backup"; // a part of each last look
    #[rustfmt::skip]
    let rows = [
        // name, told before which request, it runs then, DELETEs
        ("before anything",            "GET /cluster/status",  true,  0),
        ("in the look before it",      related,                true,  0),
        ("while it shuts down",        SHUTDOWN,               false, 0),
        ("while it is marked",         MARK,                   false, 0),
        ("while its removal is asked", DELETE,                 false, 1),
    ];
    for (name, before, runs, deletes) in rows {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World {
            stop_before: Some(before.to_owned()),
            ..there()
        });
        let ran = run(&server, &journal(&folder), &[destroy()]);
        assert_eq!(server.world().stop_before, None, "{name}: it was told");
        let code = if deletes == 0 { "not-begun" } else { "" };
        assert_eq!(ran.code(), code, "{name}: {:?}", ran.records);
        assert_eq!(server.world().count("DELETE"), deletes, "{name}");
        let left = server.world().guests.get(&100).cloned();
        assert_eq!(left.is_some(), deletes == 0, "{name}");
        if let Some(guest) = left {
            assert_eq!(guest.running, runs, "{name}");
            // The same command goes on, and by then it is not told to stop.
            let ran = run(&server, &journal(&folder), &[destroy()]);
            assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
            assert!(!server.world().guests.contains_key(&100), "{name}");
        }
    }
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

/// By a plan that is too old what was cut off is followed, and nothing more is asked for: the backup that
/// was the way back may be gone.
#[test]
fn an_old_plan_removes_nothing() {
    let clean = Server::start(there());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[destroy()]);
    let asked = clean.world().asked.clone();
    let mark = "PUT /nodes/a/lxc/100/config";
    let at = asked.iter().position(|line| line == mark).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut world = there();
    world.fault = Some(Fault {
        at,
        acts: true,
        kills: true,
    });
    let server = Server::start(world);
    run(&server, &journal(&folder), &[destroy()]);
    server.world().dead = false;
    let mut options = options(Some(&journal(&folder)));
    options.now = "2020-01-01T01:00:00Z".parse().unwrap();
    let ran = run_with(&server, &options, &[destroy()], 0);
    assert_eq!(ran.answer, Ok(Answer::No), "{:?}", ran.records);
    assert_eq!(ran.code(), "not-destroyed");
    assert_eq!(server.world().count(DELETE), 0);
    assert_eq!(server.world().guests[&100].config["description"], "notes\n");
}

/// After a removal that came to nothing a new plan counts by itself: what the first one saw is over.
#[test]
fn a_new_plan_after_one_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = there();
    world.fails.insert("vzshutdown".to_owned(), "no".to_owned());
    let server = Server::start(world);
    let ran = run(&server, &journal(&folder), &[destroy()]);
    assert_eq!(ran.code(), "did-not-stop");
    let config = json!({"hostname": "g", "memory": 9});
    *server.world() = World::default()
        .with(101, json!({"hostname": "h"}), true)
        .with(100, config, true);
    let mut plan = destroy();
    plan["digest"] = format!("{:040x}", 2).into();
    plan["state_at"] = "2099-01-01T00:00:00Z".into(); // newer than the journal's line
    let ran = run(&server, &journal(&folder), &[plan]);
    assert_eq!(ran.answer, Ok(Answer::Yes), "{:?}", ran.records);
    assert!(!server.world().guests.contains_key(&100));
}

/// What an earlier try has written in the description says nothing of how the guest is now: before each
/// DELETE it is written once more, with the digest of the configuration that was looked at.
#[test]
fn each_delete_has_a_mark_of_its_own() {
    let put = "PUT /nodes/a/lxc/100/config";
    for (name, acts, kills) in [
        ("the run is killed at the DELETE", false, true),
        ("the DELETE is not heard", false, false),
    ] {
        let clean = Server::start(there());
        let folder = tempfile::tempdir().unwrap();
        run(&clean, &journal(&folder), &[destroy()]);
        let at = clean.world().asked.iter().position(|line| line == DELETE);
        let folder = tempfile::tempdir().unwrap();
        let mut world = there();
        world.fault = at.map(|at| Fault { at, acts, kills });
        let server = Server::start(world);
        run(&server, &journal(&folder), &[destroy()]);
        if kills {
            server.world().dead = false;
            let ran = run(&server, &journal(&folder), &[destroy()]);
            assert_eq!(ran.answer, Ok(Answer::Yes), "{name}: {:?}", ran.records);
        }
        let world = server.world();
        assert!(!world.guests.contains_key(&100), "{name}");
        let mut changes = world.asked.iter().filter(|line| !line.starts_with("GET"));
        let before_a_delete: Vec<&String> = changes
            .by_ref()
            .filter(|line| [put, DELETE].contains(&line.as_str()))
            .collect();
        assert_eq!(before_a_delete, [put, DELETE, put, DELETE], "{name}");
    }
}

/// A guest that somebody changes after an earlier try has marked it, and after it was looked at.
#[test]
fn changed_behind_a_mark_of_an_earlier_try() {
    let clean = Server::start(there());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[destroy()]);
    let at = clean.world().asked.iter().position(|line| line == DELETE);
    let folder = tempfile::tempdir().unwrap();
    let mut world = there();
    world.fault = at.map(|at| Fault {
        at,
        acts: false,
        kills: true,
    });
    let server = Server::start(world);
    run(&server, &journal(&folder), &[destroy()]);
    {
        let mut world = server.world();
        world.dead = false;
        // The description is none of what a run compares: the digest alone shows this change.
        world.meanwhile = Some(("PUT /nodes/a/lxc/100/config".to_owned(), |world| {
            let mut config = world.guests[&100].config.clone();
            let said = config["description"].as_str().unwrap().to_owned();
            config["description"] = format!("keep it!\n{said}").into();
            *world = std::mem::take(world).with(100, Value::Object(config), false);
        }));
    }
    let deletes = server.world().count(DELETE);
    let ran = run(&server, &journal(&folder), &[destroy()]);
    assert_eq!(ran.code(), "changed", "{:?}", ran.records);
    assert_eq!(server.world().count(DELETE), deletes);
    assert!(server.world().guests.contains_key(&100));
}

/// The same of a removal, of which nothing is taken for granted because of it.
#[test]
fn a_removal_that_was_not_sent() {
    let clean = Server::start(there());
    let folder = tempfile::tempdir().unwrap();
    run(&clean, &journal(&folder), &[destroy()]);
    let asked = clean.world().asked.clone();
    let changes = asked.iter().enumerate();
    let changes = changes.filter(|(_, line)| !line.starts_with("GET"));
    for (at, line) in changes {
        let folder = tempfile::tempdir().unwrap();
        let mut world = there();
        world.away_after = Some(at);
        let server = Server::start(world);
        let ran = run(&server, &journal(&folder), &[destroy()]);
        assert_eq!(ran.answer, Ok(Answer::Yes), "{line}: {:?}", ran.records);
        let world = server.world();
        assert_eq!(world.away_after, None, "{line}: it was away");
        assert_eq!(world.count("DELETE"), 1, "{line}");
        assert!(!world.guests.contains_key(&100), "{line}");
    }
}
