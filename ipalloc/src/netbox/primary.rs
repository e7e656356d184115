//! An address that is retired is no virtual machine's primary one any more, and on none of its
//! interfaces. NetBox takes it off by itself where a record is removed, in the same transaction;
//! one that is only marked stays on, and NetBox doesn't let a primary one go.

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::exit::Stop;

use super::{answer::Record, api::Api, machines};
use crate::assign::{Machine, OF_MACHINE};

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
    /// Sees to it that no virtual machine has the record's address as its primary one.
    pub fn clear_primary(&self, record: &Record) -> Result<(), Stop> {
        let id = record.entry.id.0;
        let family = usize::from(record.entry.address.is_ipv6());
        let field = ["primary_ip4", "primary_ip6"][family];
        let is_its = |machine: &Machine| machine.primary[family] == Some(id);
        let list = "/api/virtualization/virtual-machines/?fields=id,name,cluster,primary_ip4,primary_ip6,last_updated";
        let ids = [id.to_string()];
        let filter = format!("{field}_id");
        let mut cause = String::new();
        for _ in 0..ATTEMPTS {
            let machines = self.each_of(list, &filter, &ids, machines::machine, is_its)?;
            let Some(machine) = machines.first() else {
                return Ok(());
            };
            let path = format!("/api/virtualization/virtual-machines/{}/", machine.id);
            let body = json!({ field: null, "changelog_message": self.message }).to_string();
            let headers = [("If-Match", machine.version.as_str())];
            match self.send("PATCH", &path, &headers, Some(&body)) {
                // Another may have been found beside it; none is when it is looked for again.
                Ok(answer) if answer.status == 200 => {}
                Ok(answer) if answer.status < 500 && answer.status != 412 => {
                    return Err(self.denied(&answer, "PATCH", &path));
                }
                Ok(answer) => cause = self.complaint(&answer),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(Stop::outside(anyhow!(
            "{} is still a virtual machine's primary address, and is left as it is: {cause}",
            record.entry
        )))
    }
}
