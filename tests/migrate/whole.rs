//! A run as a whole: killed and resumed, interrupted, in order and within limits, refused before
//! anything is done.

use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    recovery::{assert_well_formed, posts},
    sim::{Ran, Sim, cluster, container, machine, step, with},
};

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

fn ended(child: Child) -> Ran {
    Ran::of(child.wait_with_output().unwrap())
}

/// Waits until a guest has this lock.
fn until_locked(sim: &Sim, vmid: u64) {
    sim.until("locked", |truth| {
        truth["guests"][vmid.to_string()]["lock"] == "migrate"
    });
}

fn at(truth: &Value, vmid: u64) -> (String, bool) {
    let guest = &truth["guests"][vmid.to_string()];
    (
        guest["node"].as_str().unwrap().to_owned(),
        guest["status"] == "running",
    )
}

#[test]
fn killed_while_a_task_runs_it_is_adopted() {
    let guests = [
        with(
            container(100, "a"),
            json!({"config": {"rootfs": "thin:vm-100-disk-0,size=40G"}}),
        ),
        machine(101, "a"),
    ];
    let sim = Sim::start(&cluster(&guests));
    let plan: Vec<Value> = guests.iter().map(|guest| step(guest, "b")).collect();
    let mut child = sim.begin(&plan, &["--jobs", "1"]);
    until_locked(&sim, 100);
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let truth = sim.truth();
    assert_eq!(
        (at(&truth, 100), at(&truth, 101)),
        (("b".into(), true), ("b".into(), true))
    );
    assert_eq!(posts(&truth, "/migrate"), 2, "each was asked for once");
    assert_well_formed(&truth, "adopted");
    // And a third time there is nothing to do.
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.records.iter().all(|record| record["changed"] == false),
        "{ran:#?}"
    );
    assert_eq!(posts(&sim.truth(), "/migrate"), 2);
}

