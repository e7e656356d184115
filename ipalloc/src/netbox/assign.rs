//! Puts addresses onto virtual machines, a request for each step. Who is refused or gets no answer
//! looks again: somebody else may have made it, or the request whose reply was lost did.

use std::{thread, time::Duration};

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::exit::Stop;

use super::{
    NetBox,
    answer::{Record, etag, text},
    api::Api,
    change::Undone,
    machines::{self, Read},
    write::ATTEMPTS,
};
use crate::{
    assign::{
        Assigned, Interface, Mac, Machine, OF_MACHINE, On, Step, Target, Wish, next, possible,
    },
    refused::Refused,
};

#[cfg(test)]
mod tests;

/// How often a step is tried that is refused; the second time, nobody was faster.
const REFUSALS: u32 = 2;

/// How often a change is tried of what others change at the same time.
const OVERTAKEN: u32 = 4;

/// More steps than any wish takes, with those that others undo meanwhile.
const STEPS: u32 = 40;

/// Where the API has virtual machines, their interfaces, MAC addresses.
const MACHINES: &str = "/api/virtualization/virtual-machines/";
const INTERFACES: &str = "/api/virtualization/interfaces/";
const MACS: &str = "/api/dcim/mac-addresses/";

/// Why a step was not taken, in NetBox's words.
#[derive(Debug)]
enum Fault {
    /// It was refused: perhaps because somebody else was faster.
    Refused(String),
    /// What was to be changed is another by now.
    Stale(String),
    /// The token may not, or a rule of the server's forbids it for good.
    Denied(String),
    /// Nobody knows whether it was taken.
    Lost(String),
}

/// The steps of one wish after the other.
pub(super) struct Assigning<'a> {
    pub api: &'a Api,
    /// All of them, for looking again.
    pub wishes: &'a [(&'a Wish, Target)],
    pub read: Read,
}

