//! Which addresses go when their owners do. Pure, as [`crate::allocate`] is.

use std::collections::{HashMap, HashSet};

use core::time::Duration;

use jiff::Timestamp;

use crate::{
    allocate::{all_or_nothing, duplicate},
    family::Families,
    ipam::{Ask, Change, Entry, View},
    owner::Owner,
    refused::{Code, Refused},
    retired,
    span::Family,
};

/// How to release.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Mark as deprecated, with the time, instead of removing the record.
    pub retire: bool,
    /// Also what ipalloc did not make.
    pub force: bool,
    /// Addresses of these families.
    pub families: Families,
    /// The time to note.
    pub now: Timestamp,
}

/// What becomes of one of an owner's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Its record.
    pub entry: Entry,
    /// What has to be done; none if it was done before.
    pub change: Option<Change>,
}

/// What must be known of the IPAM's addresses to release these owners.
#[must_use]
pub fn ask<'a>(owners: impl IntoIterator<Item = &'a Owner>) -> Ask {
    let mut ask = Ask::default();
    for owner in owners {
        owner.asked(None, &mut ask);
    }
    ask
}

/// What becomes of each owner's addresses, of IPv4 first: all are released, or none.
#[must_use]
pub fn decide(
    owners: Vec<Result<Owner, Refused>>,
    view: &View,
    manner: &Manner,
) -> Vec<Result<Vec<Farewell>, Refused>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for owner in owners.iter().flatten() {
        *seen.entry(owner.key().to_owned()).or_default() += 1;
    }
    let one = |owner: Result<Owner, Refused>| {
        let owner = owner?;
        if seen[owner.key()] > 1 {
            return Err(duplicate(&owner));
        }
        farewells(&owner, view, manner)
    };
    let mut results: Vec<_> = owners.into_iter().map(one).collect();
    let mut leaving = HashSet::new();
    for result in &mut results {
        let entries = result.iter().flatten().map(|farewell| &farewell.entry);
        let again: Vec<_> = entries.filter(|entry| !leaving.insert(entry.id)).collect();
        if let Some(entry) = again.first() {
            let message = format!("{entry} is released by another request of the batch");
            *result = Err(Refused::new(Code::DuplicateName, message));
        }
    }
    all_or_nothing(results.iter_mut().collect());
    results
}

fn farewells(owner: &Owner, view: &View, manner: &Manner) -> Result<Vec<Farewell>, Refused> {
    let entries = view.entries.iter();
    let asked = entries.filter(|entry| manner.families.holds(entry.address));
    let is_own = |entry: &&Entry| entry.key.as_deref().is_some_and(|key| owner.has(key));
    let own: Vec<&Entry> = asked.filter(is_own).collect();
    let list = |entries: &[&Entry]| {
        let all: Vec<String> = entries.iter().map(ToString::to_string).collect();
        all.join(", ")
    };
    let mut leaving = Vec::new();
    for family in [Family::V4, Family::V6] {
        let of_family = |entry: &&Entry| Family::of(entry.address) == family;
        match own.iter().copied().filter(of_family).collect::<Vec<_>>()[..] {
            [] => {}
            [one] => leaving.push(one),
            ref several => {
                let message = format!("{owner} has several addresses: {}", list(several));
                return Err(Refused::new(Code::NameTaken, message));
            }
        }
    }
    if own.is_empty() {
        leaving = bearing(owner, view, manner.families);
        let may = leaving.is_empty() || (manner.force && leaving.len() == 1);
        if !may {
            let message = format!(
                "{owner} was not made by ipalloc: {}; --force releases it if it is the only one",
                list(&leaving)
            );
            return Err(Refused::new(Code::NotOurs, message));
        }
    }
    let farewell = |entry: &Entry| Farewell {
        entry: entry.clone(),
        change: if manner.retire {
            retired::retirement(entry, owner, manner.now)
        } else {
            Some(Change::Delete(entry.id))
        },
    };
    Ok(leaving.into_iter().map(farewell).collect())
}

/// The entries that bear a name, for messages.
fn bearing<'a>(owner: &Owner, view: &'a View, families: Families) -> Vec<&'a Entry> {
    let named = |entry: &&Entry| {
        entry.key.is_none()
            && families.holds(entry.address)
            && owner.is_named(&entry.dns_name, None)
    };
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
            "10.0.0.13/24 key=dual",
            "fd00::13/64 key=dual//6",
            "fd00::14/64 key=old6",
            "fd00::15/64 key=six//6",
            "fd00::16/64 name=bare6",
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
            ("of both families",             ("dual", None),          PLAIN,  Ok("10.0.0.13/24 freed, fd00::13/64 freed")),
            ("retired, of both",             ("dual", None),          RETIRE, Ok("10.0.0.13/24 retired, fd00::13/64 retired")),
            ("IPv6 from before",             ("old6", None),          PLAIN,  Ok("fd00::14/64 freed")),
            ("IPv6 alone",                   ("six", None),           PLAIN,  Ok("fd00::15/64 freed")),
            ("IPv6, nobody's, by force",     ("bare6", None),         BOTH,   Ok("fd00::16/64 retired for bare6//6")),
            ("its own beside nobody's",      ("both", None),          FORCE,  Ok("10.0.0.10/24 freed")),
        ];
        for (name, (guest, interface), (retire, force), want) in cases {
            let manner = Manner {
                retire: *retire,
                force: *force,
                families: Families::Both,
                now: NOW.parse().unwrap(),
            };
            let owner = Owner::new(guest, *interface);
            let got = decide(vec![owner], &view, &manner).remove(0);
            let got = got
                .map(|farewells| tell(&farewells))
                .map_err(|refused| refused.code);
            assert_eq!(got.as_deref().map_err(|code| *code), *want, "{name}");
        }
    }

    fn tell(farewells: &[Farewell]) -> String {
        if farewells.is_empty() {
            return "nothing".to_owned();
        }
        let all: Vec<String> = farewells.iter().map(tell_one).collect();
        all.join(", ")
    }

    fn tell_one(farewell: &Farewell) -> String {
        let entry = &farewell.entry;
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
            families: Families::Both,
            now: NOW.parse().unwrap(),
        };
        for (name, owners, want) in cases {
            let owners = owners
                .iter()
                .map(|(name, interface)| Owner::new(name, *interface));
            let results = decide(owners.collect(), &view, &manner);
            let code = |result: &Result<Vec<Farewell>, Refused>| match result {
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
