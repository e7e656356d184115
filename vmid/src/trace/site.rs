//! The site file: members of pairs, services, HA resources and exemptions that name an ID.

use super::{field, kind::Kind, memory::Memory, owner};
use crate::stream::Record;

const REMEDY: &str = "take it out of the site file";

/// A site file, as one record.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    field::each(field::list(record, "pairs"), |pair| {
        let name = field::text(pair, "name").unwrap_or_default();
        field::each(field::list(pair, "members"), |member| {
            named(member, format!("the pair {name}"), memory)
        })
    })?;
    field::each(field::list(record, "services"), |service| {
        let name = field::text(service, "name").unwrap_or_default();
        named(service, format!("the service {name}"), memory)
    })?;
    field::each(field::list(record, "exempt"), |exemption| {
        let code = field::text(exemption, "code").unwrap_or_default();
        named(exemption, format!("the exemption of {code}"), memory)
    })?;
    let Some(ha) = field::list(record, "ha") else {
        return Ok(());
    };
    let mut resources = None;
    field::each(Some(&format!("[{ha}]")), |ha| {
        resources = field::list(ha, "resources").map(str::to_owned);
        Ok(())
    })?;
    field::each(resources.as_deref(), |resource| {
        let sid = field::text(resource, "sid").unwrap_or_default();
        let Some(vmid) = owner::of_resource(&sid).filter(|vmid| memory.asks(*vmid)) else {
            return Ok(());
        };
        note(resource, vmid, format!("the HA resource {sid}"), memory);
        Ok(())
    })
}

fn named(record: &Record<'_>, at: String, memory: &mut Memory) -> Result<(), String> {
    if let Some(vmid) = field::id(record, "vmid").filter(|vmid| memory.asks(*vmid)) {
        note(record, vmid, at, memory);
    }
    Ok(())
}

fn note(record: &Record<'_>, vmid: u64, at: String, memory: &mut Memory) {
    let trace = memory.note(vmid, Kind::Site, at, None);
    trace.named(&field::text(record, "name").unwrap_or_default());
    trace.remedy = Some(REMEDY.to_owned());
}
