//! Pairs out of JSON, each message with the pair and the place in it.

use ipnet::IpNet;
use serde_json::Value;
use vmid::stream;

use super::{FileRule, Member, Pair, Wrong};
use crate::{fields::Fields, probe::Probe};

/// Longest promise that makes sense, in seconds: a day.
const LONGEST_RTO_S: f64 = 86_400.0;

/// The pairs of records, or of a site document, and the prefixes of the site's segments.
pub(super) fn pairs(text: &[u8]) -> Result<(Vec<Pair>, Vec<IpNet>), Wrong> {
    let (mut pairs, mut segments) = (Vec::new(), Vec::new());
    let records = stream::parse(text).map_err(|bad| Wrong(bad.to_string()))?;
    for (place, kept) in records.iter().enumerate() {
        // The reader allows deeper nesting than serde_json.
        let value: Value = serde_json::from_str(kept.record().text())
            .map_err(|error| Wrong(format!("record {}: {error}", place + 1)))?;
        match value.get("pairs") {
            Some(Value::Array(list)) if value.get("members").is_none() => {
                for pair in list {
                    pairs.push(named(pair)?);
                }
                segments.extend(prefixes(&value));
            }
            _ => pairs.push(named(&value)?),
        }
    }
    Ok((pairs, segments))
}

/// The prefixes of a site's VLANs. What is wrong with them is for the tools that use them.
fn prefixes(site: &Value) -> impl Iterator<Item = IpNet> {
    let vlans = site["vlans"].as_array().into_iter().flatten();
    vlans.filter_map(|vlan| vlan["prefix"].as_str()?.parse().ok())
}

fn named(value: &Value) -> Result<Pair, Wrong> {
    pair(value).map_err(|what| match value.get("name") {
        Some(name) => Wrong(format!("pair {name}: {what}")),
        None => Wrong(format!("a pair without a name: {what}")),
    })
}

fn pair(value: &Value) -> Result<Pair, String> {
    let mut fields = Fields::of(value)?;
    let mut expect_preferred = true;
    let name = fields.required("name")?;
    let mut version = None;
    if let Some(expect) = fields.value("expect") {
        let within = |what| format!("expect: {what}");
        let mut expect = Fields::of(expect).map_err(within)?;
        expect_preferred = expect.truth("preferred", true).map_err(within)?;
        version = expect.whole("version", 2, 3).map_err(within)?;
        expect.end().map_err(within)?;
    }
    let pair = Pair {
        name,
        vip: fields.address("vip")?,
        vrid: fields.whole("vrid", 1, 255)?,
        interface: fields.text("interface")?,
        // v3's twelve bits of centiseconds at the low end, v2's eight of seconds at the high one.
        advert_ms: fields.whole("advert_ms", 10, 255_000)?,
        version,
        unicast: fields.truth("unicast", false)?,
        rto_ms: rto(fields.number("rto_s")?)?,
        expect_preferred,
        members: each(fields.list("members")?, "member", member)?,
        probes: each(fields.list("probes")?, "probe", Probe::parse)?,
        files: each(fields.list("files")?, "file", file)?,
    };
    fields.end()?;
    Ok(pair)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0..86_400_000
fn rto(seconds: Option<f64>) -> Result<Option<u64>, String> {
    match seconds {
        None => Ok(None),
        Some(s) if s > 0.0 && s <= LONGEST_RTO_S => Ok(Some(((s * 1000.0).round() as u64).max(1))),
        Some(s) if s <= 0.0 => Err(format!("rto_s is {s}: it must be more than 0")),
        Some(s) => Err(format!("rto_s is {s}: more than a day is no promise")),
    }
}

fn member(value: &Value) -> Result<Member, String> {
    let mut fields = Fields::of(value)?;
    let member = Member {
        name: fields.required("name")?,
        address: fields.address("address")?.ok_or("address is missing")?,
        // PVE's own range of guest IDs.
        vmid: fields.whole("vmid", 100, 999_999_999)?,
        node: fields.text("node")?,
        preferred: fields.truth("preferred", false)?,
    };
    fields.end()?;
    Ok(member)
}

fn file(value: &Value) -> Result<FileRule, String> {
    let mut fields = Fields::of(value)?;
    let rule = FileRule {
        path: fields.required("path")?,
        max_age_s: fields
            .whole("max_age_s", 1, u64::from(u32::MAX))?
            .ok_or("max_age_s is missing")?,
        member: fields.text("member")?,
    };
    fields.end()?;
    Ok(rule)
}

fn each<T>(
    list: &[Value],
    what: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let list = list.iter().enumerate();
    list.map(|(place, value)| read(value).map_err(|wrong| format!("{what} {}: {wrong}", place + 1)))
        .collect()
}
