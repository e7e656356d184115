//! A case for each state that a move can be left in: what `run` finds, and what it does.

use serde_json::{Value, json};

use crate::{
    sim::{Sim, cluster, container, four_at_once, machine, step, with},
    task_words,
};

/// What goes wrong with the move of guest 100 from a to b, and what is to come of it.
pub struct Case {
    pub name: &'static str,
    guest: Value,
    /// Members of the scenario, besides the guest.
    scenario: Value,
    /// Members of the plan's step, besides those that any step has.
    step: Value,
    code: i32,
    /// The phase of its record, and the code of its error.
    ends: (&'static str, &'static str),
    /// Where it is in the end, and whether it runs.
    at: (&'static str, bool),
    /// How often its configuration moved, and how often a migration was asked for.
    moves: usize,
    asked: usize,
}

impl Case {
    pub fn new(name: &'static str, guest: Value, scenario: Value) -> Self {
        let (ends, at) = (("verified", ""), ("b", true));
        Self {
            name,
            guest,
            scenario,
            step: json!({}),
            code: 0,
            ends,
            at,
            moves: 1,
            asked: 1,
        }
    }

    /// It is not moved, and runs as before.
    pub fn stays(mut self, error: &'static str) -> Self {
        self.ends = ("failed", error);
        self.at = ("a", true);
        (self.code, self.moves) = (1, 0);
        self
    }

