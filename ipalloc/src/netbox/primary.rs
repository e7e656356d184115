//! An address that is retired is no virtual machine's primary one any more, and on none of its
//! interfaces. NetBox takes it off by itself where a record is removed, in the same transaction;
//! one that is only marked stays on, and NetBox doesn't let a primary one go.

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::{
    exit::Stop,
    http::{Answer, NoAnswer},
};

use super::{answer::Record, api::Api, change::Undone, machines};
use crate::{
    assign::{Machine, OF_MACHINE},
    refused::{Code, Refused},
};

/// What is read of virtual machines.
const LIST: &str = "/api/virtualization/virtual-machines/?fields=id,name,cluster,primary_ip4,primary_ip6,last_updated";

/// The primary addresses of a virtual machine, by family.
const FIELDS: [&str; 2] = ["primary_ip4", "primary_ip6"];

/// How often it is tried while others change the same virtual machine.
const ATTEMPTS: u32 = 4;

/// The record's address is on an interface of a virtual machine.
pub(super) fn is_on_machine(record: &Record) -> bool {
    let kind = record.on.as_ref().map(|(kind, _)| kind.as_str());
    kind == Some(OF_MACHINE)
}

/// What takes an address off its interface.
pub(super) fn take_off(fields: &mut Value) {
    fields["assigned_object_type"] = Value::Null;
    fields["assigned_object_id"] = Value::Null;
}

impl Api {
    /// Marks a record whose address is on a virtual machine: it is nobody's primary address any
    /// more, then `mark` is carried out. What was cleared is set back if that is refused.
    ///
    /// # Errors
    ///
    /// Those of `mark`; a virtual machine that may not be changed is that record's refusal.
    pub fn without_primary(
        &self,
        record: &Record,
        mark: impl FnOnce() -> Result<(), Undone>,
    ) -> Result<(), Undone> {
        self.still_as_read(record)?;
        let mut cleared = Vec::new();
        let done = self.clear_primary(record, &mut cleared);
        let Err(undone) = done.and_then(|()| mark()) else {
            return Ok(());
        };
        let left = cleared
            .iter()
            .filter(|machine| !self.set_back(record, machine.id));
        let left: Vec<&str> = left.map(|machine| machine.name.as_str()).collect();
        if left.is_empty() {
            return Err(undone);
        }
        let address = record.entry.address;
        let names = left.join(", ");
        let gone = format!("{address} was primary address of {names}, and is not any more");
        Err(undone.with(&gone))
    }

    /// Sees to it that no virtual machine has the record's address as its primary one.
    fn clear_primary(&self, record: &Record, cleared: &mut Vec<Machine>) -> Result<(), Undone> {
        let id = record.entry.id.0;
        let family = usize::from(record.entry.address.is_ipv6());
        let is_its = |machine: &Machine| machine.primary[family] == Some(id);
        let ids = [id.to_string()];
        let filter = format!("{}_id", FIELDS[family]);
        let mut cause = String::new();
        let mut was_overtaken = false;
        for _ in 0..ATTEMPTS {
            let machines = self.each_of(LIST, &filter, &ids, machines::machine, is_its);
            let machines = machines.map_err(Undone::Stop)?;
            let Some(machine) = machines.into_iter().next() else {
                return Ok(());
            };
            let answer = self.set_primary(&machine, family, None);
            was_overtaken = answer.as_ref().is_ok_and(|answer| answer.status == 412);
            match answer {
                // Another may have been found beside it; none is when it is looked for again.
                Ok(answer) if answer.status == 200 => cleared.push(machine),
                Ok(answer) if was_overtaken => cause = self.complaint(&answer),
                Ok(answer) if answer.status < 500 => {
                    return Err(refused(&machine, &self.complaint(&answer)));
                }
                // It may be done all the same.
                Ok(answer) => {
                    cause = self.complaint(&answer);
                    cleared.push(machine);
                }
                Err(error) => {
                    cause = error.to_string();
                    cleared.push(machine);
                }
            }
        }
        let what = format!(
            "{} is still a virtual machine's primary address, and is left as it is: {cause}",
            record.entry
        );
        Err(match was_overtaken {
            true => Undone::Refused(Refused::new(Code::RefusedValue, what)),
            false => Undone::Stop(Stop::outside(anyhow!("{what}"))),
        })
    }

    /// Makes the record's address the machine's primary one again, if it has none now; whether
    /// that is so in the end.
    fn set_back(&self, record: &Record, machine: u64) -> bool {
        let id = record.entry.id.0;
        let family = usize::from(record.entry.address.is_ipv6());
        let is_asked = |found: &Machine| found.id == machine;
        let ids = [machine.to_string()];
        let found = self.each_of(LIST, "id", &ids, machines::machine, is_asked);
        let Some(found) = found.ok().and_then(|found| found.into_iter().next()) else {
            return false;
        };
        match found.primary[family] {
            Some(now) => now == id,
            None => self
                .set_primary(&found, family, Some(id))
                .is_ok_and(|answer| answer.status == 200),
        }
    }

    fn set_primary(
        &self,
        machine: &Machine,
        family: usize,
        address: Option<u64>,
    ) -> Result<Answer, NoAnswer> {
        let path = format!("/api/virtualization/virtual-machines/{}/", machine.id);
        let body = json!({ FIELDS[family]: address, "changelog_message": self.message });
        let headers = [("If-Match", machine.version.as_str())];
        self.send("PATCH", &path, &headers, Some(&body.to_string()))
    }
}

/// The virtual machine may not be changed.
fn refused(machine: &Machine, complaint: &str) -> Undone {
    let what = format!(
        "it is the primary address of the virtual machine {}, which could not be changed: {complaint}",
        machine.name
    );
    Undone::Refused(Refused::new(Code::RefusedValue, what))
}
