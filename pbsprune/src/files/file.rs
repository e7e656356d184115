//! One file of the input: its path, size and time, checked.

use std::fmt;

use vmid::stream::{Record, Value};

use crate::calendar::TIMES;

/// A file, as `find` sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, as it came.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, whole seconds since 1970.
    pub mtime: i64,
}

/// Which rule a record broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No field of that name.
    Missing(&'static str),
    /// The field is something else than it must be.
    NotA(&'static str, &'static str, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::NotA(name, wanted, found) => write!(f, "{name} is {found}, not {wanted}"),
        }
    }
}

impl File {
    /// Reads `path`, `size` (bytes) and `mtime` (seconds, with or without a fraction).
    ///
    /// # Errors
    ///
    /// [`Fault`]
    pub fn of(record: &Record<'_>) -> Result<Self, Fault> {
        let path = match field(record, "path")? {
            Value::Text(path) if !path.is_empty() && !path.ends_with('/') => path.into_owned(),
            _ => return Err(not_a(record, "path", "the path of a file")),
        };
        let size = match field(record, "size")? {
            Value::Number(raw) => raw.parse().ok(),
            _ => None,
        };
        let size = size.ok_or_else(|| not_a(record, "size", "a number of bytes"))?;
        let mtime = match field(record, "mtime")? {
            Value::Number(raw) => seconds(raw),
            _ => None,
        };
        let mtime = mtime.ok_or_else(|| not_a(record, "mtime", "a time in seconds since 1970"))?;
        Ok(Self { path, size, mtime })
    }

    /// The path of its folder; empty if it names none.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Its name in that folder.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(&self.path, |(_, name)| name)
    }
}

fn field<'a>(record: &Record<'a>, name: &'static str) -> Result<Value<'a>, Fault> {
    match record.value(name) {
        Value::Absent => Err(Fault::Missing(name)),
        value => Ok(value),
    }
}

/// The whole seconds of `1795226400.1234567890`.
fn seconds(raw: &str) -> Option<i64> {
    let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let time: i64 = whole.parse().ok().filter(|_| digits)?;
    TIMES.contains(&time).then_some(time)
}

fn not_a(record: &Record<'_>, name: &'static str, wanted: &'static str) -> Fault {
    let raw = record.raw(name).unwrap_or_default();
    Fault::NotA(name, wanted, vmid::stream::excerpt(raw).into_owned())
}