impl Assigning<'_> {
    /// What comes of all wishes, or would come of them, and why the run is to end.
    pub fn all(mut self, dry_run: bool) -> (Vec<Assigned>, Option<Stop>) {
        let mut outcomes = Vec::new();
        let mut failed: Option<Stop> = None;
        for (wish, target) in self.wishes {
            outcomes.push(match &failed {
                _ if dry_run => rehearsed(wish, *target, &mut self.read),
                None => self.one(wish, *target, &mut failed),
                Some(stop) => Assigned::default().refused(format!("not tried: {stop}")),
            });
        }
        (outcomes, failed)
    }

    fn one(&mut self, wish: &Wish, target: Target, failed: &mut Option<Stop>) -> Assigned {
        let mut outcome = Assigned::default();
        let (mut trial, mut done): (Option<Trial>, Option<Step>) = (None, None);
        for _ in 0..STEPS {
            let plan = match next(wish, target, &self.read.facts) {
                Ok(plan) => plan,
                Err(why) => return outcome.refused(why.message),
            };
            (outcome.at, outcome.note) = (Some(plan.at), plan.note);
            if let Some(before) = trial.take_if(|before| plan.step.as_ref() != Some(&before.step)) {
                // What is done by now was done by the request whose reply was lost, or by somebody
                // else, which comes to the same; after a refusal it was somebody else.
                outcome.changed |= before.lost;
            }
            let Some(step) = plan.step else {
                return outcome;
            };
            if done.as_ref() == Some(&step) {
                let what = "NetBox answered that it was done, and does not show it";
                return outcome.refused(format!("{}: {what}", step.undone()));
            }
            let tried = trial.as_ref().map_or(0, |trial| trial.tried) + 1;
            let (what, limit, lost) = match self.take(&step) {
                Ok(()) => {
                    (outcome.changed, trial, done) = (true, None, Some(step));
                    continue;
                }
                Err(Fault::Denied(what)) => {
                    return outcome.without(&step, format!("{}: {what}", step.undone()));
                }
                Err(Fault::Refused(what)) => (what, REFUSALS, false),
                Err(Fault::Stale(what)) => (what, OVERTAKEN, false),
                Err(Fault::Lost(what)) => (what, ATTEMPTS, true),
            };
            let told = format!("{}: {what}", step.undone());
            if tried >= limit && !lost {
                // It is about this one alone: the others are tried.
                let told = match limit {
                    REFUSALS => told,
                    _ => format!("{told}, {tried} times; run this again"),
                };
                return outcome.without(&step, told);
            }
            let stop = match (tried < limit).then(|| self.look_again(tried)) {
                Some(Ok(())) => {
                    trial = Some(Trial { step, tried, lost });
                    continue;
                }
                Some(Err(stop)) => anyhow!("{told}; then {stop}"),
                None => anyhow!("{told}, {tried} times"),
            };
            let outcome = outcome.refused(format!("{stop}; run this again"));
            let stop = Stop::outside(stop);
            *failed = Some(stop.hint("run this again: it goes on where this run stopped"));
            return outcome;
        }
        outcome.refused("others undo it as often as it is done".to_owned())
    }

    /// Reads everything anew, after a while.
    fn look_again(&mut self, tried: u32) -> Result<(), Stop> {
        thread::sleep(Duration::from_millis(50 << tried));
        let wishes: Vec<&Wish> = self.wishes.iter().map(|(wish, _)| *wish).collect();
        self.read = self.api.machines_for(&wishes, &ids(self.wishes))?;
        Ok(())
    }

    /// Takes a step; what came of it is in the facts then.
    fn take(&mut self, step: &Step) -> Result<(), Fault> {
        match step {
            Step::Machine {
                name,
                cluster,
                tenant,
            } => {
                let mut body = json!({ "name": name, "status": "active", "cluster": cluster });
                if let Some(slug) = tenant {
                    body["tenant"] = json!({ "slug": slug });
                }
                let made = self.write("POST", MACHINES, None, body)?;
                self.keep_machine(&made)
            }
            Step::Interface { machine, name } => {
                let body = json!({ "virtual_machine": machine, "name": name });
                let made = self.write("POST", INTERFACES, None, body)?;
                self.keep_interface(&made)
            }
            Step::Address { id, interface } => self.put(*id, *interface),
            Step::Primary {
                machine,
                address,
                family,
            } => {
                let field = ["primary_ip4", "primary_ip6"][usize::from(*family > 0)];
                let all = self.read.facts.machines.iter();
                let version = version(all.map(|m| (m.id, &m.version)), *machine);
                let path = format!("{MACHINES}{machine}/");
                let changed = self.write("PATCH", &path, version, json!({ field: address }))?;
                self.keep_machine(&changed)
            }
            Step::Mac { mac, interface } => {
                let mut body = on_interface(*interface);
                body["mac_address"] = json!(mac);
                let made = self.write("POST", MACS, None, body)?;
                let made = machines::mac(&made).map_err(Fault::Lost)?;
                self.only_one(&made)
            }
            Step::Claim { mac, interface } => {
                let all = self.read.facts.macs.iter();
                let version = version(all.map(|m| (m.id, &m.version)), *mac);
                let body = on_interface(*interface);
                let changed = self.write("PATCH", &format!("{MACS}{mac}/"), version, body)?;
                let changed = machines::mac(&changed).map_err(Fault::Lost)?;
                self.read.facts.macs.retain(|mac| mac.id != changed.id);
                self.read.facts.macs.push(changed);
                Ok(())
            }
            Step::First { interface, mac } => {
                let all = self.read.facts.interfaces.iter();
                let version = version(all.map(|i| (i.id, &i.version)), *interface);
                let path = format!("{INTERFACES}{interface}/");
                let body = json!({ "primary_mac_address": mac });
                let changed = self.write("PATCH", &path, version, body)?;
                self.keep_interface(&changed)
            }
        }
    }

    fn keep_machine(&mut self, value: &Value) -> Result<(), Fault> {
        let kept: Machine = machines::machine(value).map_err(Fault::Lost)?;
        let all = &mut self.read.facts.machines;
        all.retain(|machine| machine.id != kept.id);
        all.push(kept);
        Ok(())
    }

    fn keep_interface(&mut self, value: &Value) -> Result<(), Fault> {
        let kept: Interface = machines::interface(value).map_err(Fault::Lost)?;
        let all = &mut self.read.facts.interfaces;
        all.retain(|interface| interface.id != kept.id);
        all.push(kept);
        Ok(())
    }

    /// Puts the address onto the interface, unless somebody has changed it since it was read.
    fn put(&mut self, id: u64, interface: u64) -> Result<(), Fault> {
        let record = |record: &&Record| record.entry.id.0 == id;
        let Some(record) = self.read.records.iter().find(record) else {
            return Err(Fault::Refused("its record is gone".to_owned()));
        };
        match self.api.patch(record, on_interface(interface)) {
            Ok(()) => {
                for address in &mut self.read.facts.addresses {
                    if address.id == id {
                        address.on = Some(On {
                            kind: OF_MACHINE.to_owned(),
                            id: interface,
                            shown: String::new(),
                        });
                    }
                }
                Ok(())
            }
            Err(Undone::Refused(refused)) => Err(Fault::Refused(refused.message)),
            Err(Undone::Denied(stop)) => Err(Fault::Denied(stop.to_string())),
            Err(Undone::Changed(stop)) => Err(Fault::Stale(stop.to_string())),
            Err(Undone::Stop(stop)) if stop.is_callers() => Err(Fault::Denied(stop.to_string())),
            Err(Undone::Stop(stop)) => Err(Fault::Lost(stop.to_string())),
        }
    }

    /// NetBox takes a MAC address any number of times: of two that were made at the same time for
    /// one interface the first stays.
    fn only_one(&mut self, made: &Mac) -> Result<(), Fault> {
        let read = self.api.macs_of(std::slice::from_ref(&made.mac));
        let mut equal = read.map_err(|stop| Fault::Lost(stop.to_string()))?;
        let place = |mac: &Mac| mac.on.as_ref().map(|on| (on.kind.clone(), on.id));
        let is_there = |mac: &Mac| place(mac) == place(made);
        if equal.iter().any(|mac| mac.id < made.id && is_there(mac)) {
            // Who may not remove it leaves it: it does no harm there.
            let gone = self.write("DELETE", &format!("{MACS}{}/", made.id), None, json!({}));
            equal.retain(|mac| gone.is_err() || mac.id != made.id);
        }
        self.read.facts.macs.retain(|mac| mac.mac != made.mac);
        self.read.facts.macs.extend(equal);
        Ok(())
    }

    /// One request that changes something, unless it is of another version by now.
    fn write(
        &self,
        method: &str,
        path: &str,
        version: Option<String>,
        mut body: Value,
    ) -> Result<Value, Fault> {
        let api = self.api;
        body["changelog_message"] = json!(api.message);
        let version = version.unwrap_or_default();
        if !version.is_empty() && !api.version.has_if_match() {
            let now = api.get(&format!("{path}?fields=id,last_updated"));
            let now = now.map_err(|stop| Fault::Lost(stop.to_string()))?;
            if etag(&text(&now, "last_updated")) != version {
                return Err(Fault::Stale("it was changed meanwhile".to_owned()));
            }
        }
        let headers = [("If-Match", version.as_str())];
        let headers = if version.is_empty() {
            &[][..]
        } else {
            &headers[..]
        };
        let answer = match api.send(method, path, headers, Some(&body.to_string())) {
            Ok(answer) => answer,
            Err(error) => return Err(Fault::Lost(error.to_string())),
        };
        match (answer.status, answer.json()) {
            (204, _) => Ok(Value::Null),
            (200 | 201, Some(value)) => Ok(value),
            (409 | 412, Some(_)) => Err(Fault::Stale(api.complaint(&answer))),
            (401 | 403, Some(_)) => Err(Fault::Denied(api.complaint(&answer))),
            (300..=399, _) | (400..=499, Some(_)) => Err(Fault::Refused(api.complaint(&answer))),
            _ => Err(Fault::Lost(api.complaint(&answer))),
        }
    }
}

