//! The fields of a row of a snapshot list, checked one by one.
//!
//! A field that decides about a removal must be there and of its type; nothing is
//! guessed. What doesn't decide anything isn't looked at.

use std::{borrow::Cow, fmt};

use vmid::stream::Value;

use crate::{calendar::TIMES, json_text, retention::Verification};

/// Which rule a row broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No field of that name.
    Missing(&'static str),
    /// The field is something else than it must be.
    NotA(&'static str, &'static str, String),
    /// The time is outside of what PBS knows.
    OutOfRange(String),
    /// It is a row of another list: what it is, and which command prints the right one.
    OfAnotherList(&'static str, &'static str),
}

impl Fault {
    /// What to say besides: the command that prints a list of snapshots.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OfAnotherList(_, hint) => Some(hint),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::NotA(name, wanted, found) => write!(f, "{name} is {found}, not {wanted}"),
            Self::OutOfRange(found) => write!(
                f,
                "backup-time {found} is outside the years 0 to 9999 (UTC)"
            ),
            Self::OfAnotherList(what, _) => write!(f, "this is {what}"),
        }
    }
}

pub(crate) fn namespace(raw: Option<&str>) -> Result<Option<Cow<'_, str>>, Fault> {
    match raw.map_or(Value::Absent, Value::of) {
        Value::Absent | Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        _ => Err(not_a("ns", "text", raw.unwrap_or_default())),
    }
}

pub(crate) fn text<'a>(name: &'static str, raw: Option<&'a str>) -> Result<Cow<'a, str>, Fault> {
    let raw = raw.ok_or(Fault::Missing(name))?;
    match Value::of(raw) {
        Value::Text(text) if !text.is_empty() => Ok(text),
        _ => Err(not_a(name, "a text that isn't empty", raw)),
    }
}

/// PBS has three types of backups (`BackupType` of pbs-api-types); no other can be in a list of its.
pub(crate) fn kind(raw: Option<&str>) -> Result<Cow<'_, str>, Fault> {
    match text("backup-type", raw)? {
        kind if ["vm", "ct", "host"].contains(&&*kind) => Ok(kind),
        _ => Err(not_a(
            "backup-type",
            "vm, ct or host",
            raw.unwrap_or_default(),
        )),
    }
}

pub(crate) fn time(raw: Option<&str>) -> Result<i64, Fault> {
    let raw = raw.ok_or(Fault::Missing("backup-time"))?;
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a("backup-time", "a whole number of seconds", raw));
    }
    let time = raw.parse().ok().filter(|time| TIMES.contains(time));
    time.ok_or_else(|| Fault::OutOfRange(shown(raw)))
}

pub(crate) fn flag(name: &'static str, raw: Option<&str>) -> Result<Option<bool>, Fault> {
    match raw.map_or(Value::Absent, Value::of) {
        Value::Absent => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        _ => Err(not_a(name, "true or false", raw.unwrap_or_default())),
    }
}

pub(crate) fn verification(raw: Option<&str>) -> Result<Verification, Fault> {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return Ok(Verification::Unknown);
    };
    let wanted = "an object with a state";
    let mut members = json_text::members(raw).ok_or_else(|| not_a("verification", wanted, raw))?;
    let state = members.find(|(name, _)| is_named(name, "state"));
    let (_, state) = state.ok_or_else(|| not_a("verification", wanted, raw))?;
    Ok(if json_text::is_text(state, "ok") {
        Verification::Good
    } else if json_text::is_text(state, "failed") {
        Verification::Failed
    } else {
        Verification::Unknown
    })
}

pub(crate) fn is_named(raw: &str, name: &str) -> bool {
    raw == name || (raw.contains('\\') && json_text::is_text(&format!("\"{raw}\""), name))
}

pub(crate) fn not_a(name: &'static str, wanted: &'static str, raw: &str) -> Fault {
    Fault::NotA(name, wanted, shown(raw))
}

/// A raw value in a message: its beginning says enough.
fn shown(raw: &str) -> String {
    const LONGEST: usize = 40;
    match raw.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &raw[..end]),
        None => raw.to_owned(),
    }
}
