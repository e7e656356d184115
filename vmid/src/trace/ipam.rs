//! Addresses of the IPAM, as `ipalloc list | vmid encode` prints them: the ID is that of the address.

use super::{field, kind::Kind, memory::Memory};
use crate::stream::Record;

/// An address. One that `ipalloc` has no owner for may be of a machine that is no guest.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let Some(vmid) = field::id(record, "vmid").filter(|vmid| memory.asks(*vmid)) else {
        return Ok(()); // outside the scheme
    };
    let at = field::text(record, "address").unwrap_or_default();
    let name = field::text(record, "name");
    let is_vip = field::text(record, "ipam_role").is_some();
    let retired = field::text(record, "ipam_status").as_deref() == Some("deprecated");
    let trace = memory.note(vmid, Kind::Address, at.into_owned(), None);
    trace.doubtful = name.is_none() || is_vip;
    trace.named(&name.clone().unwrap_or_default());
    trace.remedy = match (retired, name.as_deref().and_then(field::shell_word)) {
        (true, _) => Some("retired: 'ipalloc release --retired-before 30d' frees it".to_owned()),
        (false, Some(name)) => Some(format!("ipalloc release --retire {name}")),
        (false, None) => None,
    };
    Ok(())
}
