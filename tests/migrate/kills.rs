//! Whatever goes wrong, and whenever the run is killed: what ran runs, or is reported;
//! nothing moves twice; what is blocked is not touched.

use std::{
    collections::BTreeMap,
    fs,
    process::Child,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    recovery::{assert_well_formed, posts},
    sim::{Ran, Sim, cluster, container, four_at_once, machine, step, with},
};

/// Clusters that are made up, under CI=true and elsewhere; `PVX_SEEDS=FROM-TO` takes others.
const SEEDS: [u64; 2] = [300, 40];

/// Simulated seconds in one, the most that the tool takes.
pub const FAST: f64 = 1000.0;

/// Runs that were really cut off.
static KILLED: AtomicUsize = AtomicUsize::new(0);

/// A generator of numbers (SplitMix64), so that a seed is all that a failure needs to be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A cluster, the plan of a drain of its node a, and what will go wrong.
struct World {
    scenario: Value,
    plan: Vec<Value>,
}

fn world(dice: &mut Dice) -> World {
    let (mut guests, mut plan, mut faults, mut services) =
        (Vec::new(), Vec::new(), Vec::new(), json!({}));
    for vmid in 100..104 + dice.roll(5) {
        let ct = dice.one_in(2);
        let mut guest = if ct {
            container(vmid, "a")
        } else {
            machine(vmid, "a")
        };
        if dice.one_in(5) {
            guest["status"] = "stopped".into();
        }
        guest["shutdown_secs"] = (2 + dice.roll(20)).into();
        let to = ["b", "c"][dice.roll(2) as usize];
        let mut row = step(&guest, to);
        let running = guest["status"] == "running";
        if dice.one_in(6) {
            row = with(
                row,
                json!({"to": null, "action": "blocked", "blockers": [{"code": "test", "message": "stays"}]}),
            );
        } else if dice.one_in(6) {
            let sid = format!("{}:{vmid}", if ct { "ct" } else { "vm" });
            services[&sid] = json!({"state": if running { "started" } else { "stopped" }});
            row = with(row, json!({"action": "ha", "ha": sid}));
        } else if !ct && running && dice.one_in(4) {
            row["action"] = "shutdown".into();
        }
        if dice.one_in(3) && !plan.is_empty() {
            let other: &Value = &plan[dice.roll(plan.len() as u64) as usize];
            row["after"] = json!([other["vmid"]]);
        }
        for _ in 0..dice.roll(3) {
            if let Some(fault) = fault(dice, vmid, to, &mut guest) {
                faults.push(fault);
            }
        }
        guests.push(guest);
        plan.push(row);
    }
    if dice.one_in(4) {
        let (node, at) = (["a", "b", "c"][dice.roll(3) as usize], 20 + dice.roll(200));
        faults.push(json!({"fault": "node-down", "node": node, "when": {"at": at}}));
        if dice.one_in(2) {
            faults.push(
                json!({"fault": "node-up", "node": node, "when": {"at": at + 30 + dice.roll(200)}}),
            );
        }
    }
    if dice.one_in(6) {
        let node = ["a", "b", "c"][dice.roll(3) as usize];
        faults
            .push(json!({"fault": "pvestatd-dies", "node": node, "when": {"at": dice.roll(100)}}));
    }
    for _ in 0..dice.roll(3) / 2 * (1 + dice.roll(2)) {
        let at = 10 + dice.roll(200);
        faults.push(json!({"fault": "no-quorum", "when": {"at": at}}));
        faults.push(json!({"fault": "quorum", "when": {"at": at + 5 + dice.roll(300)}}));
    }
    let files = json!({"a": {"files": [HOOK]}});
    let more = json!({"nodes": files, "storages": {"local": {"type": "dir", "content": "iso,snippets"}}, "faults": faults, "ha": {"resources": services}, "api": 8 + dice.roll(2)});
    World {
        scenario: with(cluster(&guests), more),
        plan,
    }
}

/// A hook script that only the source has.
const HOOK: &str = "local:snippets/hook.pl";

