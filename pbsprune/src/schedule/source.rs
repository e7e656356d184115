//! The records that come in: each says by `from` from which list it is; a plain one, of a cron or a
//! Semaphore job, has none.

use std::io::Read;

use serde_json::Value;
use vmid::{
    exit::Stop,
    stream::{self, Kept},
};

use super::spelling::text;
use crate::input::Noted;

/// From which list a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A job as its owner describes it.
    Plain,
    /// `GET /cluster/backup` of Proxmox VE.
    PveBackup,
    /// `GET /cluster/replication`, or `/nodes/{node}/replication`.
    PveReplication,
    /// `{"node"}` with `tz`, the time zone that `GET /nodes/{node}/time` says.
    PveNode,
    /// A guest of `GET /cluster/resources`: `{"vmid", "node", "pool"}`.
    PveGuest,
    /// `GET /storage`.
    PveStorage,
    /// `GET /nodes/{node}/tasks?typefilter=vzdump`.
    PveTask,
    /// `GET /nodes/localhost/time` of the backup server.
    PbsTime,
    /// `GET /admin/gc`.
    PbsGc,
    /// `GET /admin/prune`.
    PbsPrune,
    /// `GET /admin/verify`.
    PbsVerify,
    /// `GET /admin/sync`.
    PbsSync,
    /// `GET /nodes/localhost/tasks`.
    PbsTask,
    /// What could not be seen: `{"list", "right"}`.
    Unseen,
}

impl Source {
    /// All that are named, by their names.
    pub const NAMED: [(&str, Self); 13] = [
        ("pve-backup", Self::PveBackup),
        ("pve-replication", Self::PveReplication),
        ("pve-node", Self::PveNode),
        ("pve-guest", Self::PveGuest),
        ("pve-storage", Self::PveStorage),
        ("pve-task", Self::PveTask),
        ("pbs-time", Self::PbsTime),
        ("pbs-gc", Self::PbsGc),
        ("pbs-prune", Self::PbsPrune),
        ("pbs-verify", Self::PbsVerify),
        ("pbs-sync", Self::PbsSync),
        ("pbs-task", Self::PbsTask),
        ("unseen", Self::Unseen),
    ];

    /// Whether each record of it is a job.
    #[must_use]
    pub fn is_job(self) -> bool {
        use Source::{PbsGc, PbsPrune, PbsSync, PbsVerify, Plain, PveBackup, PveReplication};
        matches!(
            self,
            Plain | PveBackup | PveReplication | PbsGc | PbsPrune | PbsVerify | PbsSync
        )
    }
}

/// A record, or what is wrong with it.
#[derive(Clone, Debug)]
pub enum Row {
    /// One to go by, and as it came.
    Of(Source, Value, Kept),
    /// One that carries an error, or isn't understood: as it came, and why.
    Passed(Kept, Option<String>),
}

/// Reads all of them.
///
/// # Errors
///
/// The input is no stream of records; nothing came at all, or no record, and not `allow_empty`.
pub fn read(input: impl Read, allow_empty: bool) -> Result<Vec<Row>, Stop> {
    let mut noted = Noted::of(input);
    let mut rows = Vec::new();
    stream::read_each(&mut noted, |record| {
        let passed = |why| Row::Passed(record.keep(), why);
        rows.push(match record.has_error() {
            true => passed(None),
            false => match serde_json::from_str::<Value>(record.text()) {
                Ok(value) => match source(&value) {
                    Ok(source) => Row::Of(source, value, record.keep()),
                    Err(why) => passed(Some(why)),
                },
                Err(error) => passed(Some(format!("it can't be read: {error}"))),
            },
        });
        Ok::<(), std::convert::Infallible>(())
    })?;
    if !rows.is_empty() || allow_empty {
        return Ok(rows);
    }
    let what = match noted.something {
        true => "no records came in",
        false => "no records came in: standard input is empty",
    };
    Err(Stop::input(anyhow::anyhow!(what))
        .hint("look at what should have sent them; --allow-empty if there are really none"))
}

fn source(value: &Value) -> Result<Source, String> {
    match value.get("from") {
        None | Some(Value::Null) => Ok(Source::Plain),
        Some(_) => {
            let name = text(value, "from").unwrap_or_default();
            let known = Source::NAMED.iter().find(|(known, _)| *known == name);
            known.map(|(_, source)| *source).ok_or_else(|| {
                let names: Vec<&str> = Source::NAMED.iter().map(|(name, _)| *name).collect();
                let given = &value["from"];
                format!(
                    "from {given} is not known; it is one of {}",
                    names.join(", ")
                )
            })
        }
    }
}
