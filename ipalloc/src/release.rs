//! Which addresses go when their owners do. Pure, as [`crate::allocate`] is.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    allocate::{all_or_nothing, bearing, duplicate},
    ipam::{Ask, Change, Entry, View},
    owner::Owner,
    refused::{Code, Refused},
    retired,
};

/// How to release.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Mark as deprecated, with the time, instead of removing the record.
    pub retire: bool,
    /// Also what ipalloc did not make.
    pub force: bool,
    /// The time to note.
    pub now: Timestamp,
}

/// What becomes of an owner's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Its record; none if the owner has no address.
    pub entry: Option<Entry>,
    /// What has to be done; none if it was done before.
    pub change: Option<Change>,
}

/// What must be known of the IPAM's addresses to release these owners.
#[must_use]
pub fn ask<'a>(owners: impl IntoIterator<Item = &'a Owner>) -> Ask {
    let mut ask = Ask::default();
    for owner in owners {
        ask.keys.insert(owner.key().to_owned());
        ask.names.insert(owner.name().to_owned());
    }
    ask
}

/// What becomes of each owner's address: all are released, or none.
#[must_use]
pub fn decide(
    owners: Vec<Result<Owner, Refused>>,
    view: &View,
    manner: &Manner,
) -> Vec<Result<Farewell, Refused>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for owner in owners.iter().flatten() {
        *seen.entry(owner.key().to_owned()).or_default() += 1;
    }
    let one = |owner: Result<Owner, Refused>| {
        let owner = owner?;
        if seen[owner.key()] > 1 {
            return Err(duplicate(&owner));
        }
        farewell(&owner, view, manner)
    };
    let mut results: Vec<_> = owners.into_iter().map(one).collect();
    let mut leaving = HashSet::new();
    for result in &mut results {
        let entry = result
            .as_ref()
            .ok()
            .and_then(|farewell| farewell.entry.as_ref());
        if let Some(entry) = entry.filter(|entry| !leaving.insert(entry.id)) {
            let message = format!("{entry} is released by another request of the batch");
            *result = Err(Refused::new(Code::DuplicateName, message));
        }
    }
    all_or_nothing(&mut results);
    results
}

fn farewell(owner: &Owner, view: &View, manner: &Manner) -> Result<Farewell, Refused> {
    let own = |entry: &&Entry| entry.key.as_deref() == Some(owner.key());
    let own: Vec<&Entry> = view.entries.iter().filter(own).collect();
    let bearing = if own.is_empty() {
        bearing(owner, view)
    } else {
        Vec::new()
    };
    let list = |entries: &[&Entry]| {
        entries
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let entry = match (own.as_slice(), bearing.as_slice()) {
        ([one], _) => *one,
        ([], []) => {
            return Ok(Farewell {
                entry: None,
                change: None,
            });
        }
        ([], [one]) if manner.force => *one,
        ([], several) => {
            let message = format!(
                "{owner} was not made by ipalloc: {}; --force releases it if it is the only one",
                list(several)
            );
            return Err(Refused::new(Code::NotOurs, message));
        }
        (several, _) => {
            let message = format!("{owner} has several addresses: {}", list(several));
            return Err(Refused::new(Code::NameTaken, message));
        }
    };
    let change = if manner.retire {
        retired::retirement(entry, owner, manner.now)
    } else {
        Some(Change::Delete(entry.id))
    };
    Ok(Farewell {
        entry: Some(entry.clone()),
        change,
    })
}

/// The entries that were retired at least `age` before `now`.
#[must_use]
pub fn overdue(view: &View, age: SignedDuration, now: Timestamp) -> Vec<&Entry> {
    let due = |entry: &&Entry| {
        let since = retired::since(entry).filter(|_| entry.key.is_some());
        since.is_some_and(|since| now.duration_since(since) >= age)
    };
    view.entries.iter().filter(due).collect()
}
