//! The HA manager: its resources (`sid`) and its rules.

use super::{field, kind::Kind, memory::Memory, owner};
use crate::stream::Record;

/// A resource.
pub fn resource(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let sid = field::text(record, "sid").ok_or("an HA resource without a sid")?;
    let Some(vmid) = owner::of_resource(&sid).filter(|vmid| memory.asks(*vmid)) else {
        return Ok(());
    };
    let is_name = ["vm", "ct"]
        .iter()
        .any(|kind| *sid == format!("{kind}:{vmid}"));
    let remedy = is_name.then(|| format!("ha-manager remove {sid}"));
    memory.note(vmid, Kind::Ha, sid.into_owned(), None).remedy = remedy;
    Ok(())
}

/// A rule: `resources` is a list, or text as the API has it.
pub fn rule(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let name = field::text(record, "rule").ok_or("an HA rule without a name")?;
    for sid in field::words(record, "resources") {
        let Some(vmid) = owner::of_resource(&sid).filter(|vmid| memory.asks(*vmid)) else {
            continue;
        };
        let trace = memory.note(vmid, Kind::HaRule, name.clone().into_owned(), None);
        trace.remedy = Some(format!("take {sid} out of this HA rule"));
    }
    Ok(())
}
