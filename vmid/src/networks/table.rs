//! Tables of networks as files have them: CSV with the columns vlan and prefix, perhaps base and
//! digits (NetBox's import and export forms of prefixes have the first two), or JSON.

use csv::ByteRecord;
use ipnet::IpNet;

use super::{BadTable, Network};
use crate::{
    guest::spelled,
    scheme::{self, Digits, GUEST_IDS, VLANS},
    site::near::within,
    stream::{self, Kept, Value},
    table::{self, Dialect},
};

/// What a row says, as far as it is a network of the scheme.
fn network(row: &Row<'_>) -> Result<Option<Network>, String> {
    let Row {
        prefix,
        vlan,
        status,
        base,
        digits,
    } = *row;
    let parsed: IpNet = prefix
        .trim()
        .parse()
        .map_err(|_| format!("{prefix:?} is not a prefix"))?;
    if parsed.trunc() != parsed {
        return Err(format!(
            "{prefix} has host bits set; the prefix is {}",
            parsed.trunc()
        ));
    }
    let (base, digits) = (base_cell(base)?, digits_cell(digits)?);
    let container = status.eq_ignore_ascii_case("container");
    let (IpNet::V4(prefix), Some(vlan), false) = (parsed, vlan, container) else {
        let given = base.map(|_| "a base").or(digits.map(|_| "digits"));
        let why = match parsed {
            IpNet::V6(_) => ", but it is IPv6 and gives no IDs",
            IpNet::V4(_) if container => ", but it is a container and gives no IDs",
            IpNet::V4(_) => " but no VLAN (1 for an untagged network)",
        };
        return given.map_or(Ok(None), |given| Err(format!("{parsed} has {given}{why}")));
    };
    if !VLANS.contains(&vlan) {
        return Err(format!(
            "VLAN {vlan} is outside {} to {}",
            VLANS.start(),
            VLANS.end()
        ));
    }
    Ok(Some(Network {
        vlan,
        prefix,
        base,
        digits,
    }))
}

/// What a row says.
#[derive(Default)]
struct Row<'a> {
    prefix: &'a str,
    vlan: Option<u64>,
    status: &'a str,
    base: &'a str,
    digits: &'a str,
}

/// A column that was probably meant for one that says how IDs are made: passed over, it would
/// change them all without a word.
fn no_near_miss<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    same: fn(&str, &str) -> bool,
) -> Result<(), String> {
    let absent = |own: &&str| !names.clone().any(|name| same(own, name));
    for own in ["base", "digits"].into_iter().filter(absent) {
        // No more than one change: `name` and `date` are two from `base`.
        if let Some(name) = names.clone().find(|name| within(1, name, [own]).is_some()) {
            return Err(format!(
                "{name:?} is nearly {own:?}: correct it, or name it otherwise"
            ));
        }
    }
    Ok(())
}

/// The base of a network's IDs; none if the cell is empty.
fn base_cell(text: &str) -> Result<Option<u64>, String> {
    let fits = |base: &u64| base <= GUEST_IDS.end();
    match text.trim() {
        "" => Ok(None),
        text => scheme::decimal(text).filter(fits).map(Some).ok_or_else(|| {
            format!(
                "the base {text:?} is not a number up to {}",
                GUEST_IDS.end()
            )
        }),
    }
}

/// How many digits its host numbers have; none if the cell is empty.
fn digits_cell(text: &str) -> Result<Option<Digits>, String> {
    match text.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .ok()
            .and_then(Digits::new)
            .map(Some)
            .ok_or_else(|| format!("the digits {text:?} are not 2, 3, 4 or 5")),
    }
}

/// A VID as it is written in a cell: `30`, or `vms (30)` in NetBox's exports; none if it is empty.
///
/// # Errors
///
/// What is wrong with it.
pub fn vlan_cell(text: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let label = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once('('));
    let number = label.map_or(text, |(_, number)| number);
    scheme::decimal(number)
        .map(Some)
        .ok_or_else(|| format!("{text:?} is not a VLAN ID"))
}

