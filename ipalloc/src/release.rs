//! Which addresses go when their owners do. Pure, as [`crate::allocate`] is.

use std::collections::{HashMap, HashSet};

use core::time::Duration;

use jiff::Timestamp;

use crate::{
    allocate::{all_or_nothing, duplicate},
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
    all_or_nothing(results.iter_mut().collect());
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

/// The entries that bear a name, for messages.
fn bearing<'a>(owner: &Owner, view: &'a View) -> Vec<&'a Entry> {
    let named = |entry: &&Entry| entry.key.is_none() && owner.is_named(&entry.dns_name, None);
    view.entries.iter().filter(named).collect()
}

/// The entries that were retired at least `age` before `now`.
#[must_use]
pub fn overdue(view: &View, age: Duration, now: Timestamp) -> Vec<&Entry> {
    let due = |entry: &&Entry| {
        let since = retired::since(entry).filter(|_| entry.key.is_some());
        let lasted = |since| Duration::try_from(now.duration_since(since));
        since.is_some_and(|since| lasted(since).is_ok_and(|lasted| lasted >= age))
    };
    view.entries.iter().filter(due).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::sample;

    const NOW: &str = "2026-11-22T00:00:00Z";

    #[test]
    fn what_becomes_of_an_address() {
        let view = sample::view(&[
            "10.0.0.2/24 key=web name=web.lab",
            "10.0.0.3/24 key=old retired=2026-11-01",
            "10.0.0.4/24 name=db.lab",
            "10.0.0.5/24 name=two",
            "10.0.0.6/24 name=two.lab",
            "10.0.0.7/24 key=twice",
            "10.0.0.8/24 key=twice",
            "10.0.0.9/24 key=multi/eth0",
            "10.0.0.10/24 key=both name=both",
            "10.0.0.11/24 name=both",
            "10.0.0.12/24 key=hand status=deprecated",
        ]);
        const RETIRE: (bool, bool) = (true, false);
        const FORCE: (bool, bool) = (false, true);
        const BOTH: (bool, bool) = (true, true);
        const PLAIN: (bool, bool) = (false, false);
        #[rustfmt::skip]
        let cases: &[(&str, (&str, Option<&str>), (bool, bool), Result<&str, Code>)] = &[
            ("made by ipalloc",              ("WEB.", None),          PLAIN,  Ok("10.0.0.2/24 freed")),
            ("retired instead",              ("web", None),           RETIRE, Ok("10.0.0.2/24 retired")),
            ("retired before",               ("old", None),           RETIRE, Ok("10.0.0.3/24 as it was")),
            ("deprecated by hand before",    ("hand", None),          RETIRE, Ok("10.0.0.12/24 retired")),
            ("freed after it was retired",   ("old", None),           PLAIN,  Ok("10.0.0.3/24 freed")),
            ("nothing there",                ("gone", None),          PLAIN,  Ok("nothing")),
            ("only of an interface",         ("multi", None),         PLAIN,  Ok("nothing")),
            ("of the interface",             ("multi", Some("eth0")), PLAIN,  Ok("10.0.0.9/24 freed")),
            ("not made by ipalloc",          ("db", None),            PLAIN,  Err(Code::NotOurs)),
            ("forced",                       ("db", None),            FORCE,  Ok("10.0.0.4/24 freed")),
            ("retired by force",             ("db", None),            BOTH,   Ok("10.0.0.4/24 retired for db")),
            ("forced, one of two",           ("two", None),           FORCE,  Err(Code::NotOurs)),
            ("two of its own",               ("twice", None),         FORCE,  Err(Code::NameTaken)),
            ("its own beside nobody's",      ("both", None),          FORCE,  Ok("10.0.0.10/24 freed")),
        ];
        for (name, (guest, interface), (retire, force), want) in cases {
            let manner = Manner {
                retire: *retire,
                force: *force,
                now: NOW.parse().unwrap(),
            };
            let owner = Owner::new(guest, *interface);
            let got = decide(vec![owner], &view, &manner).remove(0);
            let got = got
                .map(|farewell| tell(&farewell))
                .map_err(|refused| refused.code);
            assert_eq!(got.as_deref().map_err(|code| *code), *want, "{name}");
        }
    }

    fn tell(farewell: &Farewell) -> String {
        let Some(entry) = &farewell.entry else {
            assert_eq!(farewell.change, None);
            return "nothing".to_owned();
        };
        let change = match &farewell.change {
            None => "as it was".to_owned(),
            Some(Change::Delete(id)) if *id == entry.id => "freed".to_owned(),
            Some(Change::Mark(id, "deprecated", comments, key)) if *id == entry.id => {
                assert_eq!(*comments, format!("ipalloc: retired {NOW}"));
                let key = key.as_ref().map(|key| format!(" for {key}"));
                format!("retired{}", key.unwrap_or_default())
            }
            Some(other) => format!("{other:?}"),
        };
        format!("{entry} {change}")
    }

    #[test]
    fn all_of_a_batch_or_none() {
        let view = sample::view(&["10.0.0.2/24 key=web", "10.0.0.3/24 name=db"]);
        #[rustfmt::skip]
        let cases: &[(&str, &[(&str, Option<&str>)], &[&str])] = &[
            ("none",               &[],                                          &[]),
            ("one that isn't there", &[("web", None), ("gone", None)],           &["ok", "ok"]),
            ("one bad name",       &[("web", None), ("-", None)],                &["batch", "bad-name"]),
            ("the same owner",     &[("web", None), ("Web", None), ("gone", None)], &["duplicate-name", "duplicate-name", "batch"]),
            ("one record for two", &[("db", None), ("db", Some("eth0"))],        &["batch", "duplicate-name"]),
        ];
        let manner = Manner {
            retire: false,
            force: true,
            now: NOW.parse().unwrap(),
        };
        for (name, owners, want) in cases {
            let owners = owners
                .iter()
                .map(|(name, interface)| Owner::new(name, *interface));
            let results = decide(owners.collect(), &view, &manner);
            let code = |result: &Result<Farewell, Refused>| match result {
                Ok(_) => "ok",
                Err(refused) => refused.code.as_str(),
            };
            assert_eq!(
                results.iter().map(code).collect::<Vec<_>>(),
                *want,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_overdue() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, u64, bool)] = &[
            ("to the second",        "10.0.0.2/24 key=a retired=2026-11-21", 24, true),
            ("not yet",              "10.0.0.2/24 key=a retired=2026-11-21", 25, false),
            ("at once",              "10.0.0.2/24 key=a retired=2026-11-22", 0,  true),
            ("in the future",        "10.0.0.2/24 key=a retired=2026-11-23", 0,  false),
            ("long ago, and back",   "10.0.0.2/24 key=a retired=2026-01-01 status=active", 24, false),
            ("nobody's",             "10.0.0.2/24 retired=2026-01-01",       24, false),
            ("deprecated by others", "10.0.0.2/24 key=a status=deprecated", 24, false),
        ];
        for (name, line, hours, want) in cases {
            let view = sample::view(&[line]);
            let age = Duration::from_secs(hours * 3600);
            let due = overdue(&view, age, NOW.parse().unwrap());
            assert_eq!(due.len(), usize::from(*want), "{name}");
        }
    }
}
