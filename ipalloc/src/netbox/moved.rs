//! Records of NetBox that get another address, and whether anybody else has it: a server can be
//! set up to allow that.

use core::net::IpAddr;
use std::collections::HashSet;

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::exit::Stop;

use super::{NetBox, complete::unfinished};
use crate::{
    ipam::{Applied, Change, Entry, EntryId, Made, Rejection},
    pending,
    refused::Refused,
    shared,
};

/// What gives a record another address; `revived` are the comments of one that was retired.
pub(super) fn body((address, length): (IpAddr, u8), revived: &Option<String>) -> Value {
    let mut body = json!({ "address": format!("{address}/{length}") });
    if let Some(comments) = revived {
        body["status"] = json!("active");
        body["comments"] = json!(comments);
    }
    body
}

/// Why a run ends of which an earlier round has made or moved these records: they are named, and
/// it is no wrong call any more.
pub(super) fn after_acting(stop: Stop, done: &HashSet<EntryId>) -> Stop {
    if done.is_empty() {
        return stop;
    }
    let mut ids: Vec<u64> = done.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let all = ids.join(", ");
    let what = anyhow!("{stop}; before that, this run has made or changed ipam_id {all}");
    Stop::outside(what).hint("run this again: it gives what is there, and the rest")
}

impl NetBox {
    /// Makes the moves among `changes`; if one got an address that somebody else has by now,
    /// everything is to be decided anew.
    pub(super) fn moves(&mut self, changes: &[Change]) -> Result<Option<Applied>, Stop> {
        let mut moved = Vec::new();
        for change in changes {
            let Change::Move(id, (address, length), _) = change else {
                continue;
            };
            let Some(record) = self.records.get(id) else {
                return Err(Stop::outside(anyhow!("record {} was not read", id.0)));
            };
            let entry = Entry {
                address: *address,
                length: *length,
                ..record.entry.clone()
            };
            let done = self.modify(change).and_then(|made| {
                let refused =
                    |refused: Refused| Stop::outside(anyhow!("{entry}: {}", refused.message));
                made.refused.map_or(Ok(()), |why| Err(refused(why)))
            });
            if let Err(stop) = done {
                // Refused because it is taken, or for a reason that stays.
                let others = self.others(std::slice::from_ref(&entry));
                return match others {
                    Ok(true) => {
                        let of = Vec::new();
                        Ok(Some(Applied::Again(Some(Rejection { stop, of }))))
                    }
                    _ => Err(stop),
                };
            }
            self.done.insert(*id);
            moved.push(entry);
        }
        if moved.is_empty() {
            return Ok(None);
        }
        let all: Vec<String> = moved.iter().map(ToString::to_string).collect();
        let unread = |stop: Stop| {
            let all = all.join(", ");
            let what =
                anyhow!("moved to {all}, but could not verify that nobody else has it: {stop}");
            Stop::outside(what).hint("run this again, with --reassign")
        };
        match self.others(&moved) {
            Ok(others) => Ok(others.then_some(Applied::Again(None))),
            Err(stop) => {
                self.done
                    .retain(|id| moved.iter().all(|entry| entry.id != *id));
                Err(unread(stop))
            }
        }
    }

    /// What became of a record that got another address; one in the making gets its role when
    /// it is next asked for: until then nobody else can have taken the address.
    pub(super) fn moved(&self, id: EntryId, address: IpAddr) -> Made {
        let record = self.records.get(&id);
        let role = record.and_then(|record| pending::role(&record.entry));
        let cause = "that takes another change";
        Made {
            id: Some(id),
            address: Some(address),
            lacks: role.map(|role| unfinished(address, "was given", role, cause)),
            ..Made::default()
        }
    }

    /// Somebody else has one of these addresses, too.
    fn others(&self, entries: &[Entry]) -> Result<bool, Stop> {
        let records = self.at(entries.iter().map(|entry| entry.address))?;
        let all = || records.iter().map(|record| &record.entry);
        let has = |entry: &Entry| shared::besides(entry, all()).next().is_some();
        Ok(entries.iter().any(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u64], &str)] = &[
            ("nothing", &[],      "denied"),
            ("two",     &[12, 7], "denied; before that, this run has made or changed ipam_id 7, 12"),
        ];
        for (name, done, want) in cases {
            let done = done.iter().copied().map(EntryId).collect();
            let stop = after_acting(Stop::input(anyhow!("denied")), &done);
            assert_eq!(stop.to_string(), *want, "{name}");
        }
    }
}