fn fault(dice: &mut Dice, vmid: u64, to: &str, guest: &mut Value) -> Option<Value> {
    let reply = |verb: &str, acts: bool| json!({"fault": "reply", "match": format!("POST */{vmid}/*{verb}"), "acts": acts});
    Some(match dice.roll(26) {
        0 => json!({"fault": "copy-fails", "vmid": vmid}),
        1 => json!({"fault": "start-fails", "vmid": vmid, "node": to, "times": 1 + dice.roll(4)}),
        2 => json!({"fault": "start-fails", "vmid": vmid, "times": 1 + dice.roll(2)}),
        3 => json!({"fault": "dies-shutdown", "vmid": vmid}),
        4 => json!({"fault": "dies-copy", "vmid": vmid}),
        5 => json!({"fault": "live-fails", "vmid": vmid}),
        6 => json!({"fault": "resume-fails", "vmid": vmid}),
        7 => json!({"fault": "warnings", "vmid": vmid}),
        8 => {
            guest["shutdown_secs"] = (100 + dice.roll(200)).into();
            return None;
        }
        9 => json!({"fault": "crm-deaf", "vmid": vmid}),
        10 => reply("migrate", true),
        11 => reply("migrate", false),
        12 => reply("start", dice.one_in(2)),
        13 => reply("shutdown", dice.one_in(2)),
        14 => {
            guest["config"]["hookscript"] = HOOK.into();
            return None;
        }
        15 => {
            guest["boot_secs"] = 20.into(); // no rollback is done in the time that a signal gives
            return None;
        }
        16 => json!({"fault": "slow-undo", "vmid": vmid}),
        17 => json!({"fault": "no-worker", "match": format!("POST */{vmid}/*")}),
        18 | 19 => {
            let verb = ["migrate", "start", "shutdown", "resume"][dice.roll(4) as usize];
            let acts = dice.one_in(2);
            front(dice, reply(verb, acts))
        }
        20 => with(reply("migrate", true), json!({"form": "half"})),
        21 => {
            json!({"fault": "reply", "match": format!("GET */{vmid}/*"), "status": 502, "form": "html", "times": 1 + dice.roll(3)})
        }
        22 => {
            json!({"fault": "reply", "match": "GET */tasks*", "status": 596, "form": "empty", "times": 1 + dice.roll(3)})
        }
        23 if guest["type"] == "qemu" && guest["status"] == "running" => {
            guest["qmpstatus"] = "paused".into();
            return None;
        }
        _ => with(
            reply("*", dice.one_in(2)),
            json!({"times": 1 + dice.roll(2)}),
        ),
    })
}

/// An answer that isn't the API's.
fn front(dice: &mut Dice, reply: Value) -> Value {
    let (status, form) = [
        (302, "redirect"),
        (502, "html"),
        (503, "html"),
        (504, "html"),
        (595, "empty"),
        (597, "empty"),
        (598, "json"),
    ][dice.roll(7) as usize];
    with(reply, json!({"status": status, "form": form}))
}

fn survive(seed: u64) {
    let mut dice = Dice(seed);
    let World { scenario, plan } = world(&mut dice);
    let sim = Sim::at_speed(&scenario, FAST);
    for _ in 0..dice.roll(4) {
        let child = sim.begin(&plan, &["--partial", "--jobs-per-node", "4"]);
        let lines = journal_lines(&sim) + dice.roll(15) as usize;
        let killed = kill_at(&sim, child, lines);
        KILLED.fetch_add(usize::from(killed), Ordering::Relaxed);
    }
    // Without the plan, what was begun is brought to an end all the same.
    let all = if dice.one_in(4) { &[][..] } else { &plan[..] };
    let ran = Ran::of(
        sim.begin(all, &["--partial", "--jobs-per-node", "4"])
            .wait_with_output()
            .unwrap(),
    );
    let said = format!("seed {seed}: {}\n{:#?}", ran.said, ran.records);
    assert!([0, 1, 3].contains(&ran.code), "{said}");
    settled(&sim, &plan, &scenario, &ran, &said);
}

fn journal_lines(sim: &Sim) -> usize {
    fs::read_to_string(sim.journal()).map_or(0, |text| text.lines().count())
}

/// Ends a run by SIGKILL as soon as its journal has so many lines; false if it was done before.
pub fn kill_at(sim: &Sim, mut child: Child, lines: usize) -> bool {
    while child.try_wait().unwrap().is_none() {
        if journal_lines(sim) >= lines {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(3));
    }
    child.wait_with_output().unwrap().status.code().is_none()
}