impl NetBox {
    /// As [`crate::ipam::Ipam::machines`].
    pub(super) fn where_to_put(&mut self, wishes: &[&Wish]) -> Result<Vec<Option<Refused>>, Stop> {
        let facts = self.api.machines_for(wishes, &[])?.facts;
        let refused = |wish: &&Wish| possible(wish, &facts).err();
        let refused = wishes.iter().map(refused).collect();
        self.machines = Some(facts);
        Ok(refused)
    }

    /// As [`crate::ipam::Ipam::assign`].
    pub(super) fn put_all(
        &mut self,
        wishes: &[(&Wish, Target)],
        dry_run: bool,
    ) -> (Vec<Assigned>, Option<Stop>) {
        let all: Vec<&Wish> = wishes.iter().map(|(wish, _)| *wish).collect();
        let read = match self.machines.take() {
            Some(facts) => self.api.with_addresses(facts, &ids(wishes)),
            None => self.api.machines_for(&all, &ids(wishes)),
        };
        let api = &self.api;
        match read {
            Ok(read) => Assigning { api, wishes, read }.all(dry_run),
            Err(stop) => {
                let why = format!("{stop}; run this again");
                let failed = |_| Assigned::default().refused(why.clone());
                (all.iter().map(failed).collect(), Some(stop))
            }
        }
    }
}

/// A step that was not taken, as far as is known.
struct Trial {
    step: Step,
    tried: u32,
    lost: bool,
}

/// The numbers of the records of these.
pub(super) fn ids(wishes: &[(&Wish, Target)]) -> Vec<u64> {
    wishes.iter().filter_map(|(_, target)| target.id).collect()
}

fn on_interface(interface: u64) -> Value {
    json!({ "assigned_object_type": OF_MACHINE, "assigned_object_id": interface })
}

/// The version of the one of that number.
fn version<'a>(mut all: impl Iterator<Item = (u64, &'a String)>, id: u64) -> Option<String> {
    all.find(|(of, _)| *of == id)
        .map(|(_, version)| version.clone())
}

fn rehearsed(wish: &Wish, target: Target, read: &mut Read) -> Assigned {
    match next(wish, target, &read.facts) {
        Ok(plan) => {
            read.facts.rehearse(wish, target, &plan);
            Assigned {
                at: Some(plan.at),
                changed: plan.step.is_some(),
                note: plan.note,
                refused: None,
            }
        }
        Err(why) => Assigned::default().refused(why.message),
    }
}
