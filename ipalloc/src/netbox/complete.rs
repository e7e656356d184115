//! The second half of making a record whose role hosts share, see [`crate::pending`].

use core::fmt::Display;

use serde_json::{Value, json};
use vmid::exit::Stop;

use super::{NetBox, answer::Record, api::Api, change::Undone};
use crate::{
    ipam::{Change, Made},
    pending,
    refused::{Code, Refused},
};

impl NetBox {
    /// What became of a new record, once it has its role as well. Where it can't get that, the
    /// address stays: `failed` says why the run ends, if it is no rule about this record alone.
    pub(super) fn completed(&self, record: &Record, failed: &mut Option<Stop>) -> Made {
        let made = super::made(record);
        let Some(Change::Complete(_, role, comments, None)) = pending::completion(&record.entry)
        else {
            return made;
        };
        let cause = match failed {
            Some(stop) => Some(stop.to_string()),
            None => match self.api.complete(record, role, &comments, None) {
                Ok(()) => None,
                Err(Undone::Refused(refused)) => Some(refused.message),
                Err(Undone::Denied(stop) | Undone::Changed(stop) | Undone::Stop(stop)) => {
                    let cause = stop.to_string();
                    *failed = Some(stop);
                    Some(cause)
                }
            },
        };
        let lacks = cause.map(|cause| unfinished(&record.entry, "was made", role, &cause));
        Made { lacks, ..made }
    }

    /// What became of a record that an earlier run has made. Where the server refuses it the role,
    /// the address is its owner's all the same.
    ///
    /// # Errors
    ///
    /// Nobody knows whether it has the role.
    pub(super) fn finished(
        &self,
        record: &Record,
        role: &str,
        comments: &str,
    ) -> Result<Made, Undone> {
        let cause = match self.api.complete(record, role, comments, None) {
            Ok(()) => None,
            Err(Undone::Refused(refused)) => Some(refused.message),
            Err(Undone::Denied(stop)) => Some(stop.to_string()),
            Err(undone) => return Err(undone),
        };
        Ok(Made {
            id: Some(record.entry.id),
            lacks: cause.map(|cause| unfinished(&record.entry, "is there", role, &cause)),
            ..Made::default()
        })
    }
}

/// It is what its record says, but for its role.
pub(super) fn unfinished(entry: impl Display, done: &str, role: &str, cause: &str) -> Refused {
    let message = format!(
        "{entry} {done}, but has not got the role {role}: {cause}; run this again, which gives it"
    );
    Refused::new(Code::Unfinished, message)
}

impl Api {
    /// Gives a record its role. Another run for the same owner may have been faster, which is as well.
    pub fn complete(
        &self,
        record: &Record,
        role: &str,
        comments: &str,
        status: Option<&str>,
    ) -> Result<(), Undone> {
        let mut body = json!({ "role": role, "comments": comments });
        if let Some(status) = status {
            body["status"] = json!(status);
        }
        let undone = match self.patch(record, body) {
            Ok(()) => return Ok(()),
            Err(undone) => undone,
        };
        let path = format!("/api/ipam/ip-addresses/{}/", record.entry.id.0);
        let now = self.get(&path);
        let is_done = |now: &Value| {
            let has_status = status.is_none_or(|status| now["status"]["value"] == status);
            now["role"]["value"] == role && has_status
        };
        match now.is_ok_and(|now| is_done(&now)) {
            true => Ok(()),
            false => Err(undone),
        }
    }
}
