//! What goes wrong outside: gateways that answer for the API, targets without power, lost quorum,
//! reads that fail. What ran runs in the end, and nothing is done twice.

use serde_json::{Value, json};

use crate::{
    recovery::{Case, faults},
    sim::{Sim, cluster, container, four_at_once, machine, step, with},
};

/// A gateway's page instead of the answer to a request, which has its effect all the same.
fn page(request: &str, status: u16) -> Value {
    json!({"fault": "reply", "match": request, "acts": true, "status": status, "form": "html"})
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let ct = || container(100, "a");
    let vm = || machine(100, "a");
    let slow = |guest: Value| with(guest, json!({"shutdown_secs": 30}));
    let shutdown = || json!({"action": "shutdown"});
    let quorum_again = |looks: u32| json!({"fault": "quorum", "when": {"request": "GET *cluster/status", "after": looks}});
    let mut cases: Vec<Case> = [302, 404, 429, 502, 503, 504, 597, 598].into_iter().map(|status| {
        Case::new("a page answers for a migration that goes on", slow(ct()), faults(json!([page("POST *migrate", status)])))
    }).collect();
    cases.extend([
        Case::new("an empty 595 to a migration that goes on", slow(ct()), faults(json!([{"fault": "reply", "match": "POST *migrate", "acts": true, "status": 595, "form": "empty"}]))),
        Case::new("an answer cut off in its middle", slow(ct()), faults(json!([{"fault": "reply", "match": "POST *migrate", "form": "half"}]))),
        Case::new("a page answers for a shutdown", slow(vm()), faults(json!([page("POST *shutdown", 504)]))).step(shutdown()),
        Case::new("pages answer for a shutdown, which is none", vm(), faults(json!([{"fault": "reply", "match": "POST *shutdown", "status": 504, "form": "html", "times": 9}]))).step(shutdown()).stays("not-moved").asked(0),
        Case::new("a page answers for a start", ct(), faults(json!([{"fault": "start-fails", "node": "b"}, page("POST *start", 502)]))),
        Case::new("a page answers for a resume", vm(), faults(json!([{"fault": "resume-fails"}, page("POST *resume", 503)]))),
        Case::new("a page comes before the API, for ever", ct(), faults(json!([{"fault": "reply", "match": "POST *migrate", "status": 503, "form": "html", "times": 9}]))).stays("not-moved").asked(2),
        Case::new("a worker that is not heard of", ct(), faults(json!([{"fault": "no-worker", "match": "POST *migrate"}]))).stays("not-moved"),
        Case::new("reads of the last check fail once", ct(), faults(json!([{"fault": "reply", "match": "GET *config", "status": 502, "form": "html"}, {"fault": "reply", "match": "GET *migrate*", "status": 596, "form": "empty"}]))),
        Case::new("the target loses its power in mid-copy", large(), faults(json!([power_lost()]))).stays("not-moved"),
        Case::new("the same, and PVE can't start it again", large(), faults(json!([power_lost(), {"fault": "start-fails", "node": "a"}]))).stays("not-moved"),
        Case::new("quorum is lost before the copy, for a while", slow(ct()), faults(json!([{"fault": "no-quorum", "when": {"task": "vzmigrate", "phase": "shutdown"}}, quorum_again(40)]))).stays("not-moved"),
        Case::new("no quorum at first", ct(), with(json!({"quorate": false}), faults(json!([quorum_again(30)])))),
    ]);
    cases
}

#[test]
fn what_fails_outside_leaves_nothing_stopped() {
    let cases = cases();
    four_at_once(&cases, |case| case.name.to_owned(), Case::run);
}

/// A container whose copy takes half an hour.
fn large() -> Value {
    let disk = "thin:vm-100-disk-0,size=200G";
    with(container(100, "a"), json!({"config": {"rootfs": disk}}))
}

/// The target loses its power when the copy has been followed for a while.
fn power_lost() -> Value {
    json!({"fault": "node-down", "node": "b", "when": {"request": "GET */log*", "after": 12}})
}

/// How often the end of a task was asked for.
fn deletes(sim: &Sim) -> usize {
    let truth = sim.truth();
    let requests = truth["requests"].as_array().unwrap();
    requests.iter().filter(|r| r["method"] == "DELETE").count()
}