/// What must hold in the end.
pub fn settled(sim: &Sim, plan: &[Value], scenario: &Value, ran: &Ran, said: &str) {
    let told = last_phases(sim);
    // HA acts by itself, and may be about to start what it has just moved.
    let truth = sim.until("HA at rest", |truth| {
        plan.iter()
            .filter(|row| row["ha"].is_string() && row["was_running"] == true)
            .all(|row| {
                let is = &truth["guests"][row["vmid"].to_string()];
                let dead = last_cause(truth, &row["vmid"]) == "node died";
                is["status"] == "running"
                    || !is["lock"].is_null()
                    || dead
                    || died(scenario, &is["node"])
            })
    });
    for (row, guest) in plan.iter().zip(scenario["guests"].as_array().unwrap()) {
        let vmid = &row["vmid"];
        let is = &truth["guests"][vmid.to_string()];
        let why = || format!("{vmid}: {is:#}\n{said}\n{:#}", of(&truth, vmid));
        let reported = told
            .get(&vmid.as_u64().unwrap())
            .is_some_and(|phase| phase == "stuck")
            || ran.code == 3
                && ran
                    .records
                    .iter()
                    .any(|r| r["vmid"] == *vmid && r["error"].is_object());
        let was_paused = guest["qmpstatus"] == "paused";
        let runs = is["status"] == "running" && (is["paused"] == false || was_paused);
        let once = |cause: &str| {
            let changes = of(&truth, vmid);
            let mut changes = changes.as_array().unwrap().iter();
            changes.any(|change| change["cause"] == cause)
        };
        // A guest whose node died without anything of ours being asked of it is none of our doing.
        let untouched = !told.contains_key(&vmid.as_u64().unwrap()) && once("node died");
        let last = last_cause(&truth, vmid);
        if guest["status"] == "running" {
            // The manager had it off, or was starting it, when its node died.
            let with_its_node = row["ha"].is_string() && died(scenario, &is["node"]);
            let excused = reported || untouched || last == "node died" || with_its_node;
            assert!(runs || excused, "it ran and is stopped: {}", why());
        } else {
            // A node that boots starts its guests, and one that runs is moved as such.
            assert!(
                !runs || once("node booted"),
                "it was stopped and runs: {}",
                why()
            );
        }
        let there = is["moves"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["to"] == row["to"])
            .count();
        assert!(there <= 1, "moved twice: {}", why());
        if row["action"] == "blocked" {
            let touched = truth["requests"].as_array().unwrap().iter();
            let touched = touched.filter(|r| {
                r["method"] != "GET" && r["path"].as_str().unwrap().contains(&format!("/{vmid}/"))
            });
            assert_eq!(touched.count(), 0, "blocked, and touched: {}", why());
        }
    }
    assert!(posts(&truth, "/migrate") <= 4 * plan.len(), "{said}");
    assert_well_formed(&truth, said);
}

/// A node that goes down and does not come up again. This manager takes nothing over from it.
fn died(scenario: &Value, node: &Value) -> bool {
    let faults = scenario["faults"].as_array().into_iter().flatten();
    let of_node = faults.filter(|fault| fault["node"] == *node);
    let mut kinds = of_node.filter_map(|fault| fault["fault"].as_str());
    let last = kinds.rfind(|kind| ["node-down", "node-up"].contains(kind));
    last == Some("node-down")
}

/// What was last done with it.
fn last_cause(truth: &Value, vmid: &Value) -> String {
    let changes = of(truth, vmid);
    let last = changes
        .as_array()
        .unwrap()
        .last()
        .cloned()
        .unwrap_or_default();
    last["cause"].as_str().unwrap_or_default().to_owned()
}

fn of(truth: &Value, vmid: &Value) -> Value {
    let changes = truth["history"].as_array().unwrap().iter();
    changes
        .filter(|change| change["vmid"] == *vmid)
        .cloned()
        .collect()
}

/// The last phase of each guest in the journal.
fn last_phases(sim: &Sim) -> BTreeMap<u64, String> {
    let text = fs::read_to_string(sim.journal()).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a whole line"));
    let phases = lines.map(|line| {
        let phase = line["phase"].as_str().unwrap().to_owned();
        (line["vmid"].as_u64().unwrap(), phase)
    });
    phases.collect()
}

#[test]
fn nothing_that_ran_is_left_stopped() {
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let range = std::env::var("PVX_SEEDS").ok();
    let range = range.and_then(|text| {
        let (from, to) = text.split_once('-')?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    let seeds: Vec<u64> = range.unwrap_or(0..SEEDS[usize::from(!ci)]).collect();
    four_at_once(&seeds, |seed| format!("seed {seed}"), |seed| survive(*seed));
    let killed = KILLED.load(Ordering::Relaxed);
    assert!(
        killed >= seeds.len() / 4,
        "too few runs were cut off for this to mean anything: {killed}"
    );
}