pub(super) fn from_csv(text: &[u8]) -> Result<Vec<Network>, BadTable> {
    let mut columns = None;
    let mut networks = Vec::new();
    let read = table::readable(text).and_then(|()| {
        table::each_row(text, Dialect::of(text), |row, _| {
            match &columns {
                None => columns = Some(Columns::of(row)?),
                Some(_) if table::is_empty(row) => {}
                Some(columns) => networks.extend(columns.network(row)?),
            }
            Ok(())
        })
    });
    let read = read.and_then(|()| match columns {
        Some(_) => Ok(()),
        None => Err(format!("line 1: {}", Columns::missing(""))),
    });
    read.map_err(BadTable)?;
    Ok(networks)
}

/// Which cell of a row is what.
struct Columns {
    prefix: usize,
    vlan: usize,
    status: Option<usize>,
    base: Option<usize>,
    digits: Option<usize>,
}

impl Columns {
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let names = header.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let at = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name));
        no_near_miss(names.iter().copied(), str::eq_ignore_ascii_case)?;
        match (at("prefix"), at("vlan")) {
            (Some(prefix), Some(vlan)) => Ok(Self {
                prefix,
                vlan,
                status: at("status"),
                base: at("base"),
                digits: at("digits"),
            }),
            _ => Err(Self::missing(&names.join(","))),
        }
    }

    fn missing(found: &str) -> String {
        format!("the header has no columns prefix and vlan: {found:?}")
    }

    fn network(&self, row: &ByteRecord) -> Result<Option<Network>, String> {
        let cell = |at: usize| row.get(at).map_or(Ok(""), text);
        let perhaps = |at: Option<usize>| at.map_or(Ok(""), cell);
        network(&Row {
            prefix: cell(self.prefix)?,
            vlan: vlan_cell(cell(self.vlan)?)?,
            status: perhaps(self.status)?,
            base: perhaps(self.base)?,
            digits: perhaps(self.digits)?,
        })
    }
}

/// A cell without the spaces around it.
fn text(cell: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(cell).map_err(|_| table::NOT_UTF8.to_owned())?;
    Ok(text.trim())
}

pub(super) fn from_json(text: &[u8]) -> Result<Vec<Network>, BadTable> {
    let records = stream::parse(text).map_err(|bad| BadTable(bad.to_string()))?;
    let row = |(index, kept): (usize, &Kept)| {
        let record = kept.record();
        json_row(&record).map_err(|what| BadTable(format!("record {}: {what}", index + 1)))
    };
    let rows: Result<Vec<_>, _> = records.iter().enumerate().map(row).collect();
    Ok(rows?.into_iter().flatten().collect())
}

fn json_row(record: &stream::Record<'_>) -> Result<Option<Network>, String> {
    let Value::Text(prefix) = record.value("prefix") else {
        return Err("no field prefix".to_owned());
    };
    let vlan = match record.value("vlan") {
        Value::Absent | Value::Null => None,
        Value::Number(text) => vlan_cell(text)?,
        Value::Text(text) => vlan_cell(&text)?,
        Value::Other(raw) => member(raw, "vid").as_deref().map_or(Ok(None), vlan_cell)?,
        Value::Bool(truth) => return Err(format!("vlan is {truth}")),
    };
    let status = match record.value("status") {
        Value::Text(text) => text.into_owned(),
        Value::Other(raw) => member(raw, "value").unwrap_or_default(),
        _ => String::new(),
    };
    let names: Vec<_> = record.names().collect();
    no_near_miss(names.iter().map(|name| &**name), |own, name| own == name)?;
    let [base, digits] = ["base", "digits"].map(|name| record.value(name));
    let (base, digits) = (plain(&base)?, plain(&digits)?);
    network(&Row {
        prefix: &prefix,
        vlan,
        status: &status,
        base,
        digits,
    })
}

/// A number, or a text, as a cell has it.
fn plain<'a>(value: &'a Value<'_>) -> Result<&'a str, String> {
    match value {
        Value::Absent | Value::Null => Ok(""),
        Value::Number(text) => Ok(text),
        Value::Text(text) => Ok(text),
        other => Err(format!("{} is no number", spelled(other))),
    }
}

/// A member of one of NetBox's nested objects: `{"id":2,"vid":30,...}`, `{"value":"active",...}`.
fn member(raw: &str, name: &str) -> Option<String> {
    match serde_json::from_str::<serde_json::Value>(raw)
        .ok()?
        .get(name)?
    {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