/// The end of the task is asked for once, and only where the target is really gone.
#[test]
fn a_hung_copy_is_ended_once() {
    let back =
        json!({"fault": "node-up", "node": "b", "when": {"request": "GET */log*", "after": 14}});
    #[rustfmt::skip]
    let cases = [
        ("the target is gone",    json!([power_lost()]), 1),
        ("it is back in moments", json!([power_lost(), back]), 0),
        ("it only hangs",         json!([{"fault": "hangs"}]), 0),
    ];
    for (name, fault, want) in cases {
        let guest = large();
        let sim = Sim::start(&with(cluster(std::slice::from_ref(&guest)), faults(fault)));
        let ran = sim.run(&[step(&guest, "b")]);
        assert_eq!(deletes(&sim), want, "{name}: {ran:#?}");
        if want == 1 {
            assert_eq!(sim.truth()["guests"]["100"]["status"], "running", "{name}");
            let journal = std::fs::read_to_string(sim.journal()).unwrap();
            assert_eq!(journal.matches("end-task").count(), 1, "{name}: {journal}");
        }
    }
}

/// What the last check could not read is no failure: the same command, when it can, does it.
#[test]
fn what_was_not_read_is_tried_again_by_the_same_command() {
    let guest = container(100, "a");
    let silent = json!([{"fault": "reply", "match": "GET *100/config", "status": 502, "form": "html", "times": 9999}]);
    let sim = Sim::start(&with(cluster(std::slice::from_ref(&guest)), faults(silent)));
    let plan = [step(&guest, "b")];
    let ran = sim.run(&plan);
    assert_eq!(
        (ran.code, &ran.record(100)["error"]["code"]),
        (3, &json!("unread")),
        "{ran:#?}"
    );
    let journal = std::fs::read_to_string(sim.journal()).unwrap();
    assert!(!journal.contains("failed"), "{journal}");
    let well = Sim::start(&cluster(std::slice::from_ref(&guest)));
    std::fs::copy(sim.journal(), well.journal()).unwrap();
    let ran = well.run(&plan);
    assert_eq!(
        (ran.code, &ran.record(100)["phase"]),
        (0, &json!("verified")),
        "{ran:#?}"
    );
}

/// What a broken copy leaves is named; what removes it only where no guest has it.
#[test]
fn what_a_copy_leaves_is_named() {
    let guest = container(100, "a");
    // A token sees images only with VM.Config.Disk.
    let may = json!([
        "VM.Audit",
        "VM.Migrate",
        "VM.PowerMgmt",
        "VM.Config.Disk",
        "Sys.Audit",
        "Datastore.Audit"
    ]);
    let sees = json!({"tokens": {"t@pve!x": "s"}, "rights": {"t@pve!x": {"/": may}}});
    let sim = Sim::start(&with(
        with(cluster(std::slice::from_ref(&guest)), sees),
        faults(json!([{"fault": "copy-fails", "times": 2}])),
    ));
    let first = sim.run(&[step(&guest, "b")]);
    let own = json!({"node": "b", "volume": "thin:vm-100-disk-0"});
    assert_eq!(first.record(100)["leftovers"], json!([own]), "{first:#?}");
    std::fs::remove_file(sim.journal()).unwrap();
    let second = sim.run(&[step(&guest, "b")]);
    // The log did not speak of it, so no command is given.
    let next = json!({"node": "b", "volume": "thin:vm-100-disk-1"});
    assert_eq!(
        second.record(100)["leftovers"],
        json!([own, next]),
        "{second:#?}"
    );
    let truth = sim.truth();
    assert_eq!(
        truth["leftovers"].as_array().unwrap().len(),
        2,
        "none is removed: {truth:#}"
    );
}

/// Where the HA manager's own shutdown hung, no rule and no maintenance is blamed.
#[test]
fn a_shutdown_that_hung_under_ha_is_named() {
    let guest = with(container(100, "a"), json!({"shutdown_secs": 200}));
    let managed = json!({"ha": {"resources": {"ct:100": {"state": "started"}}}});
    let sim = Sim::start(&with(cluster(std::slice::from_ref(&guest)), managed));
    let plan = [with(
        step(&guest, "b"),
        json!({"action": "ha", "ha": "ct:100"}),
    )];
    let ran = sim.run(&plan);
    let message = ran.record(100)["error"]["message"].as_str();
    let message = message.unwrap_or_default();
    assert!(message.contains("did not stop"), "{ran:#?}");
    assert_eq!(
        sim.truth()["guests"]["100"]["status"],
        "running",
        "{ran:#?}"
    );
}
