//! What goes wrong, and when: part of the scenario, or told while it runs.
//!
//! `{"fault": NAME, "vmid"?, "node"?, "times"?, "when"?, ...}`. Without `when`, a fault that
//! waits for a moment of its own (a start, a copy, a reply) waits for it, and one that
//! is an event happens at once. `when` is `{"at": SECONDS}`, `{"task": TYPE, "phase": PHASE}` (a
//! task enters that phase) or `{"request": "METHOD PATTERN", "after": N}`. Answers that go
//! wrong: `gateway.rs`. A node that goes down loses its power; with `"how": "reset"` its
//! connections are closed first. `no-worker`: a worker that `match` would start doesn't begin.
//! `worker-dies`: `kill -9` of what works on a guest; `dies-PHASE` when it gets there. `hangs`:
//! for ever; `slow`: for so many `seconds`.
//!
//! Phases: of a migration check, shutdown, copy, copying, finish; of a creation allocate, unpack or
//! import, configure; destroy, resize, clone, copy (of an upload). `create-fails`, `destroy-fails`,
//! `resize-fails`, `clone-fails`: as `exit` says; with `stays` a creation's disks do.

use serde_json::Value;

use crate::world::World;

#[derive(Clone, Debug)]
pub struct Fault {
    pub name: String,
    pub vmid: Option<u32>,
    pub node: Option<String>,
    /// How often it still happens.
    pub times: u64,
    pub fields: Value,
    armed: bool,
}

/// Faults that happen by themselves; the others are asked for at their moment.
const EVENTS: [&str; 12] = [
    "worker-dies",
    "node-down",
    "node-up",
    "pvestatd-dies",
    "pvestatd-back",
    "no-quorum",
    "quorum",
    "moved",
    "stopped",
    "lock",
    "unlock",
    "ha-error",
];

impl Fault {
    pub fn parse(value: &Value) -> Self {
        let name = value["fault"].as_str().unwrap_or_default().to_owned();
        Self {
            vmid: value["vmid"].as_u64().and_then(|id| u32::try_from(id).ok()),
            node: value["node"].as_str().map(str::to_owned),
            times: value["times"].as_u64().unwrap_or(1),
            armed: value["when"].is_null(),
            fields: value.clone(),
            name,
        }
    }

    fn event(&self) -> bool {
        EVENTS.contains(&self.name.as_str())
    }

    /// When it is due, if that is known.
    pub fn at(&self) -> Option<f64> {
        if self.times == 0 {
            return None;
        }
        if self.armed {
            return self.event().then_some(0.0);
        }
        self.fields["when"]["at"].as_f64()
    }

    fn fits(&self, vmid: u32, node: Option<&str>) -> bool {
        self.vmid.is_none_or(|v| v == vmid)
            && (self.node.is_none() || node.is_none() || self.node.as_deref() == node)
    }
}

impl World {
    /// Whether this goes wrong now; a fault is used up by it.
    pub fn fault(&mut self, name: &str, vmid: u32, node: Option<&str>) -> Option<Value> {
        let found = self
            .faults
            .iter_mut()
            .find(|f| f.name == name && f.times > 0 && f.armed && f.fits(vmid, node))?;
        found.times -= 1;
        Some(found.fields.clone())
    }

    /// A migration enters a phase: faults that waited for it are there, events happen.
    pub fn enters(&mut self, kind: &str, vmid: u32, phase: &str) {
        self.arms(kind, vmid, phase);
        self.fire_faults();
    }

    /// The same, but events happen only when the step at hand is done.
    pub fn arms(&mut self, kind: &str, vmid: u32, phase: &str) {
        for fault in &mut self.faults {
            let when = &fault.fields["when"];
            let this = when["vmid"].as_u64().is_none_or(|v| v == u64::from(vmid))
                && fault.vmid.is_none_or(|v| v == vmid || fault.event());
            if when["task"] == kind && when["phase"] == phase && this {
                fault.armed = true;
            }
        }
    }

    /// Events that are due.
    pub fn fire_faults(&mut self) {
        let now = self.now;
        for fault in &mut self.faults {
            if fault.fields["when"]["at"]
                .as_f64()
                .is_some_and(|at| at <= now)
            {
                fault.armed = true;
            }
        }
        while let Some(at) = self
            .faults
            .iter()
            .position(|f| f.event() && f.armed && f.times > 0)
        {
            self.faults[at].times = 0;
            let fault = self.faults[at].clone();
            self.happen(&fault);
        }
    }

    fn happen(&mut self, fault: &Fault) {
        let node = fault.node.clone().unwrap_or_default();
        let vmid = fault.vmid.unwrap_or_default();
        match fault.name.as_str() {
            "node-down" => self.node_down(&node, fault.fields["how"] == "reset"),
            "pvestatd-dies" => self.falls_silent(&node),
            "pvestatd-back" => self.speaks_again(&node),
            "node-up" => self.node_up(&node),
            "no-quorum" => self.quorate = false,
            "quorum" => self.quorate = true,
            "moved" => self.change(vmid, "somebody else", |g| g.node = node),
            "stopped" => self.change(vmid, "somebody else", |g| g.running = false),
            "lock" => {
                let lock = fault.fields["lock"].as_str().unwrap_or("backup").to_owned();
                self.change(vmid, "somebody else", |g| g.lock = Some(lock));
            }
            "worker-dies" => self.workers_die(vmid),
            "unlock" => self.change(vmid, "somebody else", |g| g.lock = None),
            "ha-error" => self.ha.fail(vmid),
            _ => {}
        }
    }

    /// Faults that wait for this request are there now.
    pub fn arm_by_request(&mut self, line: &str) {
        for fault in &mut self.faults {
            let when = fault.fields["when"]["request"].as_str();
            if !fault.armed && when.is_some_and(|pattern| fits(pattern, line)) {
                let after = fault.fields["when"]["after"].as_u64().unwrap_or(1);
                if after <= 1 {
                    fault.armed = true;
                } else {
                    fault.fields["when"]["after"] = (after - 1).into();
                }
            }
        }
        self.fire_faults();
    }

    /// Whether this goes wrong with a request whose line `match` fits; it is used up by that.
    pub fn fault_of_request(&mut self, name: &str, line: &str) -> Option<Value> {
        let fault = self.faults.iter_mut().find(|f| {
            f.name == name
                && f.armed
                && f.times > 0
                && f.fields["match"].as_str().is_some_and(|p| fits(p, line))
        })?;
        fault.times -= 1;
        Some(fault.fields.clone())
    }
}

/// Whether a line fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