#[test]
fn killed_between_shutdown_and_move() {
    let guest = machine(100, "a");
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let plan = [with(step(&guest, "b"), json!({"action": "shutdown"}))];
    let mut child = sim.begin(&plan, &[]);
    sim.until("shutting down", |truth| posts(truth, "/shutdown") == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    sim.until("stopped", |truth| !at(truth, 100).1);
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(at(&sim.truth(), 100), ("b".into(), true));
    assert_eq!(posts(&sim.truth(), "/shutdown"), 1, "{:#}", sim.truth());
}

#[test]
fn killed_between_shutdown_and_move_and_the_plan_is_lost() {
    let guest = machine(100, "a");
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let plan = [with(step(&guest, "b"), json!({"action": "shutdown"}))];
    let mut child = sim.begin(&plan, &[]);
    sim.until("shutting down", |truth| posts(truth, "/shutdown") == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = sim.run(&[]);
    assert_eq!((ran.code, ran.records.len()), (1, 1), "{ran:#?}");
    assert_eq!(
        at(&sim.truth(), 100),
        ("a".into(), true),
        "{:#}",
        sim.truth()
    );
}

#[test]
fn a_stale_lock_is_told_and_the_next_run_goes_on() {
    let guest = container(100, "a");
    let faults = json!({"faults": [{"fault": "dies-copy"}]});
    let sim = Sim::start(&with(cluster(std::slice::from_ref(&guest)), faults));
    let plan = [step(&guest, "b")];
    let ran = sim.run(&plan);
    let message = ran.record(100)["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("on a: pct unlock 100 && pct start 100"),
        "{message}"
    );
    assert!(ran.said.contains("1 guests need a person"), "{}", ran.said);
    assert_eq!((ran.code, at(&sim.truth(), 100)), (3, ("a".into(), false)));
    sim.fault(&json!({"fault": "unlock", "vmid": 100}));
    let ran = sim.run(&plan);
    assert_eq!(
        (ran.code, at(&sim.truth(), 100)),
        (1, ("a".into(), true)),
        "{ran:#?}"
    );
    assert_eq!(ran.record(100)["error"]["code"], "not-moved");
}

#[test]
fn the_first_interrupt_begins_nothing_new() {
    for name in ["-INT", "-TERM"] {
        let guests = [
            container(100, "a"),
            container(101, "a"),
            container(102, "a"),
        ];
        let sim = Sim::start(&cluster(&guests));
        let plan: Vec<Value> = guests.iter().map(|guest| step(guest, "b")).collect();
        let child = sim.begin(&plan, &["--jobs", "1"]);
        until_locked(&sim, 100);
        signal(&child, name);
        let ran = ended(child);
        assert_eq!(ran.code, 3, "{ran:#?}");
        assert_eq!(ran.record(100)["phase"], "verified", "{ran:#?}");
        assert_eq!(ran.record(102)["error"]["code"], "not-begun");
        assert!(
            ran.said
                .contains("stopped: 2 moves were not begun, nothing is under way"),
            "{}",
            ran.said
        );
        assert_eq!(posts(&sim.truth(), "/migrate"), 1);
        assert_eq!(sim.run(&plan).code, 0, "and the next run does the rest");
        assert_eq!(posts(&sim.truth(), "/migrate"), 3);
    }
}

#[test]
fn the_second_interrupt_leaves_it_to_the_journal() {
    let guest = with(
        container(100, "a"),
        json!({"config": {"rootfs": "thin:vm-100-disk-0,size=200G"}}),
    );
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let plan = [step(&guest, "b")];
    let child = sim.begin(&plan, &[]);
    until_locked(&sim, 100);
    signal(&child, "-INT");
    std::thread::sleep(std::time::Duration::from_millis(50)); // two signals at once are one
    signal(&child, "-INT");
    let ran = ended(child);
    assert_eq!(
        (ran.code, &ran.record(100)["error"]["code"]),
        (3, &json!("abandoned")),
        "{ran:#?}"
    );
    assert_eq!(
        sim.truth()["guests"]["100"]["lock"],
        "migrate",
        "it is under way"
    );
    assert_eq!(sim.run(&plan).code, 0);
    assert_eq!(
        (posts(&sim.truth(), "/migrate"), at(&sim.truth(), 100)),
        (1, ("b".into(), true))
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_run_after_what_is_under_way() {
    let guests = [container(100, "a"), container(101, "a")];
    let sim = Sim::start(&cluster(&guests));
    let plan: Vec<Value> = guests.iter().map(|guest| step(guest, "b")).collect();
    let mut child = sim.begin(&plan, &["--jobs", "1"]);
    drop(child.stdout.take());
    let ran = ended(child);
    assert_eq!(ran.code, 3, "{ran:#?}");
    let truth = sim.truth();
    assert_eq!(
        (at(&truth, 100), at(&truth, 101)),
        (("b".into(), true), ("a".into(), true))
    );
}

#[test]
fn order_and_limits_are_kept() {
    // Each takes so long that the next one begins beside it, also on a machine that is busy.
    let slow = |vmid| with(container(vmid, "a"), json!({"shutdown_secs": 50}));
    let guests: Vec<Value> = (100..108).map(slow).collect();
    let sim = Sim::start(&cluster(&guests));
    let to = |vmid: u64| if vmid.is_multiple_of(2) { "b" } else { "c" };
    let mut plan: Vec<Value> = guests
        .iter()
        .map(|guest| step(guest, to(guest["vmid"].as_u64().unwrap())))
        .collect();
    plan[0]["after"] = json!([107]);
    let ran = ended(sim.begin(&plan, &["--jobs", "3", "--jobs-per-node", "2"]));
    assert_eq!(ran.code, 0, "{ran:#?}");
    let truth = sim.truth();
    let tasks = truth["tasks"].as_array().unwrap();
    let span = |task: &Value| {
        (
            task["start"].as_f64().unwrap(),
            task["end"].as_f64().unwrap(),
        )
    };
    let most = tasks.iter().map(|one| {
        let (start, _) = span(one);
        tasks
            .iter()
            .filter(|other| span(other).0 <= start && start < span(other).1)
            .count()
    });
    assert_eq!(most.max(), Some(2), "two out of a, and no fewer");
    let of = |vmid: u64| span(tasks.iter().find(|task| task["vmid"] == vmid).unwrap());
    assert!(of(100).0 >= of(107).1, "100 waits for 107");
}

#[test]
fn what_waits_for_a_guest_that_is_down_is_not_begun() {
    let guests = [container(100, "a"), container(101, "a")];
    let sim = Sim::start(&with(
        cluster(&guests),
        json!({"faults": [{"fault": "dies-copy", "vmid": 100}]}),
    ));
    let plan = [
        step(&guests[0], "b"),
        with(step(&guests[1], "b"), json!({"after": [100]})),
    ];
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 3);
    let message = &ran.record(101)["error"]["message"];
    assert_eq!(message, "not begun: it waits for 100, which needs a person");
    assert_eq!(at(&sim.truth(), 101), ("a".into(), true));
}

/// Everything that is refused before the cluster is asked to do anything.
#[test]
fn refused_before_anything_is_done() {
    let guest = container(100, "a");
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let good = step(&guest, "b");
    let blocked = json!({"vmid": 101, "to": null, "action": "blocked", "blockers": [{"code": "x", "message": "a reason"}]});
    let blocked = with(step(&container(101, "a"), "b"), blocked);
    let whole = good.to_string();
    #[rustfmt::skip]
    let cases: &[(&str, String, &[&str], i32, &str)] = &[
        ("old",                 with(good.clone(), json!({"state_at": "2026-01-01T00:00:00Z"})).to_string(), &[], 2, "old; --max-age is 10m"),
        ("another cluster",     with(good.clone(), json!({"cluster": "other"})).to_string(), &[], 2, "the plan is of the cluster \"other\""),
        ("cut off",             whole[..whole.len() / 2].to_owned(), &[], 2, "stdin"),
        ("no step",             "{\"vmid\":1}".to_owned(), &[], 2, "record 1: no step of a plan"),
        ("twice",               format!("{good}\n{good}"), &[], 2, "100 is in the plan twice"),
        ("from a path",         with(good.clone(), json!({"from": "a/lxc/200/status/stop?x="})).to_string(), &[], 2, "is no name of a node"),
        ("nowhere to go",       with(good.clone(), json!({"to": null})).to_string(), &[], 2, "100 has no node to go to"),
        ("a wrong option",      whole.clone(), &["--no-such"], 2, "--no-such"),
        ("a guest would stay",  format!("{good}\n{blocked}"), &[], 1, ""),
        ("an error record",     r#"{"vmid":100,"error":{"code":"x","message":"y"}}"#.to_owned(), &[], 1, ""),
        ("nothing",             String::new(), &[], 0, "no step came in: nothing is done"),
        ("a dry run",           whole.clone(), &["--dry-run"], 0, ""),
    ];
    for (name, plan, words, code, said) in cases {
        let ran = ended(feed(&sim, plan, words));
        assert_eq!(ran.code, *code, "{name}: {ran:#?}");
        assert!(ran.said.contains(said), "{name}: {}", ran.said);
        assert!(
            ran.records
                .iter()
                .all(|record| record["changed"].as_bool() == Some(false)),
            "{name}: {ran:#?}"
        );
        if *code == 2 {
            assert!(!sim.journal().exists(), "{name}");
        }
    }
    let truth = sim.truth();
    let posts = truth["requests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["method"] != "GET")
        .count();
    assert_eq!(posts, 0, "{truth:#}");
    // With --partial the other one goes.
    let ran = ended(feed(&sim, &format!("{good}\n{blocked}"), &["--partial"]));
    assert_eq!(
        (ran.code, at(&sim.truth(), 100).0),
        (1, "b".to_owned()),
        "{ran:#?}"
    );
    assert_eq!(ran.record(101)["error"]["message"], "a reason");
}

fn feed(sim: &Sim, plan: &str, words: &[&str]) -> Child {
    let file = sim.folder.path().join("plan");
    fs::write(&file, plan).unwrap();
    let journal = sim.journal();
    let mut all = vec!["run", "--journal", journal.to_str().unwrap()];
    all.extend(words);
    let mut command = sim.command(&all);
    command
        .stdin(Stdio::from(fs::File::open(file).unwrap()))
        .spawn()
        .unwrap()
}

#[test]
fn a_journal_is_one_run_s_and_one_cluster_s() {
    let guest = with(
        container(100, "a"),
        json!({"config": {"rootfs": "thin:vm-100-disk-0,size=200G"}}),
    );
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let plan = [step(&guest, "b")];
    let first = sim.begin(&plan, &[]);
    until_locked(&sim, 100);
    let ran = sim.run(&plan);
    assert_eq!(ran.code, 3);
    assert!(ran.said.contains("another run has it open"), "{}", ran.said);
    assert_eq!(ended(first).code, 0);
    let other = Sim::start(&with(cluster(&[guest]), json!({"cluster": "other"})));
    fs::copy(sim.journal(), other.journal()).unwrap();
    let ran = other.run(&[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.said.contains("the journal is of the cluster \"lab\""),
        "{}",
        ran.said
    );
}

/// A disk that is full when the journal is to be written: nothing is asked for.
#[test]
fn without_a_journal_nothing_is_done() {
    let guest = container(100, "a");
    let sim = Sim::start(&cluster(std::slice::from_ref(&guest)));
    let run = sim.command(&["run", "--journal", "journal"]);
    // A file that may not grow, and no signal for it: writing fails as on a full disk.
    let mut bash = Command::new("bash");
    bash.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "bash"])
        .arg(run.get_program())
        .args(run.get_args());
    bash.env_clear().envs(
        run.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    bash.current_dir(sim.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", step(&guest, "b")).unwrap();
    let ran = ended(child);
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert_eq!(ran.record(100)["error"]["code"], "journal", "{ran:#?}");
    assert_eq!(posts(&sim.truth(), "/migrate"), 0, "{ran:#?}");
}
