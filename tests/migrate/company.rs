//! What the HA manager is asked for besides: by a plan that moves a pair, and by somebody else in
//! the same round.

use serde_json::{Value, json};

use crate::{
    recovery::{assert_well_formed, posts},
    sim::{Ran, Sim, cluster, container, machine, step, with},
};

/// How long a round of the manager is, in simulated seconds: half a second here, so that two
/// requests fall into one.
const ROUND_S: u64 = 200;

fn ha(guest: &Value, to: &str) -> Value {
    let kind = if guest["type"] == "lxc" { "ct" } else { "vm" };
    let sid = format!("{kind}:{}", guest["vmid"]);
    with(step(guest, to), json!({"action": "ha", "ha": sid}))
}

fn at(truth: &Value, vmid: u64) -> (&str, &str) {
    let guest = &truth["guests"][vmid.to_string()];
    let word = |name: &str| guest[name].as_str().unwrap();
    (word("node"), word("status"))
}

/// Lets a run ask for the move of VM 100 from a to b, and somebody else, before the manager's next
/// round, for what `path` is.
fn meanwhile(scenario: &Value, path: &str, body: &Value) -> (Sim, Ran) {
    let sim = Sim::start(scenario);
    // Neither so late that the second request comes behind the round, nor so early that the run, which waits for 140 s, gives up before it.
    sim.until("in the middle of a round", |truth| {
        let now = truth["now"].as_f64().unwrap();
        (70.0..100.0).contains(&(now % ROUND_S as f64))
    });
    let child = sim.begin(&[ha(&machine(100, "a"), "b")], &[]);
    sim.until("asked for", |truth| posts(truth, "100/migrate") == 1);
    let path = format!("/api2/json{path}");
    let answer = sim.raw("POST", &path, &sim.authorization(), Some(body));
    assert_eq!(answer.status(), 200, "{path}");
    let ran = Ran::of(child.wait_with_output().unwrap());
    (sim, ran)
}

/// One request moves both, and both have moved.
#[test]
fn what_goes_along_has_changed() {
    let guests = [machine(100, "a"), container(101, "a")];
    let managed = json!({"ha": {"crm_secs": 20, "resources": {"vm:100": {"state": "started"}, "ct:101": {"state": "started"}},
        "rules": {"together": {"type": "resource-affinity", "affinity": "positive", "resources": "vm:100,ct:101"}}}});
    let sim = Sim::start(&with(cluster(&guests), managed));
    let follower = json!({"along": 100, "after": [100]});
    let plan = [ha(&guests[0], "b"), with(ha(&guests[1], "b"), follower)];
    let ran = sim.run(&plan);
    let truth = sim.truth();
    assert_eq!(ran.code, 0, "{ran:#?}");
    for vmid in [100, 101] {
        let record = ran.record(vmid);
        assert_eq!(
            (&record["phase"], &record["changed"]),
            (&json!("verified"), &json!(true)),
            "{record}"
        );
        assert_eq!(at(&truth, vmid), ("b", "running"));
    }
    assert_eq!(posts(&truth, "/migrate"), 1, "{truth:#}");
    assert_well_formed(&truth, "along");
}

/// Of two requests in one round the manager obeys the last: the guest goes where somebody else
/// wants it, and that is said, not undone.
#[test]
fn the_last_request_of_a_round_counts() {
    let guest = machine(100, "a");
    let managed =
        json!({"ha": {"crm_secs": ROUND_S, "resources": {"vm:100": {"state": "started"}}}});
    let scenario = with(cluster(&[guest]), managed);
    let body = json!({"target": "c", "online": 1});
    let (sim, ran) = meanwhile(&scenario, "/nodes/a/qemu/100/migrate", &body);
    let (record, truth) = (ran.record(100), sim.truth());
    assert_eq!(at(&truth, 100), ("c", "running"), "{truth:#}");
    assert_eq!(
        (ran.code, &record["phase"], &record["error"]["code"]),
        (1, &json!("failed"), &json!("elsewhere")),
        "{ran:#?}"
    );
    assert_eq!(
        posts(&truth, "100/migrate"),
        2,
        "it is not asked for again: {truth:#}"
    );
}

/// A sibling that is only on its way to the target doesn't count: both arrive, and both are thrown
/// out again. The move is not called done.
#[test]
fn a_sibling_on_its_way_lets_both_arrive_and_neither_stay() {
    let guests = [machine(100, "a"), machine(101, "c")];
    let managed = json!({"nodes": {"d": {"maxmem": 34_359_738_368_u64, "maxcpu": 8}},
        "ha": {"crm_secs": ROUND_S, "resources": {"vm:100": {"state": "started"}, "vm:101": {"state": "started"}},
        "rules": {"apart": {"type": "resource-affinity", "affinity": "negative", "resources": "vm:100,vm:101"}}}});
    let scenario = with(cluster(&guests), managed);
    let body = json!({"target": "b", "online": 1});
    let (sim, ran) = meanwhile(&scenario, "/nodes/c/qemu/101/migrate", &body);
    let truth = sim.until("thrown out", |truth| {
        let on_b = |vmid| at(truth, vmid).0 == "b";
        let moved = |vmid: u64| {
            truth["guests"][vmid.to_string()]["moves"]
                .as_array()
                .unwrap()
                .len()
                > 1
        };
        moved(100) && moved(101) && !(on_b(100) && on_b(101))
    });
    for vmid in [100, 101] {
        assert_eq!(at(&truth, vmid).1, "running", "{truth:#}");
    }
    let record = ran.record(100);
    assert_ne!(record["phase"], "verified", "{ran:#?}");
    assert_eq!(ran.code, 1, "{ran:#?}");
}