    /// A person must act.
    pub fn needs_help(
        mut self,
        error: &'static str,
        at: (&'static str, bool),
        moves: usize,
    ) -> Self {
        self.ends = ("stuck", error);
        self.at = at;
        (self.code, self.moves) = (3, moves);
        self
    }

    pub fn step(mut self, change: Value) -> Self {
        self.step = change;
        self
    }

    pub fn asked(mut self, asked: usize) -> Self {
        self.asked = asked;
        self
    }

    pub fn moves(mut self, moves: usize) -> Self {
        self.moves = moves;
        self
    }

    pub fn run(&self) {
        let sim = Sim::start(&with(
            cluster(std::slice::from_ref(&self.guest)),
            self.scenario.clone(),
        ));
        let plan = [with(step(&self.guest, "b"), self.step.clone())];
        let ran = sim.run(&plan);
        let (name, truth) = (self.name, sim.truth());
        let record = ran.record(100);
        let error = record["error"]["code"].as_str().unwrap_or_default();
        assert_eq!(
            (record["phase"].as_str().unwrap(), error),
            self.ends,
            "{name}: {ran:#?}"
        );
        assert_eq!(ran.code, self.code, "{name}: {ran:#?}");
        let guest = &truth["guests"]["100"];
        let at = (
            guest["node"].as_str().unwrap(),
            guest["status"] == "running" && guest["paused"] == false,
        );
        assert_eq!(at, self.at, "{name}: {ran:#?}");
        assert_eq!(
            guest["moves"].as_array().unwrap().len(),
            self.moves,
            "{name}: {truth:#}"
        );
        assert_eq!(posts(&truth, "/migrate"), self.asked, "{name}: {truth:#}");
        assert_well_formed(&truth, name);
        task_words::assert_known(&truth, name);
        if self.code == 3 {
            let message = record["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("100") || message.contains("ha-manager"),
                "{name}: says what to do: {message}"
            );
        }
    }
}

/// How often something was asked for that ends so.
pub fn posts(truth: &Value, end: &str) -> usize {
    let requests = truth["requests"].as_array().unwrap();
    let posts = requests
        .iter()
        .filter(|r| r["method"] == "POST" && r["path"].as_str().unwrap().ends_with(end));
    posts.count()
}

/// No request was one that the API doesn't have.
pub fn assert_well_formed(truth: &Value, name: &str) {
    for request in truth["requests"].as_array().unwrap() {
        assert!(
            request["status"] != 400 && request["status"] != 401,
            "{name}: {request}"
        );
    }
}

pub fn faults(faults: Value) -> Value {
    json!({ "faults": faults })
}

/// A scenario in which the HA manager has the guest.
fn managed(sid: &str, more: Value) -> Value {
    with(
        json!({"ha": {"resources": {sid: {"state": "started"}}}}),
        more,
    )
}

fn cut(acts: bool) -> Value {
    faults(json!([{"fault": "reply", "match": "POST *migrate", "acts": acts}]))
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let ct = || container(100, "a");
    let vm = || machine(100, "a");
    let slow = |seconds: u64| with(ct(), json!({"shutdown_secs": seconds}));
    let off = |guest: Value| with(guest, json!({"status": "stopped"}));
    let ha = || json!({"action": "ha", "ha": "ct:100"});
    let ha_vm = || json!({"action": "ha", "ha": "vm:100"});
    vec![
        Case::new("a container, restarted there", ct(), json!({})),
        Case::new("a VM, live", vm(), json!({})),
        Case::new("a VM that is off", off(vm()), json!({})).at("b", false),
        Case::new("a container that is off", off(ct()), json!({})).at("b", false),
        Case::new("on PVE 8, which can't check a container", ct(), json!({"api": 8})),
        Case::new("a task that ends with warnings", ct(), faults(json!([{"fault": "warnings"}]))),
        Case::new("shut down, moved, started", vm(), json!({})).step(json!({"action": "shutdown"})),

        Case::new("the answer is lost, the task is there", ct(), cut(true)),
        Case::new("the request is lost, no task", ct(), cut(false)).asked(2),
        Case::new("both requests are lost", ct(), faults(json!([{"fault": "reply", "match": "POST *migrate", "times": 9}]))).stays("not-moved").asked(2),
        Case::new("the proxy could not reach the node in time, the task is there", vm(),
            faults(json!([{"fault": "reply", "match": "POST *migrate", "acts": true, "status": 596, "message": "Connection timed out"}]))),
        Case::new("answers are lost while the task is followed", ct(), faults(json!([{"fault": "reply", "match": "GET *tasks*", "times": 4}]))),
        Case::new("the start's answer is lost", ct(), faults(json!([{"fault": "start-fails", "node": "b"}, {"fault": "reply", "match": "POST *start", "acts": true}]))),

        Case::new("the copy fails, PVE starts it again", ct(), faults(json!([{"fault": "copy-fails"}]))).stays("not-moved"),
        Case::new("the copy fails, PVE can't start it again", ct(), faults(json!([{"fault": "copy-fails"}, {"fault": "start-fails", "node": "a"}]))).stays("not-moved"),
        Case::new("snapshots on LVM-thin, found after the shutdown", with(ct(), json!({"snapshots": ["s"]})), json!({})).stays("not-moved"),
        Case::new("a volume that only a snapshot has, on a storage that is not there, found after the shutdown", with(ct(), json!({"snapshots": {"s": {"mp0": "tank:subvol-100-disk-1,mp=/a,size=1G"}},
            "config": {"rootfs": "nas:100/vm-100-disk-0.raw,size=2G"}})), json!({"storages": {"tank": {"type": "zfspool", "content": "rootdir", "pool": "tank", "nodes": "a"}}})).stays("not-moved"),
        Case::new("it shuts down after PVE has given up", slow(200), json!({})).stays("not-moved"),
        Case::new("it never shuts down", with(ct(), json!({"deaf": true})), json!({})).needs_help("did-not-stop", ("a", true), 0),
        Case::new("the worker dies after it has told it to shut down", slow(30), faults(json!([{"fault": "dies-shutdown"}]))).stays("not-moved"),
        Case::new("the worker dies while it copies", ct(), faults(json!([{"fault": "dies-copy"}]))).needs_help("stale-lock", ("a", false), 0),
        Case::new("a VM's worker dies while it copies", vm(), faults(json!([{"fault": "dies-copy"}]))).needs_help("stale-lock", ("a", true), 0),
        Case::new("it does not start there at first", ct(), faults(json!([{"fault": "start-fails", "node": "b"}]))),
        Case::new("it does not start there at all", ct(), faults(json!([{"fault": "start-fails", "node": "b", "times": 9}]))).stays("start-failed").moves(2).asked(2),
        Case::new("it does not start there, and can't be moved back", ct(),
            faults(json!([{"fault": "start-fails", "node": "b", "times": 9}, {"fault": "copy-fails", "when": {"task": "vzmigrate", "phase": "finish"}}]))).needs_help("stopped", ("b", false), 1).asked(2),
        Case::new("the bridge is not there", with(ct(), json!({"config": {"net0": "name=eth0,bridge=vmbr9,type=veth"}})),
            json!({"nodes": {"a": {"bridges": ["vmbr9"]}}})).stays("start-failed").moves(2).asked(2),
        Case::new("the live migration fails", vm(), faults(json!([{"fault": "live-fails"}]))).stays("not-moved"),
        Case::new("a VM is left paused there", vm(), faults(json!([{"fault": "resume-fails"}]))),
        Case::new("a VM can't be resumed at first", vm(), faults(json!([{"fault": "resume-fails"}, {"fault": "resume-refused"}]))),
        Case::new("a VM can't be resumed", vm(), faults(json!([{"fault": "resume-fails"}, {"fault": "resume-refused", "times": 9}]))).needs_help("paused", ("b", false), 1),
        Case::new("a VM's task hangs: a person is to judge it", vm(), faults(json!([{"fault": "hangs"}]))).needs_help("no-progress", ("a", true), 0),
        Case::new("a container's task hangs: it is down, and is not made worse", ct(), faults(json!([{"fault": "hangs"}]))).needs_help("no-progress", ("a", false), 0),
        Case::new("the target dies while it copies", ct(), faults(json!([{"fault": "node-down", "node": "b", "when": {"task": "vzmigrate", "phase": "copy"}}]))).stays("not-moved"),
        Case::new("the target dies under a live migration", vm(), faults(json!([{"fault": "node-down", "node": "b", "when": {"task": "qmigrate", "phase": "copy"}}]))).stays("not-moved"),
        Case::new("its node dies while it copies", ct(), faults(json!([{"fault": "node-down", "node": "a", "when": {"task": "vzmigrate", "phase": "copy"}}]))).needs_help("node-down", ("a", false), 0),
        Case::new("the VM shuts down after PVE has given up", with(vm(), json!({"shutdown_secs": 100})), json!({})).step(json!({"action": "shutdown"})),
        Case::new("a move of a VM that was shut down fails", vm(), faults(json!([{"fault": "copy-fails"}]))).step(json!({"action": "shutdown"})).stays("not-moved"),
        Case::new("somebody moves it elsewhere meanwhile", off(ct()), faults(json!([{"fault": "reply", "match": "POST *migrate", "times": 9}, {"fault": "moved", "vmid": 100, "node": "c", "when": {"request": "POST *migrate"}}])))
            .stays("elsewhere").at("c", false).moves(1),

        Case::new("no quorum", ct(), json!({"quorate": false})).stays("no-quorum").asked(0),
        Case::new("the target is offline", ct(), json!({"nodes": {"b": {"online": false}}})).stays("target-offline").asked(0),
        Case::new("it was stopped since", off(ct()), json!({})).step(json!({"was_running": true, "action": "restart"})).stays("changed").at("a", false).asked(0),
        Case::new("its configuration is another one", ct(), json!({})).step(json!({"digest": "0"})).stays("changed").asked(0),
        Case::new("HA has it now", ct(), managed("ct:100", json!({}))).stays("changed").asked(0),
        Case::new("a backup that ends", with(ct(), json!({"lock": "backup"})), faults(json!([{"fault": "unlock", "vmid": 100, "when": {"at": 60}}]))),
        Case::new("a backup that does not end", with(ct(), json!({"lock": "backup"})), json!({})).stays("locked").asked(0),
        Case::new("the token may not", ct(), json!({"tokens": {"t@pve!x": "s"}, "rights": {"t@pve!x": {"/": ["Sys.Audit"], "/vms": ["VM.Audit", "VM.PowerMgmt"]}}})).stays("refused").asked(0),

        Case::new("HA, a VM", vm(), managed("vm:100", json!({}))).step(ha_vm()),
        Case::new("HA, a container", ct(), managed("ct:100", json!({}))).step(ha()),
        Case::new("HA leaves a VM paused there", vm(), managed("vm:100", faults(json!([{"fault": "resume-fails"}])))).step(ha_vm()),
        Case::new("HA, the answer is lost", vm(), managed("vm:100", cut(true))).step(ha_vm()),
        Case::new("HA says nothing and does nothing", vm(), managed("vm:100", faults(json!([{"fault": "crm-deaf"}])))).step(ha_vm()).stays("ha-refused"),
        Case::new("HA, its sibling is there", vm(), managed("vm:100", json!({"guests": [vm(), machine(101, "b")], "ha": {"resources": {"vm:101": {"state": "started"}},
            "rules": {"apart": {"type": "resource-affinity", "affinity": "negative", "resources": "vm:100,vm:101"}}}}))).step(ha_vm()).stays("refused").asked(0),
        Case::new("HA moves it back", vm(), managed("vm:100", json!({"api": 8, "ha": {"crm_secs": 20, "resources": {"vm:100": {"group": "home"}}, "groups": [{"group": "home", "nodes": "a:2,b:1"}]}})))
            .step(ha_vm()).stays("ha-moved-back").moves(2),
        Case::new("HA, the move itself fails", vm(), managed("vm:100", faults(json!([{"fault": "live-fails"}])))).step(ha_vm()).stays("not-moved"),
        Case::new("HA, the container takes longer than HA waits", slow(200), managed("ct:100", json!({}))).step(ha()).stays("not-moved"),
        Case::new("HA, in the state error", vm(), managed("vm:100", faults(json!([{"fault": "ha-error", "vmid": 100}])))).step(ha_vm()).stays("ha-error").asked(0),
    ]
}

impl Case {
    pub fn at(mut self, node: &'static str, running: bool) -> Self {
        self.at = (node, running);
        self
    }
}

#[test]
fn every_state_has_its_way_out() {
    let cases = cases();
    four_at_once(&cases, |case| case.name.to_owned(), Case::run);
}
