//! The access tree: entries of `/vms/ID`, which the next guest of the ID comes under.

use super::{field, kind::Kind, memory::Memory, owner, sight::List};
use crate::stream::Record;

/// An entry of `/access/acl`.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    memory.sight.came(List::Acl);
    let path = field::text(record, "path").ok_or("an entry of the access tree without a path")?;
    let Some(vmid) = owner::of_path(&path).filter(|vmid| memory.asks(*vmid)) else {
        return Ok(());
    };
    let whom = field::text(record, "ugid").unwrap_or_default();
    let role = field::text(record, "roleid").unwrap_or_default();
    let option = match field::text(record, "type").as_deref() {
        Some("user") => Some("--users"),
        Some("group") => Some("--groups"),
        Some("token") => Some("--tokens"),
        _ => None,
    };
    let remedy = || {
        let (whom, role) = (field::shell_word(&whom)?, field::shell_word(&role)?);
        Some(format!(
            "pveum acl delete /vms/{vmid} --roles {role} {} {whom}",
            option?
        ))
    };
    let remedy = remedy();
    let at = format!("{path} {role} {whom}");
    memory.note(vmid, Kind::Acl, at, None).remedy = remedy;
    Ok(())
}
