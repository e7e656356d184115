//! A guest that is to be made, as its record says it: what provision prints, or somebody's own.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value as Json;
use vmid::stream::{Record, Value};

use crate::{
    node_name,
    plan::{
        creation::{Params, Scalar},
        parameter,
    },
    state::Kind,
};

/// A guest that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The node.
    pub node: String,
    /// Its address, if the record has one.
    pub address: Option<IpAddr>,
    /// Why there, as the record has it.
    pub reason: String,
    /// What is asked for, but for `vmid`; none where provision knew it as a guest that lives.
    pub params: Option<Params>,
    /// The sizes of its disks after they were made.
    pub resize: BTreeMap<String, String>,
    /// It is started.
    pub start: bool,
}

impl Wanted {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// The field that is missing or holds what it cannot.
    pub fn of(record: &Record<'_>) -> Result<Self, String> {
        let name = text(record, "name")?.ok_or("it has no name, which a guest needs")?;
        if !parameter::is_guest_name(&name) {
            let what = format!("name is {name:?}, and should be letters, digits and hyphens");
            return Err(what);
        }
        let vmid = text(record, "vmid")?.ok_or("it has no vmid")?;
        let vmid = vmid.parse().ok().filter(|id| parameter::VMIDS.contains(id));
        let (least, most) = parameter::VMIDS.into_inner();
        let vmid = vmid.ok_or_else(|| bad(record, "vmid", &format!("from {least} to {most}")))?;
        let node = text(record, "node")?.ok_or("it has no node")?;
        node_name::check(&node).map_err(|wrong| wrong.to_string())?;
        let kind = match (
            text(record, "type")?.as_deref(),
            text(record, "shape")?.as_deref(),
        ) {
            (Some("qemu"), _) | (None, Some("vm")) => Kind::Qemu,
            (Some("lxc"), _) | (None, Some("lxc" | "docker-lxc")) => Kind::Lxc,
            _ => return Err(bad(record, "type", "qemu or lxc")),
        };
        let mut params = params(record)?;
        if let Some(params) = &mut params {
            own_id(params, vmid)?;
        }
        let address = text(record, "address")?;
        let address = address.and_then(|text| text.split('/').next()?.parse().ok());
        Ok(Self {
            vmid,
            kind,
            name,
            node,
            address,
            reason: reason(record),
            params,
            resize: resize(record)?,
            start: !matches!(
                record.value("start"),
                Value::Bool(false) | Value::Number("0")
            ),
        })
    }
}

/// `vmid` among the parameters is the guest's, and is sent by itself.
fn own_id(params: &mut Params, vmid: u32) -> Result<(), String> {
    match params.remove("vmid") {
        Some(other) if other.to_string() != vmid.to_string() => {
            Err(format!("params.vmid is {other}, and vmid {vmid}"))
        }
        _ => Ok(()),
    }
}

fn params(record: &Record<'_>) -> Result<Option<Params>, String> {
    let Some(raw) = record.raw("params").filter(|raw| *raw != "null") else {
        return Ok(None);
    };
    let wrong = || "params is no object of texts and whole numbers".to_owned();
    let fields: BTreeMap<String, Json> = serde_json::from_str(raw).map_err(|_| wrong())?;
    let scalar = |value: Json| match value {
        Json::String(text) => Ok(Scalar::Text(text)),
        Json::Bool(on) => Ok(Scalar::Number(u64::from(on))),
        Json::Number(number) => number.as_u64().map(Scalar::Number).ok_or_else(wrong),
        _ => Err(wrong()),
    };
    let mut params = Params::new();
    for (key, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        params.insert(key, scalar(value)?);
    }
    Ok(Some(params))
}

fn resize(record: &Record<'_>) -> Result<BTreeMap<String, String>, String> {
    let raw = record.raw("resize").filter(|raw| *raw != "null");
    let read = raw.map(serde_json::from_str).transpose();
    let read = read.map_err(|_| "resize is no object of sizes, such as {\"scsi0\":\"32G\"}")?;
    Ok(read.unwrap_or_default())
}

/// place's `reason`, or what provision says of node and storage.
fn reason(record: &Record<'_>) -> String {
    if let Value::Text(reason) = record.value("reason") {
        return reason.into_owned();
    }
    let raw = record.raw("reasons").unwrap_or("null");
    let reasons: Json = serde_json::from_str(raw).unwrap_or_default();
    let said = ["node", "storage"]
        .iter()
        .filter_map(|name| reasons[name].as_str());
    let said: Vec<&str> = said.collect();
    if said.is_empty() {
        return "asked for".to_owned();
    }
    said.join("; ")
}

fn text(record: &Record<'_>, name: &str) -> Result<Option<String>, String> {
    match record.value(name) {
        Value::Absent | Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => Ok(Some(text.into_owned())),
        Value::Number(number) => Ok(Some(number.to_owned())),
        _ => Err(bad(record, name, "a text")),
    }
}

/// A field's value is told in its beginning: whole records may have slipped into it.
fn bad(record: &Record<'_>, name: &str, wanted: &str) -> String {
    let raw: String = record
        .raw(name)
        .unwrap_or("missing")
        .chars()
        .take(60)
        .collect();
    format!("{name} is {raw}, and should be {wanted}")
}
