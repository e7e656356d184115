//! The second half of making a record whose role hosts share, see [`crate::pending`].

use serde_json::json;
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
        let Some(Change::Complete(_, role, comments)) = pending::completion(&record.entry) else {
            return made;
        };
        let cause = match failed {
            Some(stop) => Some(stop.to_string()),
            None => match self.api.complete(record, role, &comments) {
                Ok(()) => None,
                Err(Undone::Refused(refused)) => Some(refused.message),
                Err(Undone::Stop(stop)) => {
                    let cause = stop.to_string();
                    *failed = Some(stop);
                    Some(cause)
                }
            },
        };
        let lacks = cause.map(|cause| {
            let message = format!(
                "{} was made, but has not got the role {role}: {cause}; run this again, which gives it",
                record.entry
            );
            Refused::new(Code::Unfinished, message)
        });
        Made { lacks, ..made }
    }
}

impl Api {
    /// Gives a record its role. Another run for the same owner may have been faster, which is as well.
    pub fn complete(&self, record: &Record, role: &str, comments: &str) -> Result<(), Undone> {
        let undone = match self.patch(record, json!({ "role": role, "comments": comments })) {
            Ok(()) => return Ok(()),
            Err(undone) => undone,
        };
        let path = format!("/api/ipam/ip-addresses/{}/", record.entry.id.0);
        let now = self.get(&path);
        match now.is_ok_and(|now| now["role"]["value"] == role) {
            true => Ok(()),
            false => Err(undone),
        }
    }
}
