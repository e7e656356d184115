//! Results as records: which fields a record gets, and which records come out.

use std::io::{self, Write};

use anyhow::anyhow;
use ipnet::IpNet;
use vmid::{
    exit::{Answer, Stop},
    stream::{Kept, Lines, Value, error_object, quote},
};

use crate::{
    allocate::Grant,
    ipam::{Change, Entry, Made, Networks, Vrf},
    owner,
    refused::{Code, Refused},
    release::Farewell,
};

/// Fields to set in a record: a name and a raw JSON value.
pub type Fields = Vec<(&'static str, String)>;

/// A result: its fields, and whether a change had to be made for it.
pub type Row = (Fields, bool);

/// What came of the changes of a batch.
#[derive(Debug, Default)]
pub struct Acted {
    /// Each change, in order; none for one that was not made.
    pub made: Vec<Option<Made>>,
    /// Why some were not.
    pub failed: Option<Stop>,
}

impl Acted {
    /// Every change was made.
    #[must_use]
    pub fn all(made: Vec<Made>) -> Self {
        Self {
            made: made.into_iter().map(Some).collect(),
            failed: None,
        }
    }

    /// What an error of stdout means: after a change, a reader that went away is no success.
    #[must_use]
    pub fn output(&self, error: io::Error) -> Stop {
        let stop = Stop::output(error);
        if self.made.is_empty() && self.failed.is_none() {
            stop
        } else {
            stop.after_acting()
        }
    }
}

/// Writes all records: those that carried an error as they came, the others with
/// their result. Where a change failed half-way, only what was done comes out.
///
/// # Errors
///
/// Those of writing, and that of the failed change.
pub fn write<W: Write>(
    records: &[Kept],
    rows: Vec<Result<Row, Refused>>,
    lines: &mut Lines<W>,
    acted: Acted,
) -> Result<Answer, Stop> {
    let mut rows = rows.into_iter();
    let mut made = acted.made.iter();
    let mut answer = Answer::Yes;
    for kept in records {
        let record = kept.record();
        let row = if record.has_error() {
            None
        } else {
            rows.next()
        };
        let written = match row {
            Some(Ok((mut fields, change))) => {
                // What a rehearsal or an earlier run said need not hold any more.
                for name in ["dry_run", "revived"] {
                    let stale = fields.iter().all(|(field, _)| *field != name)
                        && record.value(name) != Value::Absent;
                    fields.extend(stale.then(|| (name, "false".to_owned())));
                }
                let undone = change && matches!(made.next(), Some(None));
                if undone {
                    Ok(())
                } else {
                    lines.write(record, &borrowed(&fields))
                }
            }
            Some(Err(refused)) => {
                answer = Answer::No;
                lines.fail(record, &[], refused.code.as_str(), &refused.message)
            }
            None => {
                answer = Answer::No;
                lines.write(record, &[])
            }
        };
        written.map_err(|error| acted.output(error))?;
    }
    lines.flush().map_err(|error| acted.output(error))?;
    acted.failed.map_or(Ok(answer), Err)
}

/// Writes a batch of which nobody knows whether it was carried out.
///
/// # Errors
///
/// Always: a reply was lost (exit code 3).
pub fn unknown<W: Write>(
    records: &[Kept],
    results: Vec<Result<Grant, Refused>>,
    what: &str,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let told = |_| Err(Refused::new(Code::UnknownOutcome, what));
    let rows = results.into_iter().map(told).collect();
    let failed = Some(Stop::outside(anyhow!("{what}")));
    write(
        records,
        rows,
        lines,
        Acted {
            made: Vec::new(),
            failed,
        },
    )
}

/// Writes a batch whose new addresses were made but could not be read back: nobody should
/// use them yet, and everybody should know of them.
///
/// # Errors
///
/// Always: a read failed (exit code 3).
pub fn unverified<W: Write>(
    records: &[Kept],
    results: Vec<Result<Grant, Refused>>,
    made: &[Made],
    cause: &Stop,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let mut made = made.iter();
    let mut addresses = Vec::new();
    let mut told = |mut grant: Grant| match grant.change {
        None => Ok(granted(&grant, true, false)),
        Some(Change::Create(_)) => {
            grant.settle(made.next());
            let address = format!("{}/{}", grant.address, grant.length);
            let id = number(grant.id.map(|id| id.0));
            let message = format!(
                "{address} was made (ipam_id {id}) but could not be verified; run this again, which gives it"
            );
            addresses.push(address);
            Err(Refused::new(Code::Unverified, message))
        }
        Some(_) => Err(Refused::batch()),
    };
    let rows = results
        .into_iter()
        .map(|result| result.and_then(&mut told))
        .collect();
    let what = anyhow!(
        "made {}, but could not verify: {cause}",
        addresses.join(", ")
    );
    let failed = Some(Stop::outside(what).hint("run this again: it gives the same"));
    write(
        records,
        rows,
        lines,
        Acted {
            made: Vec::new(),
            failed,
        },
    )
}

/// What `allocate` says of a request.
#[must_use]
pub fn granted(grant: &Grant, ids: bool, dry_run: bool) -> Row {
    let mut fields = vec![
        (
            "address",
            quote(&format!("{}/{}", grant.address, grant.length)),
        ),
        (
            "prefix",
            text(grant.prefix.map(|net| net.to_string()).as_deref()),
        ),
        ("vlan", number(grant.vlan)),
        ("dns_name", quote(&grant.dns_name)),
    ];
    fields.extend(outcome(grant.change.is_some(), dry_run));
    // An owner's own address that was retired, and with it perhaps an old guest's backups.
    let revived = matches!(grant.change, Some(Change::Mark(..)));
    fields.extend(revived.then(|| ("revived", "true".to_owned())));
    if ids {
        fields.push(("ipam_id", number(grant.id.map(|id| id.0))));
    }
    (fields, grant.change.is_some())
}

/// What `release` says of an owner.
#[must_use]
pub fn released(farewell: &Farewell, networks: &Networks, ids: bool, dry_run: bool) -> Row {
    let entry = farewell.entry.as_ref();
    let mut fields = entry.map_or_else(Vec::new, |entry| placed(entry, networks));
    let change = farewell.change.is_some();
    fields.extend(outcome(change, dry_run));
    if ids {
        fields.extend(entry.map(|entry| ("ipam_id", entry.id.0.to_string())));
    }
    (fields, change)
}

/// Where a recorded address is.
#[must_use]
pub fn placed(entry: &Entry, networks: &Networks) -> Fields {
    let prefix = networks.holding(entry.address, &entry.vrf);
    vec![
        (
            "address",
            quote(&format!("{}/{}", entry.address, entry.length)),
        ),
        (
            "prefix",
            text(prefix.map(|prefix| prefix.net.to_string()).as_deref()),
        ),
        ("vlan", number(prefix.and_then(|prefix| prefix.vlan))),
        ("dns_name", quote(&entry.dns_name)),
    ]
}

/// Whose a recorded address is.
#[must_use]
pub fn owned(entry: &Entry) -> Fields {
    let (name, interface) = owner::parts(entry.key.as_deref().unwrap_or_default());
    let mut fields = vec![("name", quote(name))];
    fields.extend(interface.map(|interface| ("interface", quote(interface))));
    fields
}

/// A prefix that was asked for and is not there.
#[must_use]
pub fn absent(net: Option<IpNet>, vlan: Option<u64>, vrf: Option<&Vrf>, why: &Refused) -> Fields {
    let net = net.map(|net| net.to_string());
    let error = error_object(why.code.as_str(), &why.message);
    vec![
        ("prefix", text(net.as_deref())),
        ("vlan", number(vlan)),
        ("vrf", text(vrf.and_then(Vrf::name))),
        ("error", error),
    ]
}

/// Whether something was changed, or would be.
#[must_use]
pub fn outcome(changed: bool, dry_run: bool) -> Fields {
    let mut fields = vec![("changed", changed.to_string())];
    fields.extend(dry_run.then(|| ("dry_run", "true".to_owned())));
    fields
}

/// A number or null.
#[must_use]
pub fn number(value: Option<u64>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

/// A text or null.
#[must_use]
pub fn text(value: Option<&str>) -> String {
    value.map_or("null".to_owned(), quote)
}

/// As the writer takes them.
#[must_use]
pub fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
